/** The morning after, for a terminal: the lanes side by side, and what they tell. */
import * as Figures from "../figures.ts"
import * as Amounts from "../page/amounts.ts"
import { story } from "../page/story.ts"
import type { Paint } from "../paint.ts"
import type { Timed } from "./progress.ts"
import type { LaneData, ReportData } from "./reportData.ts"

export const table = (lanes: ReadonlyArray<Timed>, paint: Paint): ReadonlyArray<string> => {
  const row = (text: string, of: (timed: Timed) => string) =>
    `${text.padEnd(34)}${lanes.map((timed) => of(timed).padStart(15)).join("")}`
  const count = (text: string, of: (lane: LaneData) => number) => row(text, ({ lane }) => Figures.whole(of(lane)))
  const wait = (text: string, of: (lane: LaneData) => number) => row(text, ({ lane }) => Amounts.wait(of(lane)))
  const money = (text: string, of: (lane: LaneData) => number) => row(text, ({ lane }) => Amounts.money(of(lane)))
  const span = (text: string, none: string, of: (lane: LaneData) => number | null) =>
    row(text, ({ lane }) => {
      const seconds = of(lane)
      return seconds === null ? none : Amounts.span(seconds)
    })
  return [
    paint("bold", row("", ({ lane }) => lane.title)),
    count("Customers who asked", ({ calls }) => calls),
    count("  saw an error", ({ errors }) => errors),
    count("  got what they asked for (none)", ({ degradation }) => degradation.none),
    count("  another model's answer (fallback)", ({ degradation }) => degradation.fallback),
    count("  a stale cached answer (stale)", ({ degradation }) => degradation.stale),
    count("  a canned reply (canned)", ({ degradation }) => degradation.canned),
    wait("p50", ({ latency }) => latency.p50),
    wait("p99", ({ latency }) => latency.p99),
    count("Calls that reached the provider", ({ upstreamCalls }) => upstreamCalls),
    count("  without an answer", ({ callsInVain }) => callsInVain),
    money("Billed", ({ cost }) => cost.spent),
    money("  for calls without an answer", ({ cost }) => cost.wasted),
    span("The circuit opened after", "-", ({ openedAfter }) => openedAfter),
    span("Recovered after", "never", ({ recoveredAfter }) => recoveredAfter),
    paint(
      "dim",
      row(
        "Computed in",
        ({ lane: { calls }, wallSeconds }) => `${(wallSeconds * 1e6 / Math.max(1, calls)).toFixed(0)} µs a call`
      )
    )
  ]
}

/** The story in a few sentences. */
export const tale = (data: ReportData): ReadonlyArray<string> => {
  const { better, calls, circuits, lead, money } = story(data)
  return [...lead, ...circuits, ...calls, ...money, ...better]
}
