/**
 * The process of one node of a fleet: a shared circuit in front of the target, and a shared limit. It says when it has joined, calls
 * from the moment on that it is told to, and says what came of that. Times are those of the one clock of this machine.
 */
import * as CircuitBreaker from "@switchgear/core/CircuitBreaker"
import * as Cluster from "@switchgear/core/Cluster"
import * as ClusterStore from "@switchgear/core/ClusterStore"
import * as RateLimiter from "@switchgear/core/RateLimiter"
import * as FleetRedis from "@switchgear/http/FleetRedis"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Queue from "effect/Queue"
import * as Redacted from "effect/Redacted"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"

export interface Told {
  readonly redis: number
  readonly target: number
  readonly index: number
  /** Milliseconds, as all others. */
  readonly timeout: number
  readonly openFor: number
  readonly probeWait: number
  readonly perSecond: number
}

export type Order =
  /** Call the target and ask for turns of the limit, both this often. */
  | { readonly _tag: "begin"; readonly every: number }
  | { readonly _tag: "trip"; readonly millis: number }

export type Report =
  | { readonly _tag: "joined"; readonly state: CircuitBreaker.State }
  /** What became of the first call. */
  | { readonly _tag: "called"; readonly error: string | null }
  | { readonly _tag: "changed"; readonly to: CircuitBreaker.State }
  /** A turn of the limit was had. */
  | { readonly _tag: "passed"; readonly at: number }
  | { readonly _tag: "nodes"; readonly count: number }

const told = JSON.parse(process.argv[2]!) as Told

const tell = (report: Report): void => void process.send!(report, () => {})

process.on("disconnect", () => process.exit())

const fleet = Cluster.layer({ timeout: told.timeout, interval: told.timeout, heartbeat: "1 second" }).pipe(
  Layer.provide(ClusterStore.layerRedis({ fleet: "test" })),
  Layer.provide(
    FleetRedis.layer({ url: Redacted.make(`redis://127.0.0.1:${told.redis}`), connectTimeout: "20 seconds" })
  )
)

const ask = (state: CircuitBreaker.State) =>
  Effect.tryPromise((signal) =>
    fetch(`http://127.0.0.1:${told.target}/${told.index}/${state}`, { signal }).then(async (response) => {
      await response.text()
      if (!response.ok) throw new Error(String(response.status))
    })
  )

const node = Effect.gen(function*() {
  const context = yield* Layer.build(fleet)
  const cluster = Context.get(context, Cluster.Cluster)
  const { openFor, perSecond, probeWait } = told
  const breaker = yield* CircuitBreaker.make({
    name: "model",
    shared: true,
    openFor,
    halfOpen: { calls: 5, maxWait: probeWait }
  }).pipe(Effect.provide(context))
  const limits = [RateLimiter.requests(perSecond, "1 second", { burst: perSecond / 5 })]
  const limiter = yield* Effect.provide(RateLimiter.make({ name: "model", shared: true, limits }), context)
  yield* Effect.forkScoped(
    Stream.runForEach(breaker.transitions, ({ to }) => Effect.sync(() => tell({ _tag: "changed", to }))),
    { startImmediately: true }
  )
  yield* Effect.repeat(cluster.status, {
    until: ({ state }) => state === "joined",
    schedule: Schedule.spaced("5 millis")
  })
  tell({ _tag: "joined", state: yield* breaker.state })

  const call = breaker.protect(Effect.flatMap(breaker.state, ask))
  const first = Effect.gen(function*() {
    const exit = yield* Effect.exit(call)
    const [reason] = Exit.isFailure(exit) ? exit.cause.reasons : []
    tell({
      _tag: "called",
      error: reason === undefined ? null : reason._tag === "Fail" ? reason.error._tag : reason._tag
    })
  })
  const pass = Effect.andThen(
    limiter.protect(Effect.void),
    Effect.sync(() => tell({ _tag: "passed", at: Number(process.hrtime.bigint()) / 1e6 }))
  )
  const again = (call: Effect.Effect<unknown, unknown>, every: number) =>
    Effect.forkScoped(Effect.forever(Effect.andThen(Effect.forkScoped(Effect.exit(call)), Effect.sleep(every))))
  const begin = (every: number) =>
    Effect.gen(function*() {
      yield* Effect.forkScoped(first)
      yield* again(call, every)
      yield* again(pass, every)
      yield* Effect.forkScoped(Effect.forever(Effect.gen(function*() {
        const { nodes } = yield* cluster.status
        tell({ _tag: "nodes", count: nodes })
        yield* Effect.sleep("100 millis")
      })))
    })
  const follow = (order: Order) =>
    order._tag === "begin" ? begin(order.every) : cluster.control("model")!.trip(order.millis)
  yield* Stream.runForEach(
    Stream.callback<Order>((queue) =>
      Effect.sync(() => process.on("message", (order: Order) => void Queue.offerUnsafe(queue, order)))
    ),
    follow
  )
})

Effect.runFork(Effect.scoped(node))
