/** One limit of a fleet in virtual time: who asks how often, what passes, and what the store is asked for. */
import { RateLimiter } from "@switchgear/core"
import * as Cluster from "@switchgear/core/Cluster"
import * as ClusterStore from "@switchgear/core/ClusterStore"
import { VirtualClock } from "@switchgear/core/testing"
import { Clock, Context, Effect, Exit, Layer, Random, Scope } from "effect"

export interface Plan {
  readonly nodes: number
  readonly seed: string
  /** In milliseconds. */
  readonly until: number
  /** Calls a second of a node. */
  readonly demand: (at: number, node: number) => number
  readonly options?: Cluster.Options
  readonly limits?: ReadonlyArray<RateLimiter.Limit>
  readonly maxWait?: number
  /** Nodes that die, without a word, at a time. */
  readonly die?: { readonly at: number; readonly nodes: number }
}

export interface Told {
  readonly asked: number
  /** When calls passed. */
  readonly passed: ReadonlyArray<number>
  /** How many an ideal meter would have let pass. */
  readonly ideal: number
  readonly perSecondAtStore: number
}

export const now = Effect.map(Clock.Clock, (clock) => Number(clock.monotonicTimeNanosUnsafe()) / 1e6)

const hop = Effect.flatMap(Random.next, (share) => Effect.sleep(0.4 + 0.2 * share))

export const play = (plan: Plan): Effect.Effect<Told> =>
  VirtualClock.play(
    Random.withSeed(Effect.scoped(scene(plan)), plan.seed),
    { promises: "none", stuckAfter: "1 minute" }
  )

export const zipf = (count: number): ReadonlyArray<number> => {
  const weights = Array.from({ length: count }, (_, i) => 1 / (i + 1))
  const sum = weights.reduce((a, b) => a + b, 0)
  return weights.map((weight) => weight / sum)
}

/** The most of some times that are within so many milliseconds. */
export const mostIn = (times: ReadonlyArray<number>, span: number): number => {
  let most = 0
  let from = 0
  times.forEach((at, i) => {
    while (at - times[from]! >= span) from++
    most = Math.max(most, i - from + 1)
  })
  return most
}

const scene = (plan: Plan) =>
  Effect.gen(function*() {
    const passed: Array<number> = []
    let [asked, messages, ideal, idealFull] = [0, 0, 0, 0]
    const memory = yield* Effect.map(Layer.build(ClusterStore.layerMemory), Context.get(ClusterStore.ClusterStore))
    const passedBy: Array<number> = [], askedBy: Array<number> = []
    const kinds = { book: 0, back: 0, wanted: 0, granted: 0, returned: 0 }
    const dead = new Set<number>()
    const wayOf = (index: number): ClusterStore.ClusterStore["Service"] => ({
      ...memory,
      limits: (call) =>
        Effect.suspend(() => {
          if (dead.has(index)) return Effect.never
          messages++
          const m = call.limits[0]![1]
          if (m.want > 0) kinds.book++
          if (m.back > 0) { kinds.back++; kinds.returned += m.back }
          kinds.wanted += m.want
          return hop.pipe(Effect.andThen(memory.limits(call)), Effect.tap((a) => Effect.sync(() => kinds.granted += a[0]!.granted)), Effect.tap(hop))
        })
    })
    const scope = yield* Effect.scope
    const node = (index: number) =>
      Effect.gen(function*() {
        const own = yield* Scope.fork(scope)
        const layer = Layer.provide(Cluster.layer(plan.options), Layer.succeed(ClusterStore.ClusterStore, wayOf(index)))
        const context = yield* Layer.buildWithScope(Layer.fresh(layer), own)
        const limits = plan.limits ?? [RateLimiter.requests(100, "1 second", { burst: 20 })]
        const limiter = yield* RateLimiter.make({ name: "model", limits, shared: true, maxWait: plan.maxWait ?? 0 }).pipe(
          Effect.provide(context),
          Scope.provide(own)
        )
        const call = Effect.gen(function*() {
          const exit = yield* Effect.exit(limiter.protect(Effect.flatMap(now, (at) => Effect.sync(() => (passed.push(at), (passedBy[index] = (passedBy[index] ?? 0) + 1))))))
          return Exit.isSuccess(exit)
        })
        const work = Effect.gen(function*() {
          while ((yield* now) < plan.until) {
            const at = yield* now
            const rate = plan.demand(at, index)
            if (rate <= 0) {
              yield* Effect.sleep(50)
              continue
            }
            yield* Effect.sleep(-1000 / rate * Math.log(1 - (yield* Random.next)))
            if (plan.demand(yield* now, index) <= 0) continue
            if (dead.has(index)) return
            asked++
            askedBy[index] = (askedBy[index] ?? 0) + 1
            const t = yield* now
            if (Math.max(idealFull, t) + 10 - t <= 200 + 1e-6) {
              idealFull = Math.max(idealFull, t) + 10
              ideal++
            }
            yield* Effect.forkIn(call, own)
          }
        })
        yield* Effect.forkIn(work, own)
      })
    yield* Effect.forEach(Array.from({ length: plan.nodes }, (_, i) => i), node)
    if (plan.die !== undefined) {
      yield* Effect.sleep(plan.die.at)
      for (let i = 0; i < plan.die.nodes; i++) dead.add(i)
    }
    yield* Effect.sleep(plan.until - (yield* now) + 500)
    const fair = (from: number, to: number) => { let p = 0, a = 0; for (let i = from; i < to && i < plan.nodes; i++) { p += passedBy[i] ?? 0; a += askedBy[i] ?? 0 } return (p / a).toFixed(2) }
    console.log(kinds, [fair(0, 1), fair(1, 5), fair(5, 20), fair(20, 80), fair(80, 200)].join(' '))
    return { asked, passed: passed.sort((a, b) => a - b), ideal, perSecondAtStore: Math.round(messages / (plan.until / 1000)) }
  })
