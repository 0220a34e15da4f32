/** The night told line by line, where there is no terminal to draw on. */
import { Console, Effect } from "effect"
import * as Figures from "./figures.ts"
import { beginsAt, type Counts, type Glimpse, glimpse, names, results } from "./glimpse.ts"
import type { Change } from "./ledger.ts"
import type { Night } from "./night.ts"
import { phases, speed } from "./scenario.ts"

/** Tells until it is interrupted: phases, circuits as they change, and once a second how it goes. */
export const tell = (night: Night): Effect.Effect<never> =>
  Effect.gen(function*() {
    yield* Console.log(`Double Eleven, replayed ${speed} times faster than the night`)
    let phase = -1
    let told = 0
    const tick = Effect.gen(function*() {
      const seen = yield* glimpse(night)
      const news = [
        ...phases.slice(phase + 1, seen.phase + 1).map(({ name, tells }, i) => ({
          at: beginsAt(phase + 1 + i),
          line: `── ${name}: ${tells}`
        })),
        ...night.protected.changes.slice(told).map((change) => ({ at: change.atMs, line: changed(change) }))
      ].sort((a, b) => a.at - b.at)
      phase = seen.phase
      told = night.protected.changes.length
      for (const { at, line } of news) yield* Console.log(`${clock(at)}  ${line}`)
      if (seen.at >= 1000) yield* Console.log(`${clock(seen.at)}  ${second(seen)}`)
    })
    const nextSecond = Effect.flatMap(night.now, (at) => Effect.sleep(1000 - at % 1000))
    return yield* Effect.forever(Effect.andThen(tick, nextSecond))
  })

const changed = ({ from, model, reason, to }: Change): string => `${model.padEnd(18)} ${from} → ${to} (${reason})`

const second = ({ bare, protected: guarded }: Glimpse): string =>
  `bare: ${how(bare.now)}; protected: ${how(guarded.now)}`

/** The results there were, by how many had them. */
const how = (now: Counts): string =>
  results.filter((result) => now[result] > 0).map((result) => `${now[result]} ${names[result]}`).join(", ") || "nobody"

const clock = (millis: number): string => Figures.seconds(millis).padStart(6)
