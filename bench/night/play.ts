/** Plays the night for one lane: it and its four models are processes of their own, and no other lane runs meanwhile. */
import { started } from "../gateway/child.ts"
import type { LaneOfNight } from "./lanes/index.ts"
import { phases } from "./script.ts"
import type { Begin, Count, Played, Served } from "./told.ts"

type Calls = ReadonlyArray<ReadonlyArray<number>>

/** Milliseconds until the first customer comes: both processes have heard of it by then. */
const soon = 500

const sum = (numbers: ReadonlyArray<number>): number => numbers.reduce((a, b) => a + b, 0)

export const play = async ({ file, name }: LaneOfNight): Promise<Played> => {
  const provider = await started<Begin | Count, Calls>(`the models of ${name}`, new URL("provider.ts", import.meta.url))
  try {
    const lane = await started<Begin, Served>(
      name,
      new URL("lane.ts", import.meta.url),
      [file.href, `${provider.ports.port}`],
      // Some peers write several lines for each call.
      { stdio: ["ignore", "ignore", "inherit", "ipc"] }
    )
    try {
      const begin = Date.now() + soon
      const before = await provider.ask({ begin })
      const served = await lane.ask({ begin })
      const calls = (await provider.ask({ count: true })).map((of, model) =>
        of.map((count, phase) => count - before[model]![phase]!)
      )
      return {
        lane: name,
        ...served,
        calls: sum(calls.map(sum)),
        callsToDead: sum(calls[0]!.filter((_, phase) => !phases[phase]!.isFirstUp)),
        callsByModel: calls.map(sum)
      }
    } finally {
      lane.end()
    }
  } finally {
    provider.end()
  }
}
