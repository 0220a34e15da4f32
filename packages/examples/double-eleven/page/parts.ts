/** What this page has in common with other reports. */
import { ReportPage } from "@switchgear/core/testing"

export const { colours, escape, hatched, hatching, ink, markup, modelInk, trusted } = ReportPage

export type Colour = ReportPage.Colour
export type Markup = ReportPage.Markup
