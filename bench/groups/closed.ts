/** What a closed breaker costs the calls that pass it. */
import { CircuitBreaker } from "@switchgear/core"
import { Effect } from "effect"
import { awaited, inFiber, measure } from "../harness.ts"
import { asyncFunction, bareAsync, barePromised, bareSynchronous, promised, synchronous } from "../operations.ts"
import { cockatielBreaker, opossumBreaker, platformBreaker } from "../peers.ts"
import type { Section } from "../section.ts"
import type { Settings } from "../settings.ts"

const make = (options: Partial<CircuitBreaker.Options>) =>
  Effect.runPromise(CircuitBreaker.make({ name: "model", ...options }))

export const closed = async (settings: Settings): Promise<Section> => {
  const count = await make({ window: CircuitBreaker.lastCalls(100) })
  const timed = await make({ window: CircuitBreaker.lasting("60 seconds"), slowCallDuration: "5 seconds" })
  const platform = await platformBreaker(100)
  const opossum = opossumBreaker(asyncFunction)
  const cockatiel = cockatielBreaker()
  return {
    title: "Closed breaker: a call that passes",
    notes: [
      "opossum without time-out and percentiles; cockatiel with a CountBreaker; the platform has no slow calls and no time window."
    ],
    rows: await measure(settings, [
      bareSynchronous,
      { name: "platform, rate over 100, synchronous", over: bareSynchronous.name, run: inFiber(platform(synchronous)) },
      {
        name: "count window of 100, synchronous",
        over: bareSynchronous.name,
        against: [{ peer: "platform, rate over 100, synchronous", atMost: 1 / 10 }],
        run: inFiber(count.protect(synchronous))
      },
      {
        name: "time window and slow calls, synchronous",
        over: bareSynchronous.name,
        against: [{ peer: "platform, rate over 100, synchronous", atMost: 1 / 7 }],
        run: inFiber(timed.protect(synchronous))
      },
      barePromised,
      { name: "platform, rate over 100, promise", over: barePromised.name, run: inFiber(platform(promised)) },
      bareAsync,
      { name: "opossum, promise", over: bareAsync.name, run: awaited(() => opossum.fire()) },
      { name: "cockatiel, promise", over: bareAsync.name, run: awaited(() => cockatiel.execute(asyncFunction)) },
      {
        name: "count window of 100, promise",
        over: barePromised.name,
        against: [
          { peer: "platform, rate over 100, promise", atMost: 1 / 10 },
          { peer: "opossum, promise", atMost: 1 },
          { peer: "cockatiel, promise" }
        ],
        run: inFiber(count.protect(promised))
      },
      {
        name: "time window and slow calls, promise",
        over: barePromised.name,
        against: [{ peer: "platform, rate over 100, promise", atMost: 1 / 7 }, { peer: "opossum, promise" }],
        run: inFiber(timed.protect(promised))
      }
    ])
  }
}
