/** The scenarios that the algorithms are measured in, and those that none of their constants was tuned on. */
import { Load } from "@switchgear/core/testing"
import type { Behaviour, Kind } from "./provider.ts"

export interface Scenario {
  readonly kind: Kind
  readonly capacity: number
  readonly arrivals: Load.Arrivals
  /** The share of long calls at a time in seconds. */
  readonly longShare: (at: number) => number
  /** When the provider changes, in seconds. */
  readonly changes: ReadonlyArray<readonly [at: number, behaviour: Partial<Behaviour>]>
  /** How much the speed varies, from 5 seconds to the next. */
  readonly noise: number
  /** The calls that count arrive in this time, in seconds. */
  readonly measured: readonly [from: number, to: number]
  /** The limit of the row "fixed". */
  readonly fixed: number
  /** How often it is played: more often where one run differs from the next. */
  readonly runs: number
}

const steady = (rate: number, seconds: number): Load.Arrivals => Load.poisson({ rate, for: seconds * 1000 })

const burst = (rate: number, high: number): Load.Arrivals => Load.sequence([steady(rate, 180), steady(high, 120)])

const defaultsOf =
  (capacity: number, share: number) =>
  (rate: number | Load.Arrivals, to: number, options: Partial<Scenario> = {}): Scenario => ({
    kind: "vllm",
    capacity,
    arrivals: typeof rate === "number" ? steady(rate, to) : rate,
    longShare: () => share,
    changes: [],
    noise: 0,
    measured: [60, to],
    fixed: capacity,
    runs: 2,
    ...options
  })

const hangs = [[180, { speed: 0 }], [210, { speed: 1 }]] as const
const slows = (at: number) => [[at, { speed: 0.33 }]] as const

const tuned = defaultsOf(40, 0.2)
const onOff = Load.sequence(
  Array.from({ length: 11 }, () => [steady(0.2, 20), steady(20, 20)]).flat()
)

export const scenarios = {
  calm: tuned(5, 420, { runs: 1 }),
  over: tuned(18, 420, { runs: 1 }),
  "over slots": tuned(18, 420, { kind: "slots", runs: 1 }),
  "over ps": tuned(18, 420, { kind: "ps", runs: 1 }),
  burst: tuned(burst(2, 30), 300, { measured: [180, 300] }),
  "on/off": tuned(onOff, 420),
  "c/2": tuned(9, 480, { changes: [[180, { capacity: 20 }]], measured: [180, 480] }),
  hang: tuned(7, 300, { runs: 3, changes: hangs, measured: [180, 300] }),
  noise: tuned(7, 600, { runs: 3, noise: 0.4 }),
  mix: tuned(5, 480, { capacity: 80, runs: 3, longShare: (at) => at > 180 ? 0.5 : 0.1, measured: [180, 480] }),
  slow3: tuned(4, 900, { capacity: 80, runs: 3, changes: slows(180), measured: [180, 900] }),
  cold: tuned(18, 60, { measured: [0, 60], runs: 4 })
} satisfies { readonly [name: string]: Scenario }

const check = defaultsOf(24, 0.35)

export const checks = {
  calm: check(2, 600, { runs: 1 }),
  over: check(7, 600, { runs: 1 }),
  "over slots": check(7, 600, { kind: "slots", runs: 1 }),
  "over ps": check(7, 600, { kind: "ps", runs: 1 }),
  burst: check(burst(1, 15), 300, { measured: [180, 300] }),
  "c/2": check(3.4, 600, { changes: [[200, { capacity: 12 }]], measured: [200, 600] }),
  hang: check(2.6, 300, { runs: 3, changes: hangs, measured: [180, 300] }),
  noise: check(2.4, 900, { runs: 3, noise: 0.4 }),
  mix: check(3, 600, { capacity: 48, longShare: (at) => at > 200 ? 0.6 : 0.1, measured: [200, 600] }),
  slow3: check(2, 900, { capacity: 60, runs: 3, changes: slows(200), measured: [200, 900] })
} satisfies { readonly [name: string]: Scenario }
