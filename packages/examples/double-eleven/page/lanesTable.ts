/** All lanes side by side, in numbers. */
import * as Figures from "../figures.ts"
import type { LaneData, ReportData } from "../replay/reportData.ts"
import * as Amounts from "./amounts.ts"
import { type Markup, markup } from "./parts.ts"

/** The lane that matters comes first: a phone shows no more than two at once. */
export const lanesTable = (data: ReportData): Markup => {
  const [primary = "the first model"] = data.models
  const lanes = [...data.lanes.filter(isFull), ...data.lanes.filter((lane) => !isFull(lane))]
  const row = (text: string, of: (lane: LaneData) => string): Markup =>
    markup`<tr><th scope="row">${text}</th>${lanes.map((lane) => markup`<td>${of(lane)}</td>`)}</tr>`
  const count = (text: string, of: (lane: LaneData) => number) => row(text, (lane) => Figures.whole(of(lane)))
  const part = (text: string, rows: ReadonlyArray<Markup>): Markup =>
    markup`<tbody><tr><th scope="rowgroup" colspan="${lanes.length + 1}">${text}</th></tr>${rows}</tbody>`
  return markup`<div class="scroll" tabindex="0" role="region" aria-label="All lanes in numbers"><table>
<thead><tr><td></td>${lanes.map(({ title }) => markup`<th scope="col">${title}</th>`)}</tr></thead>
${
    part("Customers", [
      count("asked", ({ calls }) => calls),
      count("saw an error", ({ errors }) => errors),
      row("share of errors", ({ calls, errors }) => Figures.share(errors, calls)),
      row("the errors", ({ errorsByTag }) => Object.keys(errorsByTag).toSorted().join(", ") || "–")
    ])
  }${
    part("Answers", [
      count("what was asked for", ({ degradation }) => degradation.none),
      count("of these from the cache", ({ cached }) => cached),
      count("another model’s", ({ degradation }) => degradation.fallback),
      count("the last good one", ({ degradation }) => degradation.stale),
      count("a polite sentence", ({ degradation }) => degradation.canned)
    ])
  }${
    part("Waits", [
      row("half at most", ({ latency }) => Amounts.wait(latency.p50)),
      row("95 of 100 at most", ({ latency }) => Amounts.wait(latency.p95)),
      row("99 of 100 at most", ({ latency }) => Amounts.wait(latency.p99)),
      row("the longest", ({ latency }) => Amounts.wait(latency.max)),
      count("waiting at once, at most", ({ maxInFlight }) => maxInFlight)
    ])
  }${
    part("Calls that reached the provider", [
      count("all", ({ upstreamCalls }) => upstreamCalls),
      row("for each customer", ({ calls, upstreamCalls }) => Amounts.each(upstreamCalls, calls)),
      count("without an answer for anybody", ({ callsInVain }) => callsInVain),
      count(`${primary}, slow or down`, ({ primaryCallsWhileDown }) => primaryCallsWhileDown)
    ])
  }${
    part("Money", [
      row("billed", ({ cost }) => Amounts.money(cost.spent)),
      row("of it for nobody", ({ cost }) => Amounts.money(cost.wasted)),
      row("saved", ({ cost }) => Amounts.money(cost.saved))
    ])
  }${
    part("Time", [
      row("to open the circuit", ({ openedAfter }) => openedAfter === null ? "–" : Amounts.span(openedAfter)),
      row("to recover", ({ recoveredAfter }) => recoveredAfter === null ? "never" : Amounts.span(recoveredAfter))
    ])
  }</table></div>`
}

const isFull = ({ name }: LaneData): boolean => name === "full"
