/**
 * One bad night for what a user of TypeScript would pick instead: the same customers, the same models, each lane alone in
 * processes of its own. A lane takes 21 seconds, most of which are waits.
 */
import { firstUse } from "../night/firstUse.ts"
import { type LaneOfNight, lanes, ours, peers as others } from "../night/lanes/index.ts"
import { play } from "../night/play.ts"
import type { Played } from "../night/told.ts"
import { compared, comparedAtLeast, type Grid, type Row, type Section } from "../section.ts"
import type { Settings } from "../settings.ts"

/** What Switchgear takes without a queue: a question that all models have refused gets its sentence at once. */
const callsWithout = 1409

const mostLines = 15

const columns = [
  "",
  "by a model",
  "fresh",
  "stale",
  "canned",
  "errors",
  "gave up",
  "p50 ms",
  "p95 ms",
  "p99 ms",
  "calls",
  "to the dead",
  "CPU ms",
  "first use"
] as const

const lineOf = (played: Played, lines: number): Grid["lines"][number] => [
  played.lane,
  played.byModel,
  played.fresh,
  played.stale,
  played.canned,
  played.errors,
  played.gaveUp,
  played.p50,
  played.p95,
  played.p99,
  played.calls,
  played.callsToDead,
  played.cpu,
  `${lines} lines`
]

const row = (what: string, value: number, comparisons: Row["comparisons"]): Row => ({
  what,
  unit: "count",
  value,
  comparisons
})

/** The targets. A quick run has no peer to compare with. */
const rowsOf = (own: Played, lines: number, played: ReadonlyArray<Played>): ReadonlyArray<Row> => {
  const best = played.reduce<Played | undefined>(
    (best, one) => best && best.byModel >= one.byModel ? best : one,
    undefined
  )
  return [
    row(
      "answers by a model",
      own.byModel,
      best === undefined ? [] : [comparedAtLeast(`the best peer, ${best.lane}`, own.byModel / best.byModel, 1)]
    ),
    row("calls", own.calls, [compared("1,409 calls, without a queue", own.calls / callsWithout, 2)]),
    row("errors, and customers who gave up", own.errors + own.gaveUp, [compared("none", own.errors + own.gaveUp, 0)]),
    row("lines of the first use", lines, [compared(`${mostLines} lines`, lines / mostLines, 1)])
  ]
}

export const peers = async ({ mode }: Settings): Promise<Section> => {
  const chosen: ReadonlyArray<LaneOfNight> = mode === "full" ? lanes : [ours]
  const lines = await firstUse([...new Set(chosen.map(({ firstUse }) => firstUse))])
  const nights = new Map<LaneOfNight, Played>()
  for (const lane of chosen) {
    const played = await play(lane)
    nights.set(lane, played)
    // All there is to know of a lane, as soon as it is over: the whole takes five minutes.
    console.error(JSON.stringify(played))
  }
  const own = nights.get(ours)!
  const slowest = Math.max(...Array.from(nights.values(), ({ stoodStill }) => stoodStill))
  return {
    title: `One night for what a user would pick instead: ${own.customers.toLocaleString("en-US")} customers`,
    grid: { columns, lines: chosen.map((lane) => lineOf(nights.get(lane)!, lines.get(lane.firstUse)!)) },
    notes: [
      `The targets are those of "${ours.name}": the peers have no cache. "By a model" counts answers that were made for this customer.`,
      "A customer waits for 1.5 s and then gives up. The first model is slow, then hangs, then refuses like all the others, and recovers.",
      "Calls are counted by the models; those to the dead are calls to the first model while it is down. CPU is that of the lane's process.",
      "The first use is the smallest program that protects one call with a second model behind it: bench/night/firstUse.",
      `The event loop of a lane stood still for ${slowest} ms at most. Above 100 ms the machine was too busy for these numbers.`,
      ...mode === "full" ? [] : ["The peers are left out of a quick run."]
    ],
    rows: rowsOf(own, lines.get(ours.firstUse)!, others.flatMap((lane) => nights.get(lane) ?? []))
  }
}
