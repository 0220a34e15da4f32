/** Shared limits of a fleet in virtual time: who asks how often, what passes, and what the store is asked for. */
import { RateLimiter } from "@switchgear/core"
import * as Cluster from "@switchgear/core/Cluster"
import * as ClusterStore from "@switchgear/core/ClusterStore"
import { VirtualClock } from "@switchgear/core/testing"
import { Clock, Context, Effect, Exit, Layer, Random, Scope } from "effect"

/** What becomes of a message: it is answered, too late as well, refused, or its answer never comes although it counts. */
export type Way = "answers" | "delays" | "refuses" | "hangs" | "loses"

export interface Plan {
  readonly nodes: number
  readonly seed: string
  /** In milliseconds. */
  readonly until: number
  /** Calls a second of a node. */
  readonly demand: (at: number, node: number) => number
  /** When a node that nobody calls may be called next. @default it is looked at every 50 ms */
  readonly quietUntil?: (at: number, node: number) => number
  readonly options?: Cluster.Options
  /** Of requests; a bucket. @default 100 a second, of which 20 at once */
  readonly limit?: { readonly perSecond: number; readonly burst: number }
  readonly maxWait?: number
  /** Nodes that die at a time without a word. */
  readonly dies?: { readonly at: number; readonly nodes: number }
  /** @default "answers" */
  readonly way?: (at: number, node: number, share: number) => Way
  /** Calls that are interrupted, as a share of all, within 50 ms. */
  readonly interrupted?: number
}

export interface Told {
  readonly asked: number
  /** When calls passed, in order. */
  readonly passed: ReadonlyArray<number>
  /** How many of them one meter for all would have let pass. */
  readonly ideal: number
  readonly perSecondAtStore: number
  /** Of each node. */
  readonly askedBy: ReadonlyArray<number>
  readonly passedBy: ReadonlyArray<number>
  readonly status: ReadonlyArray<Cluster.Status>
}

const now = Effect.map(Clock.Clock, (clock) => Number(clock.monotonicTimeNanosUnsafe()) / 1e6)

const hop = Effect.flatMap(Random.next, (share) => Effect.sleep(0.4 + 0.2 * share))

export const play = (plan: Plan): Effect.Effect<Told> =>
  VirtualClock.play(
    Random.withSeed(Effect.scoped(scene(plan)), plan.seed),
    { promises: "none", stuckAfter: "1 minute" }
  )

/** Shares of traffic that are skewed over the nodes. */
export const zipf = (count: number): ReadonlyArray<number> => {
  const weights = Array.from({ length: count }, (_, i) => 1 / (i + 1))
  const sum = weights.reduce((a, b) => a + b, 0)
  return weights.map((weight) => weight / sum)
}

/** The most of some times, in order, that are within a span. */
export const mostIn = (times: ReadonlyArray<number>, span: number): number => {
  let most = 0
  let from = 0
  times.forEach((at, i) => {
    while (at - times[from]! >= span) from++
    most = Math.max(most, i - from + 1)
  })
  return most
}

/**
 * How long a node rests that nobody calls, in whole looks: until the look before somebody may, so that those who wake at one time wake
 * in the order in which they would if they looked all the time.
 */
export const quietFor = (
  { quietUntil, until }: Pick<Plan, "quietUntil" | "until">,
  at: number,
  node: number
): number =>
  quietUntil === undefined
    ? look
    : look * Math.max(1, Math.ceil((Math.min(quietUntil(at, node), until) - at) / look) - 1)

const look = 50

/** Demand that moves to the next group of nodes every five seconds. */
export const moving = (nodes: number, perSecond: number): Pick<Plan, "demand" | "quietUntil"> => {
  const size = Math.max(1, Math.floor(nodes / 10))
  const groups = Math.max(1, Math.floor(nodes / size))
  const turnsUntil = (at: number, node: number) => {
    const group = Math.floor(node / size)
    return group < groups ? (group + groups - Math.floor(at / 5000) % groups) % groups : Infinity
  }
  return {
    demand: (at, node) => turnsUntil(at, node) === 0 ? perSecond / size : 0,
    quietUntil: (at, node) => 5000 * (Math.floor(at / 5000) + turnsUntil(at, node))
  }
}

const scene = (plan: Plan) =>
  Effect.gen(function*() {
    const { limit: { burst, perSecond } = { perSecond: 100, burst: 20 } } = plan
    const gap = 1000 / perSecond
    const passed: Array<number> = []
    const askedBy = Array.from({ length: plan.nodes }, () => 0)
    const passedBy = [...askedBy]
    let [asked, messages, ideal, idealFull] = [0, 0, 0, 0]
    const memory = yield* Effect.map(Layer.build(ClusterStore.layerMemory), Context.get(ClusterStore.ClusterStore))
    const dead = new Set<number>()
    const wayOf = (index: number): ClusterStore.ClusterStore["Service"] => ({
      ...memory,
      limits: (call) =>
        Effect.gen(function*() {
          const way = dead.has(index) ? "hangs" : plan.way?.(yield* now, index, yield* Random.next) ?? "answers"
          messages++
          yield* hop
          if (way === "refuses") {
            return yield* Effect.fail(new ClusterStore.StoreFailed({ operation: "limits", reason: "failed" }))
          }
          const answer = way === "hangs" ? yield* Effect.never : yield* memory.limits(call)
          if (way === "delays") yield* Effect.sleep("100 millis")
          if (way === "loses") yield* Effect.sleep("1 hour")
          yield* hop
          return answer
        })
    })
    const scope = yield* Effect.scope
    const clusters = yield* Effect.forEach(Array.from({ length: plan.nodes }, (_, i) => i), (index) =>
      Effect.gen(function*() {
        const own = yield* Scope.fork(scope)
        const layer = Layer.provide(Cluster.layer(plan.options), Layer.succeed(ClusterStore.ClusterStore, wayOf(index)))
        const context = yield* Layer.buildWithScope(Layer.fresh(layer), own)
        const limiter = yield* RateLimiter.make({
          name: "model",
          limits: [RateLimiter.requests(perSecond, "1 second", { burst })],
          shared: true,
          maxWait: plan.maxWait ?? 0
        }).pipe(Effect.provide(context), Scope.provide(own))
        const call = Effect.exit(limiter.protect(now)).pipe(
          Effect.map((exit) => {
            if (Exit.isFailure(exit) || dead.has(index))
              return
            passed.push(exit.value)
            passedBy[index]!++
          })
        )
        const impatient = Effect.flatMap(Random.next, (share) =>
          Effect.timeoutOption(call, 50 * share))
        const asks = Effect.gen(function*() {
          while ((yield* now) < plan.until && !dead.has(index)) {
            const began = yield* now
            const rate = plan.demand(began, index)
            yield* Effect.sleep(
              rate > 0 ? -1000 / rate * Math.log(1 - (yield* Random.next)) : quietFor(plan, began, index)
            )
            const at = yield* now
            if (plan.demand(at, index) <= 0) continue
            asked++
            askedBy[index]!++
            if (Math.max(idealFull, at) + gap - at <= burst * gap + 1e-6) {
              idealFull = Math.max(idealFull, at) + gap
              ideal++
            }
            const isImpatient = (plan.interrupted ?? 0) > 0 && (yield* Random.next) < plan.interrupted!
            yield* Effect.forkIn(isImpatient ? impatient : call, own)
          }
        })
        yield* Effect.forkIn(asks, own)
        return Context.get(context, Cluster.Cluster)
      }))
    if (plan.dies !== undefined) {
      yield* Effect.sleep(plan.dies.at)
      for (let i = 0; i < plan.dies.nodes; i++)
        dead.add(i)
    }
    yield* Effect.sleep(plan.until - (yield* now))
    const status = yield* Effect.forEach(clusters, ({ status }) =>
      status)
    return {
      asked,
      passed: passed.sort((a, b) => a - b),
      ideal,
      perSecondAtStore: Math.round(messages / (plan.until / 1000)),
      askedBy,
      passedBy,
      status
    }
  })
