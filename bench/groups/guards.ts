/** The night of the peers for Switchgear without each of its guards: what each of them is good for. */
import { guards as lanes } from "../night/lanes/index.ts"
import { play } from "../night/play.ts"
import type { Grid, Section } from "../section.ts"
import type { Settings } from "../settings.ts"

const columns = [
  "",
  "by a model",
  "kept",
  "canned",
  "errors",
  "gave up",
  "p50 ms",
  "p99 ms",
  "calls",
  "to the dead"
] as const

export const guards = async ({ mode }: Settings): Promise<Section> => {
  const lines: Array<Grid["lines"][number]> = []
  for (const lane of mode === "full" ? lanes : []) {
    const { byModel, calls, callsToDead, canned, errors, fresh, gaveUp, p50, p99, stale } = await play(lane)
    lines.push([lane.name, byModel, fresh + stale, canned, errors, gaveUp, p50, p99, calls, callsToDead])
  }
  return {
    title: "The same night for Switchgear without each of its guards",
    grid: { columns, lines },
    notes: [
      "The customers are those of the group peers. No two questions are alike but in the first lane. \"Kept\" are fresh and stale answers from the cache.",
      ...mode === "full" ? [] : ["Left out of a quick run."]
    ],
    rows: []
  }
}
