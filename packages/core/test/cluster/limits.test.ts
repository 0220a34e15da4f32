/** Limits of a fleet of nodes over one store in memory, in virtual time. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { mostIn, moving, type Plan, play, type Way, zipf } from "./limits.ts"

const skewed = (nodes: number, perSecond: number): Pick<Plan, "demand"> => {
  const shares = zipf(nodes)
  return { demand: (_at, node) => perSecond * shares[node]! }
}

const scenes: ReadonlyArray<readonly [scene: string, traffic: (nodes: number) => Pick<Plan, "demand" | "quietUntil">]> =
  [
    ["three times too many calls", (nodes) => skewed(nodes, 300)],
    ["nine tenths of the calls that may pass", (nodes) => skewed(nodes, 90)],
    ["calls that move to another tenth of the nodes every five seconds", (nodes) => moving(nodes, 150)],
    [
      "five quiet seconds and five of a storm",
      (nodes) => ({ demand: (at) => (Math.floor(at / 5000) % 2 === 0 ? 20 : 600) / nodes })
    ]
  ]

describe("a limit of 100 calls a second, of which 20 at once", () => {
  for (const nodes of [1, 3, 20, 200]) {
    for (const [scene, traffic] of scenes) {
      it.live(`is used by ${nodes} nodes and hardly passed: ${scene}`, () =>
        Effect.gen(function*() {
          const { asked, ideal, passed, perSecondAtStore } = yield* play({
            nodes,
            ...traffic(nodes),
            until: 60_000,
            seed: "limits"
          })
          assert.isAtLeast(passed.length / ideal, nodes === 1 ? 0.99 : 0.94)
          assert.isAtMost(mostIn(passed, 1000), 20 + 100 * 1.2)
          assert.isAtMost(perSecondAtStore, 1.1 * asked / 60 + 1)
        }), 30_000)
    }
  }

  it.live(
    "refuses no call of nodes that use a part of it, also where one comes just as what is booked has become too old",
    () =>
      Effect.gen(function*() {
        for (const [nodes, perSecond] of [[1, 10], [2, 20], [3, 10], [5, 9]] as const) {
          for (const seed of ["1", "2", "3", "4", "5"]) {
            const { asked, passed } = yield* play({
              nodes,
              demand: (at) => at < 19_000 ? perSecond : 0,
              until: 20_000,
              seed,
              limit: { perSecond: 60, burst: 1000 }
            })
            assert.strictEqual(passed.length, asked, `${nodes} nodes of ${perSecond} calls a second each, seed ${seed}`)
          }
        }
      }),
    30_000
  )

  it.live("is used by the other half at once where half of 20 nodes die", () =>
    Effect.gen(function*() {
      const { passed } = yield* play({
        nodes: 20,
        demand: (at) => at < 10_000 ? 15 : 30,
        until: 14_000,
        seed: "limits",
        dies: { at: 10_000, nodes: 10 }
      })
      assert.isAtLeast(passed.filter((at) => at >= 10_000 && at < 12_000).length, 180)
      assert.isAtMost(mostIn(passed, 1000), 20 + 100 * 1.2)
    }), 30_000)

  it.live(
    "is not passed by a thousand nodes that call seldom, whose turns would come back",
    () =>
      Effect.gen(function*() {
        for (const burst of [20, 1]) {
          const { ideal, passed } = yield* play({
            nodes: 1000,
            demand: () => 0.3,
            until: 10_000,
            seed: "limits",
            limit: { perSecond: 100, burst }
          })
          assert.isAtLeast(passed.length / ideal, 0.94)
          assert.isAtMost(mostIn(passed, 200), burst + 100 * 0.4)
          assert.isAtMost(mostIn(passed, 1000), burst + 100 * 1.2)
        }
      }),
    60_000
  )

  it.live("is used as well, and not passed, where one message of sixteen is refused", () =>
    Effect.gen(function*() {
      for (const load of [300, 90]) {
        const shares = zipf(20)
        const { ideal, passed } = yield* play({
          nodes: 20,
          demand: (_at, node) => load * shares[node]!,
          until: 30_000,
          seed: "limits",
          way: (_at, _node, share) => share < 1 / 16 ? "refuses" : "answers"
        })
        assert.isAtLeast(passed.length / ideal, 0.98)
        assert.isAtMost(mostIn(passed, 1000), 1 + 20 + 100 * 1.2)
      }
    }), 30_000)

  it.live(
    "passes calls of quiet nodes as often as those of all, where there are three times too many",
    () =>
      Effect.gen(function*() {
        const shares = zipf(200)
        const { asked, askedBy, passed, passedBy, perSecondAtStore } = yield* play({
          nodes: 200,
          demand: (_at, node) => 300 * shares[node]!,
          until: 30_000,
          seed: "limits"
        })
        const sum = (counts: ReadonlyArray<number>) => counts.slice(20).reduce((sum, count) => sum + count, 0)
        const quiet = sum(passedBy) / sum(askedBy)
        assert.isAtLeast(quiet, 0.9 * passed.length / asked)
        assert.isAtMost(quiet, 1.25 * passed.length / asked)
        // Nor does the busiest get nothing.
        assert.isAtLeast(passedBy[0]! / askedBy[0]!, 0.3 * passed.length / asked)
        assert.isAtMost(perSecondAtStore, 200)
      }),
    30_000
  )

  it.live(
    "costs a busy fleet of 20 at most four messages a node and second, and five where calls wait",
    () =>
      Effect.gen(function*() {
        for (const seed of ["limits", "two", "three"]) {
          const plan = { nodes: 20, ...skewed(20, 300), until: 20_000, seed }
          assert.isAtMost((yield* play(plan)).perSecondAtStore, 80)
          assert.isAtMost((yield* play({ ...plan, maxWait: 2000 })).perSecondAtStore, 100)
        }
      }),
    30_000
  )
})

const choice = <A>(share: number, ...values: ReadonlyArray<A>): A => values[Math.floor(share * values.length)]!

/** Shares that a text stands for. */
const shares = (seed: number) => {
  let state = seed
  return () => {
    state = Math.imul(state ^ state >>> 15, 0x2c1b3c6d) + 0x9e3779b9 | 0
    return (Math.imul(state ^ state >>> 12, 0x297a2d39) >>> 0) / 2 ** 32
  }
}

const faulty = (share: number): Way => choice(Math.min(0.999, share * 16), "hangs", "loses", "refuses") ?? "answers"

describe("the calls that pass", () => {
  it.live(
    "are never more than the bound, whoever asks, is interrupted, dies or is not answered",
    () =>
      Effect.gen(function*() {
        let all = 0
        for (let run = 1; run <= Number(process.env.SWITCHGEAR_RUNS ?? 40); run++) {
          const share = shares(run)
          const nodes = choice(share(), 2, 5, 20, 60)
          const period = choice(share(), 130, 250, 400, 1000, 3000)
          const peak = choice(share(), 50, 200, 1000, 3000)
          const limit = choice(
            share(),
            { perSecond: 100, burst: 20 },
            { perSecond: 1000, burst: 5 },
            { perSecond: 20, burst: 100 },
            { perSecond: 2, burst: 3 }
          )
          const asks = new Map<string, number>()
          const plan: Plan = {
            nodes,
            seed: `bound ${run}`,
            until: 8000,
            limit,
            demand: (at, node) => {
              const key = `${Math.floor(at / period)}:${node}`
              const known = asks.get(key) ?? (share() < 0.3 ? peak * share() / nodes * 3 : 0)
              asks.set(key, known)
              return known
            },
            maxWait: choice(share(), 0, 0, 100, 2000),
            interrupted: choice(share(), 0, 0.3, 0.9),
            options: { away: "closed" },
            dies: { at: 4000, nodes: Math.floor(nodes / 3) },
            ...share() < 0.5 &&
              { way: (_at: number, _node: number, share: number) => share < 1 / 16 ? faulty(share) : "answers" }
          }
          const { passed, status } = yield* play(plan)
          all += passed.length
          const kept = status.flatMap(({ limits }) => limits).reduce(
            (sum, { booked, givenBack }) => sum + booked - givenBack,
            0
          )
          assert.isAtMost(passed.length, kept + 1e-6, `run ${run}`)
          for (const span of [20, 200, 1000, 5000]) {
            const bound = limit.burst + limit.perSecond * (span + 200) / 1000
            // A turn at each end.
            assert.isAtMost(mostIn(passed, span), bound + 1, `run ${run}, ${span} ms`)
          }
        }
        assert.isAbove(all, 1000)
      }),
    120_000
  )
})

describe("a store that comes and goes every few hundred milliseconds", () => {
  it.live(
    "lets no more pass than a bucket and what comes in once more, in any span and over all",
    () =>
      Effect.gen(function*() {
        let closest = 0
        for (let run = 1; run <= Number(process.env.SWITCHGEAR_RUNS ?? 20); run++) {
          const share = shares(run)
          const nodes = choice(share(), 1, 3, 10)
          const limit = choice(share(), { perSecond: 1, burst: 60 }, { perSecond: 5, burst: 200 })
          const period = choice(share(), 400, 700, 1000)
          const gone = choice(share(), 0.3, 0.5, 0.9)
          const broken = choice<Way>(share(), "delays", "refuses", "refuses", "loses")
          const together = share() < 0.5
          // Those that come while the store is there take what the next absence would begin with.
          const always = share() < 0.3
          const peak = choice(share(), 100, 400)
          // All nodes know of all by then.
          const from = 6000
          const until = 18_000
          const isGone = (at: number, node: number) =>
            at >= from && (at / period + (together ? 0 : node / nodes)) % 1 < gone
          const { passed } = yield* play({
            nodes,
            seed: `comes and goes ${run}`,
            until,
            limit,
            demand: (at, node) => at >= from && (always || isGone(at, node)) ? peak / nodes : 0,
            way: (at, node) => isGone(at, node) ? broken : "answers"
          })
          for (const span of [20, 1000, 5000, until]) {
            // What comes in twice: by the fleet, and in the parts of its nodes while they are away.
            const bound = 1 + 2 * limit.burst + limit.perSecond * (2 * span + 200) / 1000
            const most = mostIn(passed, span)
            assert.isAtMost(most, bound, `run ${run}, ${span} ms`)
            closest = Math.max(closest, most / bound)
          }
        }
        if (process.env.SWITCHGEAR_SHOW !== undefined) console.log(closest)
      }),
    60_000
  )
})
