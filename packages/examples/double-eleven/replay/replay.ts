/** The night in all lanes, one after the other, as one report. */
import { createHash } from "node:crypto"
import { Effect } from "effect"
import { type Plan, plans } from "./lanes.ts"
import * as Night from "./night.ts"
import { onNodes } from "./nodes.ts"
import { play, type SoFar } from "./play.ts"
import type { LaneData, ReportData } from "./reportData.ts"

export interface Options {
  /** About so many customers come to each lane. */
  readonly calls: number
  /** All chance comes from it. */
  readonly seed: string
  readonly lanes: ReadonlyArray<Plan>
  /** Of each lane with circuits. @default 1 */
  readonly nodes?: number
}

/** The night as it is played when it is not told otherwise. */
export const usual = { calls: 1_000_000, seed: "double eleven", lanes: plans, nodes: 1 } satisfies Options

/** The one who watches: told before a lane, every interval of it, and after it. */
export interface Watcher {
  readonly begins: (plan: Plan, night: Night.Night) => Effect.Effect<void>
  readonly goesOn: (soFar: SoFar) => void
  readonly ends: (lane: LaneData) => Effect.Effect<void>
}

/** Plays the lanes. The same options give the same report, to the byte. */
export const replay = ({ calls, lanes, nodes = 1, seed }: Options, watcher: Watcher): Effect.Effect<ReportData> =>
  Effect.gen(function*() {
    const night = Night.make(calls)
    const played: Array<LaneData> = []
    for (const plan of lanes.map(onNodes(nodes))) {
      yield* watcher.begins(plan, night)
      const lane = yield* play(plan, night, seed, watcher.goesOn)
      played.push(lane)
      yield* watcher.ends(lane)
    }
    const report: Omit<ReportData, "digest"> = {
      version: 1,
      seed,
      nodes,
      callsPerLane: played[0]!.calls,
      virtualCalls: played.reduce((sum, { calls }) => sum + calls, 0),
      night: night.data,
      models: Night.models,
      lanes: played
    }
    return { ...report, digest: createHash("sha256").update(JSON.stringify(report)).digest("hex") }
  })
