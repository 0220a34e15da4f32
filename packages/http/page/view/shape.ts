/** A state by its shape, so that it can be told without colours. */
import { svg, type TemplateResult } from "lit"
import type { State } from "../readings.ts"

const shapes: Readonly<Record<State, TemplateResult>> = {
  Closed: svg`<circle cx="8" cy="8" r="6"/>`,
  Open: svg`<rect x="2" y="2" width="12" height="12"/>`,
  HalfOpen: svg`<circle cx="8" cy="8" r="5.5" class="line"/><path d="M8 2.5a5.5 5.5 0 0 1 0 11z"/>`,
  ForcedOpen: svg`<path d="M8 1l7 13H1z"/>`,
  Disabled: svg`<circle cx="8" cy="8" r="5.5" class="line"/><path d="M4 12l8-8" class="line"/>`,
  MetricsOnly: svg`<path d="M8 2l6 6-6 6-6-6z" class="line"/>`
}

export const shapeOf = (state: State): TemplateResult =>
  svg`<svg class="shape" viewBox="0 0 16 16" aria-hidden="true" data-state=${state}>${shapes[state]}</svg>`
