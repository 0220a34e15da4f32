/** The morning after as a page: one file that needs no network, no script and no second file. */
import { ReportPage } from "@switchgear/core/testing"
import * as Figures from "../figures.ts"
import type { LaneData, ReportData } from "../replay/reportData.ts"
import * as Amounts from "./amounts.ts"
import { answers } from "./charts/answers.ts"
import { arrivals } from "./charts/arrivals.ts"
import { circuits } from "./charts/circuits.ts"
import { cost } from "./charts/cost.ts"
import { inFlight } from "./charts/inFlight.ts"
import { latency } from "./charts/latency.ts"
import { upstream } from "./charts/upstream.ts"
import { narrow, type Size, small, wide } from "./drawing.ts"
import * as Keys from "./keys.ts"
import { lanesTable } from "./lanesTable.ts"
import { type Markup, markup, trusted } from "./parts.ts"
import { story } from "./story.ts"
import { tiles } from "./tiles.ts"

/** The same night gives the same bytes. */
export const html = (data: ReportData): string => {
  const told = story(data)
  const [against, others] = heroes(data)
  const guarded = data.lanes.filter((lane) => lane.circuits.length > 0)
  const main = markup`<header>
<p class="kicker">Double eleven, replayed in virtual time</p>
<h1>${told.headline}</h1>
<p class="lead">${told.lead.join(" ")}</p>
</header>
${tiles(data)}
<section aria-labelledby="answers">
<h2 id="answers">What customers got</h2>
${paragraphs(told.customers)}
${Keys.answers}
${against.map((lane) => titled(lane, errorsOf(lane), atBothSizes((size) => answers(data, lane, against, size))))}
<p class="quiet">Customers a second, by when they had the answer or the error. The numbers on top are the phases of the night.</p>
${others.length === 0 ? undefined : markup`<h3 class="lane">The same night with less than switchgear</h3>`}
${lanesOf(others, errorsOf, (lane) => answers(data, lane, others, small))}
${paragraphs(told.better)}
</section>
<section aria-labelledby="night">
<h2 id="night">The night</h2>
<ol class="phases">${data.night.phases.map(phase)}</ol>
<figure>${
    atBothSizes((size) => arrivals(data, size))
  }<figcaption>Customers a second who ask, in each lane the same.</figcaption></figure>
</section>
<section aria-labelledby="circuits">
<h2 id="circuits">${guarded.length === 0 ? "When all was well again" : "When the circuits opened"}</h2>
${paragraphs(told.circuits)}
${guarded.length === 0 ? undefined : Keys.circuits}
${guarded.map((lane) => titled(lane, lane.tells, atBothSizes((size) => circuits(data.night, lane, size))))}
</section>
<section aria-labelledby="waits">
<h2 id="waits">How long they waited</h2>
${
    paragraphs(
      data.lanes.length === 0
        ? []
        : ["An error costs its wait as well. Each line of the scale is ten times the one below."]
    )
  }
${Keys.waits}
${lanesOf(data.lanes, waitsOf, (lane) => latency(data, lane, small))}
<h3 class="lane">Customers who waited at once</h3>
${
    paragraphs([
      "Each of them holds a connection, a fiber and memory of the shop. This is where its own system burns down."
    ])
  }
${lanesOf(data.lanes, crowdOf, (lane) => inFlight(data, lane, small))}
</section>
<section aria-labelledby="calls">
<h2 id="calls">What reached the provider</h2>
${paragraphs(told.calls)}
${Keys.calls(data.models)}
${lanesOf(data.lanes, callsOf, (lane) => upstream(data, lane, small))}
<p class="quiet">Calls a second that reached the provider, by model. What rises above the dashed line was asked more than once.</p>
</section>
<section aria-labelledby="money">
<h2 id="money">What it cost</h2>
${paragraphs(told.money)}
<figure>${
    atBothSizes((size) => cost(data, size))
  }<figcaption>Dollars billed since the beginning of the night.</figcaption></figure>
</section>
<section aria-labelledby="numbers">
<h2 id="numbers">All lanes in numbers</h2>
${lanesTable(data)}
</section>
<footer>
<p class="quiet">${
    Figures.whole(data.virtualCalls)
  } customer calls in all lanes, seed <code>${data.seed}</code>. Every number on this page comes from the run; the same seed, number of calls and lanes give the same bytes.</p>
<p class="quiet">Digest <code>${data.digest}</code></p>
</footer>`
  return ReportPage.html({ title: `Double eleven: ${told.headline}`, main })
}

/** The two lanes that tell the story, and the others. */
const heroes = ({ lanes }: ReportData): readonly [ReadonlyArray<LaneData>, ReadonlyArray<LaneData>] => {
  const isHero = ({ name }: LaneData) => name === "bare" || name === "full"
  return lanes.some(isHero) ? [lanes.filter(isHero), lanes.filter((lane) => !isHero(lane))] : [lanes, []]
}

const paragraphs = (sentences: ReadonlyArray<string>): Markup =>
  sentences.length === 0 ? markup`` : markup`<p>${sentences.join(" ")}</p>`

const atBothSizes = (chart: (size: Size) => string): Markup =>
  markup`<div class="wide">${trusted(chart(wide))}</div><div class="narrow">${trusted(chart(narrow))}</div>`

const titled = ({ title }: LaneData, tells: string, chart: Markup): Markup =>
  markup`<div class="lane"><h3>${title}</h3><p>${tells}</p>${chart}</div>`

const lanesOf = (
  lanes: ReadonlyArray<LaneData>,
  tells: (lane: LaneData) => string,
  chart: (lane: LaneData) => string
): Markup => markup`<div class="lanes">${lanes.map((lane) => titled(lane, tells(lane), trusted(chart(lane))))}</div>`

const errorsOf = ({ calls, errors, tells }: LaneData): string =>
  `${tells} ${Figures.whole(errors)} errors (${Figures.share(errors, calls)}).`

const waitsOf = ({ latency }: LaneData): string => `99 of 100 waited at most ${Amounts.wait(latency.p99)}`

const crowdOf = ({ maxInFlight }: LaneData): string => `${Figures.whole(maxInFlight)} at most`

const callsOf = ({ calls, upstreamCalls }: LaneData): string =>
  `${Figures.whole(upstreamCalls)} calls, ${Amounts.each(upstreamCalls, calls)} for each customer`

const phase = ({ crowd, from, name, tells, to }: ReportData["night"]["phases"][number]): Markup =>
  markup`<li>${name}: ${tells} <span>(${Amounts.clock(from)} to ${Amounts.clock(to)}, crowd × ${crowd})</span></li>`
