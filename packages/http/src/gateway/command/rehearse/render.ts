/** The nights in words. */
import type { Config } from "../../config/model.ts"
import { endings, type Figures } from "./model.ts"
import { brokenIn, type Promised } from "./promises.ts"
import { remedyOf } from "./remedies.ts"

export const render = (
  nights: ReadonlyArray<Figures>,
  promises: ReadonlyArray<Promised>,
  config: Config,
  target: string
): string =>
  [
    `Rehearsed ${JSON.stringify(target)}. Promises: ${promises.map(({ text }) => text).join(", ")}.`,
    ...nights.flatMap((night) => ["", ...nightOf(night, promises, config, target)])
  ].join("\n")

const nightOf = (
  figures: Figures,
  promises: ReadonlyArray<Promised>,
  config: Config,
  target: string
): ReadonlyArray<string> => {
  const { about, cost, customers, errors, models, night, others, p50, p95 } = figures
  const broken = brokenIn(figures, promises)
  const shares = (counts: Figures["endings"]) => {
    const all = endings.reduce((sum, ending) => sum + counts[ending], 0)
    return endings.filter((ending) => counts[ending] > 0)
      .map((ending) => `${percent(counts[ending] / all)} ${ending}`).join(", ")
  }
  const isFlood = endings.some((ending) => others[ending] !== figures.endings[ending])
  const tags = Object.entries(errors).map(([tag, count]) => `${count} ${tag}`)
  return [
    `${broken.length === 0 ? "✓" : "✗"} ${night}: ${about}`,
    `    ${customers} customers: ${shares(figures.endings)}; half within ${seconds(p50)}, 95% within ${seconds(p95)}`,
    ...isFlood ? [`    Those of the other clients: ${shares(others)}`] : [],
    ...tags.length > 0 ? [`    Errors: ${tags.join(", ")}`] : [],
    ...models.map(({ calls, model, mostAtOnce, whileDown }) =>
      `    ${model}: ${calls} calls, at most ${mostAtOnce} at once${
        whileDown > 0 ? `, ${whileDown} while it could not answer` : ""
      }`
    ),
    ...cost === undefined ? [] : [`    Cost: $${cost.toFixed(2)}`],
    ...broken.map((one) =>
      `    Broken: ${one.promised.text}, was ${valueText(one.promised.figure, one.value)}. To mend it: ${
        remedyOf(one, figures, config, target)
      }`
    )
  ]
}

const percent = (share: number): string => `${(100 * share).toFixed(share < 0.1 && share > 0 ? 2 : 1)}%`

const seconds = (millis: number): string =>
  millis < 100 ? `${Math.round(millis)} ms` : `${(millis / 1000).toFixed(1)} s`

const valueText = (figure: Promised["figure"], value: number): string =>
  figure === "p95" ? seconds(value) : figure === "cost" ? `$${value.toFixed(2)}` : percent(value)
