/** A share against its threshold. */
import { html, nothing, svg, type TemplateResult } from "lit"

const atMost1 = (value: number) => Math.max(0, Math.min(1, value))

/** `threshold` is marked; at it or above, the bar is bad. */
export const bar = (value: number | undefined, threshold?: number): TemplateResult => {
  const tone = value === undefined || threshold === undefined || threshold <= 0
    ? "plain"
    : value >= threshold
    ? "bad"
    : value >= threshold / 2
    ? "near"
    : "plain"
  return html`<svg class="bar ${tone}" viewBox="0 0 100 6" preserveAspectRatio="none" aria-hidden="true">
    <rect class="track" width="100" height="6"></rect>
    <rect class="fill" width=${100 * atMost1(value ?? 0)} height="6"></rect>
    ${
    threshold === undefined
      ? nothing
      : svg`<rect class="mark" x=${Math.min(98.5, 100 * atMost1(threshold))} width="1.5" height="6"></rect>`
  }
  </svg>`
}
