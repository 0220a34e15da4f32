/**
 * Colours by what they mean, on light and on dark paper.
 *
 * Charts name a colour (`ink("none")`), and whoever shows the chart gives the colours of the reader's scheme. The hues
 * of one chart differ in lightness too, and errors are hatched, so that none of them is told by its hue alone.
 */

/**
 * On light and on dark paper. No two light colours are the same: the picture tells them apart by it.
 *
 * @since 0.1.0
 * @category testing
 */
export const colours = {
  paper: ["#fdfcfa", "#16181c"],
  card: ["#f4f2ed", "#1e2126"],
  ink: ["#1d1c1a", "#ece9e3"],
  quiet: ["#5e5a53", "#aaa69e"],
  line: ["#dedad2", "#363a41"],
  none: ["#2b6cb0", "#4a90d6"],
  fallback: ["#86bde4", "#a9d3f2"],
  stale: ["#e0a52e", "#dca436"],
  canned: ["#9a78b4", "#a784c4"],
  errors: ["#c8401f", "#e8643f"],
  scratch: ["#fbe9e3", "#4a1a0d"],
  onDark: ["#ffffff", "#14161a"],
  onLight: ["#141312", "#131415"],
  slow: ["#f6ead0", "#2f2a1d"],
  down: ["#f3ddd5", "#382420"],
  recovering: ["#e6efe2", "#212b22"],
  model1: ["#4b3f8f", "#8f82dc"],
  model2: ["#1f8f82", "#2fa99a"],
  model3: ["#d2bf4a", "#cdbb53"],
  model4: ["#c97f5c", "#cf8a68"],
  open: ["#3a3844", "#d5d2dc"],
  halfOpen: ["#e3a01c", "#f0b03a"],
  closed: ["#b4b0a8", "#5c6069"]
} as const satisfies Record<string, readonly [light: string, dark: string]>

/**
 * The name of a colour.
 *
 * @since 0.1.0
 * @category models
 */
export type Colour = keyof typeof colours

/**
 * A colour as a chart names it.
 *
 * @since 0.1.0
 * @category testing
 */
export const ink = (colour: Colour): string => `var(--${colour})`

/**
 * The fill of errors: their colour, hatched.
 *
 * @since 0.1.0
 * @category testing
 */
export const hatched = "url(#hatched)"

/**
 * What `hatched` refers to; once a document.
 *
 * @since 0.1.0
 * @category testing
 */
export const hatching =
  `<pattern id="hatched" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">`
  + `<rect width="6" height="6" fill="${ink("errors")}"/><rect width="1.5" height="6" fill="${
    ink("scratch")
  }"/></pattern>`

/**
 * The colour of a model by its place in the chain.
 *
 * @since 0.1.0
 * @category testing
 */
export const modelInk = (place: number): string => ink((["model1", "model2", "model3", "model4"] as const)[place % 4]!)

/** The declarations of all colours of a scheme. */
export const declarations = (scheme: "light" | "dark"): string =>
  Object.entries(colours).map(([name, [light, dark]]) => `--${name}:${scheme === "light" ? light : dark}`).join(";")
