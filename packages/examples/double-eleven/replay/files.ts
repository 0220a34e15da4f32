/** The report on disk. */
import { ReportPage } from "@switchgear/core/testing"
import { html } from "../page/html.ts"
import type { ReportData } from "./reportData.ts"

export const { prepare } = ReportPage

/** Writes `report.json` and `report.html` into the folder; answers their paths. */
export const write = (folder: string, data: ReportData) =>
  ReportPage.write(folder, { "report.json": json(data), "report.html": html(data) })

export const json = (data: ReportData): string => `${JSON.stringify(data)}\n`
