/** What happened, in sentences. Each holds for whatever the run gave: the words depend on the numbers. */
import * as Figures from "../figures.ts"
import type { LaneData, LaneName, NightData, ReportData } from "../replay/reportData.ts"
import * as Amounts from "./amounts.ts"

export interface Story {
  readonly headline: string
  readonly lead: ReadonlyArray<string>
  readonly customers: ReadonlyArray<string>
  /** Which of the lanes that look alike is better when. */
  readonly better: ReadonlyArray<string>
  readonly waits: ReadonlyArray<string>
  readonly circuits: ReadonlyArray<string>
  readonly calls: ReadonlyArray<string>
  readonly money: ReadonlyArray<string>
}

/** A lane that was not played has no sentence. */
export const story = (data: ReportData): Story => {
  const lane = (name: LaneName) => data.lanes.find((lane) => lane.name === name)
  const [bare, retry, full, adaptive] = [lane("bare"), lane("retry"), lane("full"), lane("adaptive")]
  const [primary = "the first model"] = data.models
  return {
    headline: headline(data, full),
    lead: [theNight(data, primary), ...said(bare && full && bareAgainstFull(bare, full))],
    customers: [
      `Customers who saw an error: ${
        list(data.lanes.map(({ calls, errors, title }) =>
          `${title} ${Figures.whole(errors)} (${Figures.share(errors, calls)})`
        ))
      }.`,
      ...said(full && whatTheyGot(full))
    ],
    better: said(full && adaptive && whichIsBetterWhen(full, adaptive)),
    waits: data.lanes.map(({ latency, title }) =>
      `${title}: half of the customers waited at most ${Amounts.wait(latency.p50)}, 99 of 100 at most ${
        Amounts.wait(latency.p99)
      }.`
    ),
    circuits: [
      ...data.lanes.flatMap((lane) => said(opening(lane, fallOf(data.night)?.from ?? 0, primary))),
      `From the model’s return until customers had its answers again, for good: ${
        list(data.lanes.map(({ recoveredAfter, title }) =>
          `${title} ${recoveredAfter === null ? "never" : Amounts.span(recoveredAfter)}`
        ))
      }.`
    ],
    calls: [
      ...said(retry && amplified(retry)),
      ...said(full && amplified(full)),
      ...said(bare && full && spared(bare, full, primary))
    ],
    money: [
      ...[retry, bare, full].filter((lane) => lane !== undefined).map(billed),
      ...said(full && saved(full, primary))
    ]
  }
}

const headline = ({ callsPerLane }: ReportData, full: LaneData | undefined): string => {
  const asked = `${Figures.whole(callsPerLane)} customers asked`
  if (full === undefined) return `${asked} on the night the model went down`
  return full.errors === 0
    ? `${asked} on the night the model went down. None saw an error.`
    : `${asked} on the night the model went down. ${Figures.whole(full.errors)} saw an error.`
}

const fallOf = ({ phases }: NightData) => phases.find(({ primary }) => primary === "slow" || primary === "down")

const theNight = ({ lanes, night, nodes }: ReportData, primary: string): string => {
  const { phases, seconds } = night
  const crowds = phases.map(({ crowd }) => crowd)
  const fall = fallOf(night)
  const back = fall &&
    phases.find(({ from, primary }) => from > fall.from && (primary === "recovering" || primary === "up"))
  return [
    `${Amounts.span(seconds)} of virtual time in ${
      lanes.length === 1
        ? "one lane."
        : `${lanes.length} lanes, each with the same customers and a provider of its own.`
    }`,
    ...(fall === undefined ? [] : [
      `The crowd grows to ${Math.max(...crowds)} times the usual, and at ${
        Amounts.clock(fall.from)
      } ${primary} begins to fail${
        back === undefined ? "" : `; at ${Amounts.clock(back.from)} it begins to come back`
      }.`
    ]),
    ...(nodes === 1 ? [] : [`Lanes with circuits are on ${nodes} nodes, and share their circuits.`])
  ].join(" ")
}

const bareAgainstFull = (bare: LaneData, full: LaneData): string =>
  `With nothing in between, ${Figures.whole(bare.errors)} of them (${
    Figures.share(bare.errors, bare.calls)
  }) saw an error. Behind switchgear it was ${full.errors === 0 ? "nobody" : Figures.whole(full.errors)}.`

const whatTheyGot = ({ answered, cached, degradation: { canned, fallback, none, stale }, title }: LaneData): string =>
  `Of the answers of ${title}, ${Figures.share(none, answered)} were what was asked for (${
    Figures.share(cached, answered)
  } fresh from the cache), ${Figures.share(fallback, answered)} came from another model, ${
    Figures.share(stale, answered)
  } were the last good answer, and ${Figures.share(canned, answered)} a polite sentence.`

/** What limits that move gain and lose against numbers that somebody knew. */
const whichIsBetterWhen = (full: LaneData, adaptive: LaneData): string => {
  const canned = compared(adaptive.degradation.canned, full.degradation.canned, "canned replies")
  const inVain = compared(adaptive.callsInVain, full.callsInVain, "calls without an answer")
  const recovered = later(adaptive.recoveredAfter, full.recoveredAfter)
  return `${adaptive.title} had ${canned} and ${inVain}, compared with ${full.title}, and the first model’s answers ${recovered}. Where it is known how much each model can do, set the numbers; where that is unknown or changes, let the limits find them.`
}

const compared = (one: number, other: number, what: string): string =>
  one === other
    ? `as many ${what}`
    : `${Figures.whole(Math.abs(one - other))} ${one < other ? "fewer" : "more"} ${what}`

const later = (one: number | null, other: number | null): string => {
  if (one === other) return "again as soon"
  if (one === null) return "never again"
  if (other === null) return "again, which that one never had"
  return `again ${Amounts.span(Math.abs(one - other))} ${one < other ? "sooner" : "later"}`
}

const opening = (
  { circuits, openedAfter, title }: LaneData,
  fall: number,
  primary: string
): string | undefined => {
  if (circuits.length === 0) return undefined
  const ever = circuits.find(({ model }) => model === primary)?.changes.filter(({ to }) => to === "Open") ?? []
  const openings = ever.filter(({ at }) => at >= fall)
  const [first] = openings
  if (first === undefined || openedAfter === null) {
    return `${title}: the circuit of ${primary} ${ever.length === 0 ? "never opened" : "opened only before it fell"}.`
  }
  return `${title}: the circuit of ${primary} opened ${Amounts.span(openedAfter)} after the model fell, at ${
    Amounts.clock(first.at)
  }, ${because[first.reason] ?? first.reason}; ${
    openings.length === 1 ? "it opened once" : `it opened ${Figures.whole(openings.length)} times`
  }.`
}

const because: Record<string, string> = {
  "failure-rate": "since too many calls failed",
  "slow-call-rate": "since too many calls were slow",
  "consecutive-failures": "since too many calls in a row failed",
  fleet: "since too many calls of all nodes failed or were slow"
}

const amplified = ({ calls, title, upstreamCalls }: LaneData): string =>
  `${title} made ${Figures.whole(upstreamCalls)} calls for ${Figures.whole(calls)} customers: ${
    Amounts.each(upstreamCalls, calls)
  } each.`

const spared = (bare: LaneData, full: LaneData, primary: string): string =>
  `While ${primary} was slow or down, ${bare.title} called it ${
    Figures.whole(bare.primaryCallsWhileDown)
  } times and ${full.title} ${Figures.whole(full.primaryCallsWhileDown)} times. ${
    Figures.whole(bare.callsInVain)
  } calls of ${bare.title} brought nobody an answer, and ${Figures.whole(full.callsInVain)} of ${full.title}${
    bare.callsInVain > full.callsInVain
      ? `: ${Figures.whole(bare.callsInVain - full.callsInVain)} calls not wasted`
      : ""
  }.`

const billed = ({ cost, title }: LaneData): string =>
  `${title} was billed ${Amounts.money(cost.spent)}, ${Amounts.money(cost.wasted)} of it for answers that nobody got.`

const saved = ({ cost, title }: LaneData, primary: string): string =>
  `${title} saved ${
    Amounts.money(cost.saved)
  }: what answers from the cache and from cheaper models would have cost at ${primary}.`

/** One sentence or none. */
const said = (sentence: string | undefined): ReadonlyArray<string> => sentence === undefined ? [] : [sentence]

const list = (parts: ReadonlyArray<string>): string =>
  parts.length < 2 ? parts.join("") : `${parts.slice(0, -1).join(", ")} and ${parts.at(-1)}`
