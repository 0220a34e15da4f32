/** The page around a report. */
import { type Markup, markup, trusted } from "./markup.ts"
import { hatching } from "./palette.ts"
import { style } from "./style.ts"

/**
 * What a page is made of.
 *
 * @since 0.1.0
 * @category options
 */
export interface Page {
  readonly title: string
  readonly main: Markup
}

/**
 * A page that needs no network, no script and no second file. The same parts give the same bytes.
 *
 * @since 0.1.0
 * @category testing
 */
export const html = ({ main, title }: Page): string =>
  markup`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width,initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${title}</title>
<link rel="icon" href="data:,">
<style>${trusted(style)}</style>
</head>
<body>
<svg width="0" height="0" style="position:absolute" aria-hidden="true"><defs>${trusted(hatching)}</defs></svg>
<main>
${main}
</main>
</body>
</html>
`.markup
