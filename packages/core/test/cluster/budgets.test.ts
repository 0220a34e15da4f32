/**
 * A budget of a fleet of nodes over one store in memory, in virtual time. SWITCHGEAR_SHOW=1 prints the numbers: they are other ones,
 * within the same bounds, where anything in a node takes another step.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { type Plan, play, type Told, type Way } from "./budgets.ts"
import { moving, zipf } from "./limits.ts"

/** Of all nodes. Calls take from 10 to 100,000, 10,857 in the mean, and spend 0.85 of it. */
const perSecond = 20

/** What the calls of so many seconds cost. */
const costOf = (seconds: number) => Math.round(seconds * perSecond * 10_857 * 0.85)

const skewed = (nodes: number): Plan["demand"] => {
  const shares = zipf(nodes)
  return (_at, node) => perSecond * shares[node]!
}

const percent = (part: number, whole: number) => Math.round(1000 * part / whole) / 10

/** The numbers of a scene, of which docs/fleet.md has some. */
const numbersOf = ({ calls, longest, messages, mostOfNode, waited, windows: [window] }: Told, plan: Plan) => ({
  usedBefore: percent(window!.usedBefore, plan.limit),
  spent: percent(window!.spent, plan.limit),
  most: percent(window!.most, plan.limit),
  messages: Math.round(1000 * messages / plan.nodes / plan.until * 100) / 100,
  mostOfNode,
  waited: percent(waited, calls),
  longest: Math.ceil(longest)
})

const show = (name: string, numbers: object) => {
  if (process.env.SWITCHGEAR_SHOW !== undefined) console.log("SHOW", name, JSON.stringify(numbers))
}

/** The same seed has the same numbers. */
const isAsBefore = (scene: keyof typeof golden, numbers: ReturnType<typeof numbersOf>) => {
  show(scene, numbers)
  const { longest, messages, most, mostOfNode, spent, usedBefore, waited } = numbers
  assert.deepStrictEqual([usedBefore, spent, most, messages, mostOfNode, waited, longest], [...golden[scene]], scene)
}

/** Used before the first refusal, spent, and the most at once, in percent; messages, the most of a node in a second, waited, longest. */
const golden = {
  "1 skewed": [100, 100, 100, 1.56, 16, 3.9, 2],
  "1 moving": [100, 100, 100, 1.56, 16, 3.9, 2],
  "20 skewed": [99.6, 100, 100, 0.46, 14, 17.9, 2],
  "20 moving": [99.6, 100, 100, 0.38, 17, 15.2, 3],
  "200 skewed": [99.4, 100.1, 100.1, 0.2, 11, 56.5, 2],
  "200 moving": [99.6, 100, 100, 0.22, 6, 58.1, 2],
  "dies": [94.1, 95, 95.1, 0.28, 5, 19.2, 50],
  "20 emptied": [101.5, 102, 102, 0.42, 10, 15.7, 2],
  "200 emptied": [99.9, 100.1, 100.1, 0.2, 10, 57.6, 2],
  "20 older": [101.5, 102, 102, 0.42, 10, 15.7, 2],
  "200 older": [99.9, 100.1, 100.1, 0.2, 10, 57.6, 2],
  "closed 20": [31.1, 39.6, 39.6, 0.17, 4, 3.3, 50],
  "closed 10": [31.1, 71.5, 72, 0.24, 4, 5, 50],
  "local 20": [44.2, 79.7, 79.8, 0.17, 4, 3.4, 50],
  "local 10": [46.8, 91.4, 91.7, 0.24, 4, 4.9, 50],
  "open 10": [0, 124.8, 125.2, 0.24, 4, 5, 50],
  "20 plenty": [0, 3.4, 3.4, 0.3, 4, 6.2, 2],
  "200 plenty": [0, 3.5, 3.5, 0.16, 3, 26.4, 2]
} as const

const base = { seed: "budget", until: 120_000, limit: costOf(100) }

const scenes = [
  ["skewed", (nodes: number): Pick<Plan, "demand"> => ({ demand: skewed(nodes) })],
  ["moving", (nodes: number) => moving(nodes, perSecond)]
] as const

describe("a budget", () => {
  for (const nodes of [1, 20, 200] as const) {
    for (const [scene, traffic] of scenes) {
      it.live(
        `of a hundred seconds is spent by ${nodes} nodes before a call is refused, and no further, by ${scene} calls`,
        () =>
          Effect.gen(function*() {
            const plan: Plan = { ...base, nodes, ...traffic(nodes) }
            const told = yield* play(plan)
            const numbers = numbersOf(told, plan)
            isAsBefore(`${nodes} ${scene}`, numbers)
            const [window] = told.windows
            assert.isAtLeast(numbers.usedBefore, 94)
            assert.isAtLeast(numbers.spent, 99)
            assert.isAtMost(window!.most, plan.limit + window!.excess)
            assert.isAtMost(numbers.most, 100.5)
            assert.isAtMost(numbers.messages, 4)
            assert.isAtMost(numbers.longest, 5)
          }),
        60_000
      )
    }
  }

  it.live("that lasts for an hour is seldom waited for", () =>
    Effect.gen(function*() {
      for (const nodes of [20, 200] as const) {
        const plan = { ...base, nodes, limit: costOf(3600), demand: skewed(nodes) }
        const told = yield* play(plan)
        const numbers = numbersOf(told, plan)
        isAsBefore(`${nodes} plenty`, numbers)
        assert.strictEqual(told.windows[0]!.refused, 0)
        assert.isAtMost(numbers.waited, nodes === 20 ? 8 : 30)
      }
    }), 60_000)

  it.live("lacks no more than what the third of 20 nodes held that died", () =>
    Effect.gen(function*() {
      const plan = { ...base, nodes: 20, limit: costOf(50), demand: skewed(20), dies: { at: 20_000, nodes: 6 } }
      const told = yield* play(plan)
      const numbers = numbersOf(told, plan)
      isAsBefore("dies", numbers)
      // What the nodes held with which two thirds of the calls are: for two seconds, and four calls each.
      assert.isAtLeast(numbers.spent, 90)
      assert.isAtMost(told.windows[0]!.most, plan.limit + told.windows[0]!.excess)
    }), 60_000)

  for (const nodes of [20, 200] as const) {
    it.live(
      `is hardly passed by ${nodes} nodes whose store begins again with nothing, or with an older copy`,
      () =>
        Effect.gen(function*() {
          for (const kind of ["emptied", "older"] as const) {
            // A snapshot that is a minute old, as Redis makes them.
            const restarts = { at: 80_000, ...kind === "older" && { copyOf: 60_000 } }
            const plan = { ...base, nodes, demand: skewed(nodes), restarts }
            const numbers = numbersOf(yield* play(plan), plan)
            isAsBefore(`${nodes} ${kind}`, numbers)
            assert.isAtLeast(numbers.usedBefore, 94)
            assert.isAtMost(numbers.most, 103)
          }
        }),
      60_000
    )
  }

  // Some 30 % are spent when the nodes are cut off, and each of them has a share of the rest.
  for (
    const [away, cutOff, most] of [
      ["closed", 20, 100],
      ["closed", 10, 100.5],
      ["local", 20, 100.5],
      ["local", 10, 135],
      ["open", 10, 800]
    ] as const
  ) {
    it.live(`is spent as away says by 20 nodes of which ${cutOff} are cut off: ${away}`, () =>
      Effect.gen(function*() {
        const plan: Plan = {
          ...base,
          nodes: 20,
          demand: skewed(20),
          options: { away },
          way: (at, node) => at >= 30_000 && (cutOff === 20 || node % 2 === 0) ? "hangs" : "answers"
        }
        const numbers = numbersOf(yield* play(plan), plan)
        isAsBefore(`${away} ${cutOff}` as keyof typeof golden, numbers)
        assert.isAtMost(numbers.most, most)
        assert.isAtMost(numbers.longest, 50)
      }), 60_000)
  }

  it.live("costs an idle node a message every five seconds, and later none", () =>
    Effect.gen(function*() {
      const plan: Plan = { ...base, nodes: 20, demand: (at) => at < 1000 ? 3 : 0, quietUntil: () => Infinity }
      const early = yield* play({ ...plan, until: 21_000 })
      const late = yield* play(plan)
      show("idle", { early: early.messages / 20, late: late.messages / 20 })
      assert.isAtMost(early.messages / 20, 4 + 0.2 * 21 + 3)
      assert.isAtMost(late.messages - early.messages, 20 * 4)
      assert.deepStrictEqual(late.status.map(({ budgets: { count } }) => count), Array.from({ length: 20 }, () => 0))
    }), 60_000)
})

describe("windows of ten seconds", () => {
  it.live("have their budget once each, also where the clocks of the nodes differ", () =>
    Effect.gen(function*() {
      const plan: Plan = {
        ...base,
        nodes: 20,
        until: 58_000,
        limit: costOf(5),
        window: 10_000,
        skew: (node) => (node % 5 - 2) * 1500,
        demand: () => 1.5
      }
      const { windows } = yield* play(plan)
      show("windows", windows.map(({ spent }) => percent(spent, plan.limit)))
      for (const { excess, most } of windows) assert.isAtMost(most, plan.limit + excess)
      for (const start of [10_000, 20_000, 30_000, 40_000]) {
        const window = windows.find(({ name }) => name === `team:${start}`)
        assert.isAtLeast(window!.spent, 0.94 * plan.limit)
      }
    }), 60_000)
})

const choice = <A>(share: number, ...values: ReadonlyArray<A>): A => values[Math.floor(share * values.length)]!

/** Shares that a number stands for. */
const shares = (seed: number) => {
  let state = seed
  return () => {
    state = Math.imul(state ^ state >>> 15, 0x2c1b3c6d) + 0x9e3779b9 | 0
    return (Math.imul(state ^ state >>> 12, 0x297a2d39) >>> 0) / 2 ** 32
  }
}

const faulty = (share: number): Way =>
  choice(Math.min(0.999, share * 16), "hangs", "late", "loses", "refuses") ?? "answers"

describe("what is spent and reserved", () => {
  it.live(
    "is never more than the budget and what calls spend above their reservations, whatever happens to nodes and messages",
    () =>
      Effect.gen(function*() {
        let [passed, refused] = [0, 0]
        for (let run = 1; run <= Number(process.env.SWITCHGEAR_RUNS ?? 60); run++) {
          const share = shares(run)
          const nodes = choice(share(), 1, 2, 5, 20)
          const peak = choice(share(), 5, 20, 60)
          const period = choice(share(), 130, 1000, 3000)
          const asks = new Map<string, number>()
          const plan: Plan = {
            nodes,
            seed: `bound ${run}`,
            until: 15_000,
            limit: choice(share(), 100, 100_000, 1_000_000, 5_000_000),
            cost: choice(
              share(),
              undefined,
              (share: number) => Math.ceil(100 * share),
              (share: number) => share < 0.1 ? 0 : 30_000
            )!,
            window: choice(share(), 1e9, 1e9, 5000, 700),
            skew: choice<(node: number) => number>(share(), () => 0, (node) => node * 333, (node) => -node * 2000),
            demand: (at, node) => {
              const key = `${Math.floor(at / period)}:${node}`
              const known = asks.get(key) ?? (share() < 0.4 ? peak * share() / nodes * 3 : 0)
              asks.set(key, known)
              return known
            },
            interrupted: choice(share(), 0, 0.3, 0.9),
            options: { away: "closed" },
            dies: { at: 6000, nodes: Math.floor(nodes / 3) },
            ...share() < 0.6 &&
              { way: (_at: number, _node: number, share: number) => share < 1 / 16 ? faulty(share) : "answers" }
          }
          const { longest, windows } = yield* play(plan)
          assert.isAtMost(longest, 50.001, `run ${run}`)
          for (const window of windows) {
            passed += window.passed
            refused += window.refused
            assert.isAtMost(window.most, plan.limit + window.excess, `run ${run}, ${window.name}`)
          }
        }
        show("random", { passed, refused })
        assert.isAbove(passed, 1000)
        assert.isAbove(refused, 1000)
      }),
    120_000
  )
})
