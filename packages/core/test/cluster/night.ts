/** A night of a fleet in virtual time: the target collapses and recovers, under traffic that is skewed over the nodes. */
import { CircuitBreaker } from "@switchgear/core"
import * as Cluster from "@switchgear/core/Cluster"
import * as ClusterStore from "@switchgear/core/ClusterStore"
import { VirtualClock } from "@switchgear/core/testing"
import { Clock, Context, Effect, Exit, Layer, Random, Stream } from "effect"

export interface Plan {
  readonly nodes: number
  /** Calls a second, of all nodes together. */
  readonly perSecond: number
  /** Whether nodes share their circuits. */
  readonly shares: boolean
  readonly options?: Cluster.Options
  /** The share of calls that fail while the target is well, and while it is not. */
  readonly base: number
  readonly failing: number
  /** From when to when the target is not well, in milliseconds, and when the night ends. */
  readonly from: number
  readonly to: number
  readonly until: number
  /** The node whose calls alone fail then. */
  readonly sick?: number
  readonly seed: string
  /** What happens to the way to the store. */
  readonly faults?: (ways: Ways) => Effect.Effect<void>
}

/** The way of each node to the store. */
export interface Ways {
  readonly cutOff: Set<number>
  /** The store loses all that it has. */
  readonly empty: Effect.Effect<void>
}

export interface Told {
  readonly calls: number
  /** Calls to the target while it was not well, other than probes. */
  readonly bad: number
  readonly lastBad: number
  readonly probes: number
  /** Calls that were refused while the target was well. */
  readonly refused: number
  /** From the end of the collapse until all nodes are closed. */
  readonly recovered: number
  /** Nodes that closed while the target was not well. */
  readonly closedTooEarly: number
  readonly perSecondAtStore: number
}

const zipf = (count: number): ReadonlyArray<number> => {
  const weights = Array.from({ length: count }, (_, i) => 1 / (i + 1))
  const sum = weights.reduce((a, b) => a + b, 0)
  return weights.map((weight) => weight / sum)
}

const hop = Effect.flatMap(Random.next, (share) => Effect.sleep(0.4 + 0.2 * share))

const now = Effect.map(Clock.Clock, (clock) => Number(clock.monotonicTimeNanosUnsafe()) / 1e6)

export const play = (plan: Plan): Effect.Effect<Told> =>
  VirtualClock.play(
    Random.withSeed(Effect.scoped(night(plan)), plan.seed),
    { promises: "none", stuckAfter: "1 minute" }
  )

const night = (plan: Plan) =>
  Effect.gen(function*() {
    let [calls, bad, lastBad, probes, refused, closedTooEarly, asked] = [0, 0, 0, 0, 0, 0, 0]
    const closedAt = new Map<number, number>()
    const cutOff = new Set<number>()
    const emptied = yield* Effect.map(Layer.build(ClusterStore.layerMemory), Context.get(ClusterStore.ClusterStore))
    let store = emptied
    const wayOf = (index: number): ClusterStore.ClusterStore["Service"] => ({
      circuits: (call) =>
        Effect.suspend(() => {
          if (cutOff.has(index)) return Effect.never
          asked++
          return hop.pipe(Effect.andThen(Effect.suspend(() => store.circuits(call))), Effect.tap(hop))
        }),
      limits: (call) => store.limits(call),
      budgets: (call) => store.budgets(call),
      subscribe: Effect.map(
        emptied.subscribe,
        Stream.mapEffect((event) => Effect.as(hop, event))
      ).pipe(Effect.map(Stream.filter(() => !cutOff.has(index))))
    })
    const scope = yield* Effect.scope
    const nodes = yield* Effect.forEach(zipf(plan.nodes), (share, index) =>
      Effect.gen(function*() {
        // Each has chance of its own, and its calls have: what one draws more or less, and when, changes nothing for the others.
        const random = yield* Random.withSeed(Random.Random, `${plan.seed}/${index}`)
        const layer = Layer.provide(Cluster.layer(plan.options), Layer.succeed(ClusterStore.ClusterStore, wayOf(index)))
        const breaker = yield* Effect.gen(function*() {
          const context = plan.shares ? yield* Layer.build(Layer.fresh(layer)) : Context.empty()
          return yield* Effect.provide(
            CircuitBreaker.make({ name: "model", shared: true, openFor: "10 seconds" }),
            context
          )
        }).pipe(Random.withSeed(`${plan.seed}/${index}/fleet`))
        yield* Effect.forkIn(
          Stream.runForEach(breaker.transitions, ({ at, to }) =>
            Effect.sync(() => {
              if (to !== "Closed") return
              closedAt.set(index, at)
              if (plan.sick === undefined && at >= plan.from && at < plan.to) closedTooEarly++
            })),
          scope
        )
        return { share, index, breaker, random }
      }))
    const call = ({ breaker, index, random }: (typeof nodes)[number]) =>
      Effect.gen(function*() {
        const at = yield* now
        const isDown = at >= plan.from && at < plan.to
        const isBad = isDown && (plan.sick === undefined || plan.sick === index)
        calls++
        const work = Effect.gen(function*() {
          if (isBad && plan.sick === undefined) {
            if ((yield* breaker.state) === "HalfOpen") probes++
            else {
              bad++
              lastBad = at - plan.from
            }
          }
          const fails = (yield* Random.next) < (isBad ? plan.failing : plan.base)
          if (fails) {
            yield* Effect.sleep("50 millis")
            return yield* Effect.fail("503")
          }
          yield* Effect.sleep(-200 * Math.log(1 - (yield* Random.next)))
        })
        const exit = yield* Effect.exit(breaker.protect(work))
        const isRefused = Exit.isFailure(exit) && String(exit.cause).includes("CircuitOpen")
        if (isRefused && !(isDown && plan.sick === undefined)) refused++
      }).pipe(Effect.provideService(Random.Random, random))
    const draw = Effect.map(Random.next, (share) => {
      let left = share
      for (const node of nodes) if ((left -= node.share) < 0) return node
      return nodes[nodes.length - 1]!
    })
    if (plan.faults !== undefined) {
      const empty = Effect.gen(function*() {
        const other = yield* Effect.map(
          Layer.buildWithScope(Layer.fresh(ClusterStore.layerMemory), scope),
          Context.get(ClusterStore.ClusterStore)
        )
        store = { ...other, subscribe: emptied.subscribe }
      })
      yield* Effect.forkIn(plan.faults({ cutOff, empty }), scope)
    }
    while ((yield* now) < plan.until) {
      yield* Effect.sleep(-1000 / plan.perSecond * Math.log(1 - (yield* Random.next)))
      yield* Effect.forkIn(call(yield* draw), scope)
    }
    const closed = [...closedAt.values()].filter((at) => at >= plan.to)
    return {
      calls,
      bad,
      lastBad: Math.round(lastBad),
      probes,
      refused,
      recovered: closed.length === 0 ? NaN : Math.round(Math.max(...closed) - plan.to),
      closedTooEarly,
      perSecondAtStore: Math.round(asked / (plan.until / 1000))
    }
  })
