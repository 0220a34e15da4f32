/** What a node of a fleet does where nothing happens. */
import { assert, describe, it } from "@effect/vitest"
import { CircuitBreaker, RateLimiter } from "@switchgear/core"
import * as Cluster from "@switchgear/core/Cluster"
import * as ClusterStore from "@switchgear/core/ClusterStore"
import { VirtualClock } from "@switchgear/core/testing"
import { Clock, Context, type Duration, Effect, Layer, type Scope } from "effect"

const inVirtualTime = <A, E>(effect: Effect.Effect<A, E, ClusterStore.ClusterStore | Scope.Scope>) =>
  VirtualClock.play(effect.pipe(Effect.provide(ClusterStore.layerMemory), Effect.scoped), { promises: "none" })

/** The same clock, and how many sleeps it has begun. */
const countingClock = Effect.map(Clock.Clock, (clock) => {
  const counted = {
    sleeps: 0,
    clock: new Proxy(clock, {
      get: (target, key) => {
        const value: unknown = Reflect.get(target, key, target)
        if (key !== "sleep") return typeof value === "function" ? value.bind(target) : value
        return (duration: Duration.Duration) => {
          counted.sleeps++
          return target.sleep(duration)
        }
      }
    })
  }
  return counted
})

const fleet = Effect.suspend(() => Layer.build(Layer.fresh(Cluster.layer())))

const limiter = RateLimiter.make({ name: "model", limits: [RateLimiter.requests(10, "1 second")], shared: true })

const breaker = CircuitBreaker.make({ name: "model", shared: true })

describe("a node without circuits", () => {
  it.live("that nobody calls wakes no more than it sends heartbeats", () =>
    inVirtualTime(Effect.gen(function*() {
      const counted = yield* countingClock
      const context = yield* Effect.provideService(
        Effect.flatMap(fleet, (context) => Effect.as(Effect.provide(limiter, context), context)),
        Clock.Clock,
        counted.clock
      )
      yield* Effect.sleep("1 minute")
      const { sleeps } = counted
      const { syncs } = yield* Context.get(context, Cluster.Cluster).status
      yield* Effect.sleep("10 minutes")
      const heartbeats = (yield* Context.get(context, Cluster.Cluster).status).syncs - syncs
      // Every five seconds, and a quarter of one.
      assert.isAtLeast(heartbeats, 110)
      // The rest before it, its time-out, and the rest after it.
      assert.isAtMost(counted.sleeps - sleeps, 4 * heartbeats)
    })))

  it.live("that gets one tells of it at once", () =>
    inVirtualTime(Effect.gen(function*() {
      const [one, another] = [yield* fleet, yield* fleet]
      yield* Effect.provide(limiter, one)
      const there = yield* Effect.provide(breaker, another)
      yield* Effect.sleep("61 seconds")
      const { protect } = yield* Effect.provide(breaker, one)
      yield* Effect.replicateEffect(Effect.exit(protect(Effect.fail("503"))), 20)
      yield* Effect.sleep("1 second")
      assert.strictEqual(yield* there.state, "Open")
    })))
})
