/** A night on one node: customers come, are served behind the guard, and what they saw is written down. */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Random from "effect/Random"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { now } from "../clock.ts"
import type { Change, Part, Played } from "../messages.ts"
import { latency, patience } from "../scenario.ts"
import { ask } from "./ask.ts"
import { guardOf, isForeseen } from "./guards.ts"
import { StoreDiary } from "./watchedStore.ts"

/** A night that can begin. */
export type Ready = (startsAt: number) => Effect.Effect<Played>

/** Builds the guard, which lasts for as long as the scope. */
export const prepare = (
  part: Part,
  changed: (change: Change) => void
): Effect.Effect<Ready, unknown, Scope.Scope> =>
  Effect.gen(function*() {
    const diary = new StoreDiary()
    const guard = yield* guardOf(part, diary)
    const changes: Array<Change> = []
    yield* Effect.forkScoped(
      Stream.runForEach(guard.changes, (to) =>
        Effect.sync(() => {
          const change = { to, at: now() }
          changes.push(change)
          changed(change)
        })),
      { startImmediately: true }
    )
    const waits: Array<number> = []
    let [calls, errors] = [0, 0]
    const customer = (counts: boolean) =>
      Effect.gen(function*() {
        const came = now()
        let worked = 0
        const exit = yield* Effect.exit(guard.protect((isProbe) =>
          Effect.suspend(() => {
            const began = now()
            return Effect.ensuring(
              ask(part.provider, `/${part.name}/${isProbe ? "probe" : "call"}`),
              Effect.sync(() => worked = now() - began)
            )
          })
        ))
        if (!counts) return
        const took = now() - came
        waits.push(Math.max(0, took - worked))
        if (took > patience || !served(exit)) errors++
      })
    const isClosed = () => (changes.at(-1)?.to ?? "Closed") === "Closed"
    const served = (exit: Exit.Exit<void, unknown>): boolean =>
      Exit.isSuccess(exit) ||
      exit.cause.reasons.every((reason) => Cause.isFailReason(reason) && isForeseen(guard, reason.error))

    return Effect.fnUntraced(function*(startsAt: number) {
      const arrivals = Effect.gen(function*() {
        const fibers: Array<Fiber.Fiber<void>> = []
        const end = startsAt + part.night.until
        let next = startsAt
        while (true) {
          next += -1000 / part.callsPerSecond * Math.log(1 - (yield* Random.next))
          if (next >= end && (isClosed() || next >= end + part.after)) break
          if (next < end) calls++
          yield* Effect.sleep(Math.max(0, next - now()))
          fibers.push(yield* Effect.forkChild(customer(next < end), { startImmediately: true }))
        }
        // What happens after its last customer is no part of the night: nobody comes to close what opens then.
        const known = changes.slice()
        yield* Effect.sleep(Math.max(0, end - now()))
        // Of those who still wait, each is served or has lost patience.
        yield* Effect.timeoutOption(Fiber.awaitAll(fibers), latency.most + patience)
        errors += fibers.filter((fiber) => fiber.pollUnsafe() === undefined).length
        return known
      })
      const known = yield* Random.withSeed(Effect.scoped(arrivals), part.seed)
      return { calls, errors, waits, changes: known, answers: diary.answers, epochs: diary.epochs }
    })
  })
