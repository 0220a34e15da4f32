/** What stands between the callers and the provider. */
import { Bulkhead, CircuitBreaker, Deadline } from "@switchgear/core"
import type { SimulatedService } from "@switchgear/core/testing"
import { Clock, Effect, Exit } from "effect"

export type Call = Effect.Effect<void, SimulatedService.ServiceRefused | Deadline.DeadlineExceeded>
export type Protect = (
  call: Call
) => Effect.Effect<void, Effect.Error<Call> | Bulkhead.BulkheadFull | CircuitBreaker.CircuitOpen>

const fixed = (concurrency: number) =>
  Effect.map(Bulkhead.make({ name: "fixed", concurrency }), ({ protect }): Protect => protect)

const breaker = Effect.map(CircuitBreaker.make({ name: "breaker" }), ({ protect }): Protect => protect)

/**
 * One more for a success while at least half of the limit is in use, a tenth less for a time-out, a refusal or a call that
 * takes longer than this.
 */
const aimd = (longest: number) =>
  Effect.gen(function*() {
    let limit = 20
    const bulkhead = yield* Bulkhead.make({ name: "aimd", concurrency: limit })
    const judge = (took: number, exit: Exit.Exit<void, unknown>) =>
      Effect.flatMap(bulkhead.snapshot, ({ inFlight }) => {
        if (Exit.isFailure(exit) || took > longest) limit = Math.floor(0.9 * limit)
        else if (2 * inFlight >= limit) limit++
        return bulkhead.resize(limit = Math.min(400, Math.max(1, limit)))
      })
    const protect: Protect = (call) =>
      bulkhead.protect(Effect.flatMap(Clock.currentTimeMillis, (begun) =>
        Effect.onExit(call, (exit) =>
          Effect.flatMap(Clock.currentTimeMillis, (now) =>
            judge(now - begun, exit)))))
    return protect
  })

export const policies = {
  "no limit": Effect.succeed<Protect>((call) => call),
  "fixed limit": fixed(40),
  "smaller limit": fixed(24),
  breaker,
  AIMD: aimd(Infinity),
  "AIMD that takes 5 s for a drop": aimd(5000)
}
