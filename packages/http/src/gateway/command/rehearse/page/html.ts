/** A rehearsal as a page: what was promised, and what became of it in each night. */
import { ReportPage } from "@switchgear/core/testing"
import { type Ending, endings, sumOf } from "../model.ts"
import type { NightReport, Report } from "../report.ts"
import { brokenText, clock, percent, seconds, shares, valueText } from "../words.ts"
import { draw } from "./chart.ts"

const { hatched, ink, markup, modelInk, trusted } = ReportPage

type Markup = ReportPage.Markup

export const html = (report: Report): string => {
  const { kinds, nights, promises, seed, target } = report
  const headline = headlineOf(report)
  const main = markup`<header>
<p class="kicker">Rehearsed in virtual time: ${target}</p>
<h1>${headline}</h1>
<p class="lead">${leadOf(report)}</p>
</header>
<section aria-labelledby="promises">
<h2 id="promises">The promises</h2>
<div class="scroll"><table>
<thead><tr><td></td>${promises.map((promise) => markup`<th scope="col">${promise}</th>`)}</tr></thead>
<tbody>${
    nights.map(({ broken, night, values }) =>
      markup`<tr><th scope="row"><a href="#${idOf(night)}">${night}</a></th>${
        values.map(({ figure, promise, value }) =>
          markup`<td>${
            value === null
              ? markup`–`
              : broken.some((one) => one.promise === promise)
              ? markup`<b>✗ ${valueText(figure, value)}</b>`
              : markup`✓ ${valueText(figure, value)}`
          }</td>`
        )
      }</tr>`
    )
  }</tbody>
</table></div>
<p class="quiet">✗ is a promise that the file does not keep. A dash is what did not happen in that night.</p>
</section>
${nights.map((night) => sectionOf(night, report))}
<footer>
<p class="quiet">Customers asked by ${
    kinds.join(", ")
  }, each as often. The providers are simulated; the models, circuits, limits, caches and budgets are those of the file. The same file and seed (<code>${seed}</code>) give the same bytes.</p>
</footer>`
  return ReportPage.html({ title: `${target}: ${headline}`, main })
}

const headlineOf = ({ nights }: Report): string => {
  const kept = nights.filter(({ broken }) => broken.length === 0).length
  return kept === nights.length
    ? `Every promise was kept in ${nights.length === 1 ? "the night" : `all ${nights.length} nights`}.`
    : `Promises are broken in ${nights.length - kept} of ${nights.length} nights.`
}

/** The first broken promise, with the option that mends it. */
const leadOf = ({ nights, promises }: Report): string => {
  const first = nights.find(({ broken }) => broken.length > 0)
  const [broken] = first?.broken ?? []
  return first === undefined || broken === undefined
    ? `Promised were ${promises.join(", ")}.`
    : `The first to break, in “${first.night}”: ${brokenText(broken)}. To mend it: ${broken.remedy}`
}

const idOf = (night: string): string => night.replaceAll(" ", "-")

const sectionOf = (report: NightReport, all: Report): Markup => {
  const { about, broken, cost, customers, errors, keyWhileDown, kinds, models, night, others, p50, p95 } = report
  const isFlood = endings.some((ending) => others[ending] !== report.endings[ending])
  const tags = Object.entries(errors)
  return markup`<section aria-labelledby="${idOf(night)}">
<h2 id="${idOf(night)}">${broken.length === 0 ? "✓" : "✗"} ${night}</h2>
<p>${about}. ${customers} customers got ${shares(report.endings)}. ${
    isFlood ? `Those who make no flood: ${shares(others)}. ` : ""
  }Half of ${isFlood ? "these" : "them"} waited at most ${seconds(p50)}, 19 of 20 at most ${seconds(p95)}.${
    cost === undefined ? "" : ` It cost $${cost.toFixed(2)}.`
  }</p>
${
    broken.length === 0
      ? undefined
      : markup`<ul>${
        broken.map((one) => markup`<li><b>Broken: ${brokenText(one)}.</b> To mend it: ${one.remedy}</li>`)
      }</ul>`
  }
<ul class="key">${
    endings.filter((ending) => report.endings[ending] > 0).map((ending) => keyOf(fillOf[ending], ending))
  }</ul>
<ul class="key">${models.map(({ model }, place) => keyOf(modelInk(place), `calls to ${model}`))}</ul>
<div class="lanes">
${chartOf("Answers a second, by what they are", answers(report))}
${chartOf("Longest wait of 19 of 20", waits(report, all))}
${chartOf("Calls a second, by model", calls(report))}
</div>
<p class="quiet">${spellsText(report)}${changesText(report)}</p>
<div class="scroll"><table>
<thead><tr><td></td>${endings.map((ending) => markup`<th scope="col">${ending}</th>`)}</tr></thead>
<tbody>${
    kinds.map(({ endings: counts, kind }) =>
      markup`<tr><th scope="row">${kind}</th>${
        endings.map((ending) => markup`<td>${sumOf(counts) === 0 ? "–" : percent(counts[ending] / sumOf(counts))}</td>`)
      }</tr>`
    )
  }</tbody>
</table></div>
<div class="scroll"><table>
<thead><tr><td></td><th scope="col">calls</th><th scope="col">while it could not answer</th><th scope="col">at most at once</th></tr></thead>
<tbody>${
    models.map(({ calls, model, mostAtOnce, whileDown }) =>
      markup`<tr><th scope="row">${model}</th><td>${calls}</td><td>${whileDown}</td><td>${mostAtOnce}</td></tr>`
    )
  }</tbody>
</table></div>
${
    keyWhileDown === undefined
      ? undefined
      : markup`<p class="quiet">The spent key got ${keyWhileDown} calls of all models.</p>`
  }
${
    tags.length === 0
      ? undefined
      : markup`<p class="quiet">Errors: ${tags.map(([tag, count]) => `${count} ${tag}`).join(", ")}.</p>`
  }
</section>`
}

const fillOf: Readonly<Record<Ending, string>> = {
  "asked-for": ink("none"),
  fallback: ink("fallback"),
  stale: ink("stale"),
  sentence: ink("canned"),
  error: hatched,
  left: ink("closed")
}

const keyOf = (fill: string, name: string): Markup =>
  markup`<li>${
    trusted(`<svg viewBox="0 0 22 14" aria-hidden="true"><rect width="22" height="14" rx="3" fill="${fill}"/></svg>`)
  }${name}</li>`

const chartOf = (title: string, chart: string): Markup =>
  markup`<div class="lane"><h3>${title}</h3>${trusted(chart)}</div>`

const frameOf = ({ seconds, series: { interval }, spells }: NightReport) => ({ seconds, interval, spells })

const perSecond = (counts: ReadonlyArray<number>, interval: number) => counts.map((count) => count / interval)

const rate = (value: number): string => String(Number(value.toFixed(1)))

const answers = (report: NightReport): string =>
  draw({
    ...frameOf(report),
    label: `What customers got in the night “${report.night}”: ${shares(report.others)}.`,
    style: "stacked",
    layers: endings.map((ending) => ({
      fill: fillOf[ending],
      values: perSecond(report.series.endings[ending], report.series.interval)
    })),
    print: rate
  })

const waits = (report: NightReport, { promisedP95 }: Report): string =>
  draw({
    ...frameOf(report),
    label: `How long customers waited in the night “${report.night}”: 19 of 20 at most ${seconds(report.p95)}.`,
    style: "line",
    layers: [{ fill: ink("ink"), values: report.series.p95.map((wait) => wait === null ? null : wait / 1000) }],
    print: (value) => `${rate(value)} s`,
    level: promisedP95 === null ? undefined : promisedP95 / 1000
  })

const calls = (report: NightReport): string =>
  draw({
    ...frameOf(report),
    label: `Calls that reached each model in the night “${report.night}”: ${
      report.models.map(({ calls, model }) => `${calls} to ${model}`).join(", ")
    }.`,
    style: "stacked",
    layers: report.models.map(({ model }, place) => ({
      fill: modelInk(place),
      values: perSecond(report.series.calls[model] ?? [], report.series.interval)
    })),
    print: rate,
    changes: report.changes
  })

const spellsText = ({ spells }: NightReport): string =>
  spells.length === 0
    ? ""
    : `Shaded: ${spells.map(({ from, state, to }) => `${state} from ${clock(from)} to ${clock(to)}`).join(", ")}. `

const mostTold = 6

const changesText = ({ changes }: NightReport): string => {
  if (changes.length === 0) return "No circuit changed."
  const told = changes.slice(0, mostTold).map(({ at, model, to }) => `${model} ${to} at ${clock(at)}`).join(", ")
  return `Circuits (a square opens, a ring probes, a dot closes): ${told}${
    changes.length > mostTold ? `, and ${changes.length - mostTold} more changes` : ""
  }.`
}
