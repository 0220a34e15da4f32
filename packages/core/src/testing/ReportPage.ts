/**
 * Parts of pages that report on a night: one file of HTML each, which needs no network and no script, in light and dark. The
 * reports of `npm run replay` and of `switchgear rehearse` are made of them.
 *
 * ```ts
 * import { ReportPage } from "@switchgear/core/testing"
 *
 * const main = ReportPage.markup`<h1>${"Errors < 1 %"}</h1>`
 * const page = ReportPage.html({ title: "A calm night", main })
 *
 * page.includes("<h1>Errors &lt; 1") // => true
 * page.includes("<title>A calm night</title>") // => true
 * ```
 *
 * @since 0.1.0
 */
export { html, type Page } from "./reportPage/html.ts"
export { escape, type Hole, type Markup, markup, trusted } from "./reportPage/markup.ts"
export { type Colour, colours, hatched, hatching, ink, modelInk } from "./reportPage/palette.ts"
export { prepare, write } from "./reportPage/write.ts"
