/** What the colours, hatchings and dashes of the charts mean. */
import { kinds } from "./charts/answers.ts"
import { percentiles } from "./charts/latency.ts"
import { ink, type Markup, markup, modelInk } from "./parts.ts"

const key = (entries: ReadonlyArray<readonly [swatch: Markup, name: string]>): Markup =>
  markup`<ul class="key">${
    entries.map(([swatch, name]) => markup`<li><svg viewBox="0 0 22 14" aria-hidden="true">${swatch}</svg>${name}</li>`)
  }</ul>`

const area = (fill: string): Markup => markup`<rect width="22" height="14" rx="2" fill="${fill}"/>`

const line = (stroke: string, width: number, dashes: string): Markup =>
  markup`<path d="M0,7H22" stroke="${stroke}" stroke-width="${width}" stroke-dasharray="${dashes}"/>`

export const answers: Markup = key(kinds.map(({ fill, name }) => [area(fill), name] as const))

export const waits: Markup = key(
  percentiles.map(({ name, stroke, strokeDasharray, strokeWidth }) =>
    [line(stroke, strokeWidth, strokeDasharray), `${name} waited at most`] as const
  )
)

export const circuits: Markup = key([
  [markup`<rect y="6" width="22" height="2" fill="${ink("closed")}"/>`, "closed: calls go through"],
  [markup`<rect y="3" width="22" height="8" fill="${ink("open")}"/>`, "open: no call is made"],
  [markup`<rect x="9" y="1" width="3" height="12" fill="${ink("halfOpen")}"/>`, "asks again with a few calls"]
])

/** The models by their places in the chain, and the customers they are measured by. */
export const calls = (models: ReadonlyArray<string>): Markup =>
  key([
    ...models.map((model, place) => [area(modelInk(place)), model] as const),
    [line(ink("ink"), 1.2, "3 2"), "customers who ask"]
  ])
