/** The nights in words. */
import { endings } from "./model.ts"
import type { NightReport, Report } from "./report.ts"
import { brokenText, seconds, shares } from "./words.ts"

export const render = ({ kinds, nights, promises, target }: Report): string =>
  [
    `Rehearsed ${JSON.stringify(target)}, asked by ${kinds.join(", ")}. Promises: ${promises.join(", ")}.`,
    ...nights.flatMap((night) => ["", ...nightOf(night)])
  ].join("\n")

const nightOf = (report: NightReport): ReadonlyArray<string> => {
  const { about, broken, cost, customers, errors, keyWhileDown, kinds, models, night, others, p50, p95 } = report
  const isFlood = endings.some((ending) => others[ending] !== report.endings[ending])
  const tags = Object.entries(errors).map(([tag, count]) => `${count} ${tag}`)
  return [
    `${broken.length === 0 ? "✓" : "✗"} ${night}: ${about}`,
    `    ${customers} customers: ${shares(report.endings)}; half within ${seconds(p50)}, 95% within ${seconds(p95)}`,
    ...isFlood ? [`    Those who make no flood: ${shares(others)}`] : [],
    ...kinds.length > 1 ? kinds.map(({ endings, kind }) => `    ${kind}: ${shares(endings)}`) : [],
    ...tags.length > 0 ? [`    Errors: ${tags.join(", ")}`] : [],
    ...models.map(({ calls, model, mostAtOnce, whileDown }) =>
      `    ${model}: ${calls} calls, at most ${mostAtOnce} at once${
        whileDown > 0 ? `, ${whileDown} while it could not answer` : ""
      }`
    ),
    ...keyWhileDown === undefined ? [] : [`    The spent key: ${keyWhileDown} calls of all models`],
    ...cost === undefined ? [] : [`    Cost: $${cost.toFixed(2)}`],
    ...broken.map((one) => `    Broken: ${brokenText(one)}. To mend it: ${one.remedy}`)
  ]
}
