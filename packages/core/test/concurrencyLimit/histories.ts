/** Random histories of calls, as an algorithm is told of them, and what it made of them. */
import type { ConcurrencyLimit } from "@switchgear/core"

type Algorithm = ConcurrencyLimit.Algorithm
type AlgorithmRules = ConcurrencyLimit.AlgorithmRules

/** A call that ends. Its place in the limit is told as a share of it, since the limit moves. */
export interface Step {
  /** Milliseconds since the step before. */
  readonly wait: number
  /** Whether its call begins in this step, too. */
  readonly begins: boolean
  /** The calls in flight, as a share of the limit; above 1 where the limit was lowered. */
  readonly use: number
  readonly class: number
  readonly sample: number | undefined
  readonly outcome: "success" | "drop"
  readonly duration: number
}

/** What an algorithm made of a step. */
export interface Move {
  readonly step: Step
  readonly now: number
  readonly inFlight: number
  readonly before: number
  readonly after: number
  readonly reason: string
  readonly stretch: number
  readonly drops: number
}

/** The same numbers for the same seed. */
export const numbers = (seed: number) => {
  let state = (seed * 2_654_435_761) % 2_147_483_647 || 1
  return (): number => (state = (state * 48_271) % 2_147_483_647) / 2_147_483_647
}

export const rulesOf = (seed: number): AlgorithmRules => {
  const random = numbers(seed + 1_000_000)
  const min = 1 + Math.floor(random() * 8)
  return {
    algorithm: "gradient",
    min,
    initial: min + Math.floor(random() * 30),
    max: 60 + Math.floor(random() * 300),
    tolerance: 1.2 + random() * 2,
    window: random() < 0.3 ? 1 : 500 + random() * 1000,
    minimumCalls: random() < 0.2 ? 1 : 3 + Math.floor(random() * 20),
    backoff: 0.1 + 0.9 * random()
  }
}

/** Phases in which classes are fast or slow, calls many or few, and drops rare or frequent. */
export const historyOf = (seed: number, steps = 600): ReadonlyArray<Step> => {
  const random = numbers(seed)
  const pick = <A>(...values: ReadonlyArray<A>): A => values[Math.floor(random() * values.length)]!
  const history: Array<Step> = []
  const classes = pick(1, 2, 9)
  while (history.length < steps) {
    const slow = pick(1, 1, 1.5, 3, 3, 8)
    const use = pick(0.2, 0.49, 0.6, 0.8, 1, 1.4)
    const dropShare = pick(0, 0, 0, 0.1, 0.4, 1)
    const late = pick(0, 0.5, 1)
    const gap = pick(10, 50, 200, 2000)
    const noise = pick(0.1, 0.6)
    const length = 20 + Math.floor(random() * 200)
    for (let i = 0; i < length && history.length < steps; i++) {
      const index = Math.floor(random() * classes)
      const time = (index + 1) * 100 * slow * (1 + noise * (random() - 0.5))
      const isDrop = random() < dropShare
      history.push({
        wait: gap * 2 * random(),
        begins: random() < 0.7,
        use: use * (0.75 + 0.25 * random()),
        class: index,
        sample: (isDrop ? random() < late : random() < 0.95) ? time : undefined,
        outcome: isDrop ? "drop" : "success",
        duration: time * (2 + random())
      })
    }
  }
  return history
}

export const play = (algorithm: Algorithm, history: ReadonlyArray<Step>, start = 0): ReadonlyArray<Move> => {
  let now = start
  return history.map((step) => {
    now += step.wait
    const before = algorithm.limit
    const inFlight = Math.max(1, Math.round(step.use * Math.floor(before)))
    if (step.begins) algorithm.begun(inFlight)
    if (step.sample !== undefined) algorithm.sampled(step.class, step.sample)
    algorithm.ended({
      outcome: step.outcome,
      class: step.class,
      duration: step.duration,
      inFlight,
      hasSample: step.sample !== undefined
    }, now)
    const { drops, stretch } = algorithm.read()
    return { step, now, inFlight, before, after: algorithm.limit, reason: algorithm.reason, stretch, drops }
  })
}

/** The windows of a path: the moves of each, where the last one closes it. What is left over is no window. */
export const windowsOf = (
  { minimumCalls, window }: AlgorithmRules,
  path: ReadonlyArray<Move>,
  start = 0
): ReadonlyArray<ReadonlyArray<Move>> => {
  const windows: Array<ReadonlyArray<Move>> = []
  let opened = start
  let current: Array<Move> = []
  for (const move of path) {
    current.push(move)
    if (move.now - opened < window || current.length < minimumCalls) continue
    windows.push(current)
    opened = move.now
    current = []
  }
  return windows
}
