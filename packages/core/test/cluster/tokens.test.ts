/** A limit of tokens of a fleet in virtual time: calls of 10 to 100,000, which turn out to have used less, or more. */
import { assert, describe, it } from "@effect/vitest"
import { RateLimiter } from "@switchgear/core"
import * as Cluster from "@switchgear/core/Cluster"
import * as ClusterStore from "@switchgear/core/ClusterStore"
import { VirtualClock } from "@switchgear/core/testing"
import { Clock, Context, Effect, Exit, Layer, Random, Scope } from "effect"

interface Plan {
  /** Undefined for one limiter that all calls share. */
  readonly nodes: number | undefined
  /** What is asked for, as a share of the limit. */
  readonly load: number
  /** In milliseconds. */
  readonly maxWait: number
}

interface Taken {
  readonly at: number
  readonly used: number
}

const perSecond = 20_000
const burst = 100_000
const until = 120_000

const now = Effect.map(Clock.Clock, (clock) => Number(clock.monotonicTimeNanosUnsafe()) / 1e6)

const hop = Effect.flatMap(Random.next, (share) => Effect.sleep(0.4 + 0.2 * share))

const play = (plan: Plan) =>
  VirtualClock.play(Random.withSeed(Effect.scoped(scene(plan)), "tokens"), {
    promises: "none",
    stuckAfter: "1 minute"
  })

const scene = ({ load, maxWait, nodes }: Plan) =>
  Effect.gen(function*() {
    const memory = yield* Effect.map(Layer.build(ClusterStore.layerMemory), Context.get(ClusterStore.ClusterStore))
    const scope = yield* Effect.scope
    const count = nodes ?? 1
    const dead = new Set<number>()
    const taken: Array<Taken> = []
    let calls = 0
    let messages = 0
    const node = (index: number) =>
      Effect.gen(function*() {
        const own = yield* Scope.fork(scope)
        const store: ClusterStore.ClusterStore["Service"] = {
          ...memory,
          limits: (call) =>
            Effect.suspend(() => {
              messages++
              return dead.has(index)
                ? Effect.never
                : hop.pipe(Effect.andThen(memory.limits(call)), Effect.tap(hop))
            })
        }
        const layer = Layer.provide(Cluster.layer(), Layer.succeed(ClusterStore.ClusterStore, store))
        const context = nodes === undefined ? Context.empty() : yield* Layer.buildWithScope(Layer.fresh(layer), own)
        const limits = [RateLimiter.tokens(perSecond, "1 second", { burst })]
        const limiter = yield* RateLimiter.make({ name: "model", limits, shared: true, maxWait }).pipe(
          Effect.provide(context),
          Scope.provide(own)
        )
        const call = Effect.gen(function*() {
          calls++
          const tokens = Math.round(10 * 10_000 ** (yield* Random.next))
          const exit = yield* Effect.exit(limiter.reserve({ tokens }))
          if (Exit.isFailure(exit)) return
          const at = yield* now
          const used = Math.round(tokens * (0.2 + 1.3 * (yield* Random.next)))
          yield* Effect.sleep(200 + 3000 * (yield* Random.next))
          // What a node has taken that dies stays taken.
          taken.push({ at, used: dead.has(index) ? tokens : used })
          if (!dead.has(index)) yield* exit.value.settle({ tokens: used })
        })
        const rate = load * perSecond / 10_857 / count
        const asks = Effect.gen(function*() {
          while (!dead.has(index)) {
            yield* Effect.sleep(-1000 / rate * Math.log(1 - (yield* Random.next)))
            yield* Effect.forkIn(call, own)
          }
        })
        yield* Effect.forkIn(asks, own)
      })
    yield* Effect.forEach(Array.from({ length: count }, (_, i) => i), node)
    yield* Effect.sleep(until / 2)
    for (let i = 0; i < Math.floor(count / 3); i++) dead.add(i)
    yield* Effect.sleep(until / 2)
    taken.sort((a, b) => a.at - b.at)
    return {
      used: taken.reduce((sum, { used }) => sum + used, 0) / (burst + perSecond * until / 1000),
      inTenSeconds: mostIn(taken, 10_000) / (burst + perSecond * 10.2),
      messages: messages / calls
    }
  })

const mostIn = (taken: ReadonlyArray<Taken>, span: number): number => {
  let [most, sum, from] = [0, 0, 0]
  for (const { at, used } of taken) {
    sum += used
    while (at - taken[from]!.at >= span) sum -= taken[from++]!.used
    most = Math.max(most, sum)
  }
  return most
}

describe("a limit of 20,000 tokens a second, of which 100,000 at once", () => {
  for (const maxWait of [0, 5000]) {
    it.live(
      `is used by 20 and 200 nodes as by one limiter, and no further, by calls that wait for ${maxWait} ms`,
      () =>
        Effect.gen(function*() {
          const alone = yield* play({ nodes: undefined, load: 3, maxWait })
          for (const nodes of [20, 200]) {
            const { inTenSeconds, messages, used } = yield* play({ nodes, load: 3, maxWait })
            if (process.env.SWITCHGEAR_SHOW !== undefined)
              console.log({ alone, nodes, maxWait, used, inTenSeconds, messages })
            assert.isAtLeast(used, 0.88 * alone.used)
            // A debt is forgotten where calls that wait have booked a bucket ahead.
            assert.isAtMost(used, 1.02)
            // Of amounts, twice the bucket, and what a call of a whole one has gathered.
            assert.isAtMost(inTenSeconds, (3 * burst + perSecond * 10.2) / (burst + perSecond * 10.2))
            assert.isAtMost(messages, 3.5)
          }
        }),
      60_000
    )
  }
})
