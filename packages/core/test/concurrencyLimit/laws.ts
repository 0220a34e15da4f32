/** What holds for `"gradient"`, whatever happens. A law answers with what is wrong. */
import type { ConcurrencyLimit } from "@switchgear/core"
import { historyOf, type Move, play, rulesOf, type Step, windowsOf } from "./histories.ts"
import { modelOf } from "./gradientModel.ts"

type AlgorithmRules = ConcurrencyLimit.AlgorithmRules

export type Make = ConcurrencyLimit.MakeAlgorithm

type Law = (make: Make, rules: AlgorithmRules, history: ReadonlyArray<Step>) => string | undefined

const last = <A>(values: ReadonlyArray<A>): A => values[values.length - 1]!
const limits = (path: ReadonlyArray<Move>) => path.map(({ after }) => after)
const peakOf = (window: ReadonlyArray<Move>) => Math.max(...window.map(({ inFlight }) => inFlight))
const hasDrops = (window: ReadonlyArray<Move>) => window.some(({ step }) => step.outcome === "drop")

/** A law about each window and the move at its end. */
const ofWindows =
  (law: (window: ReadonlyArray<Move>, end: Move, rules: AlgorithmRules) => boolean): Law => (make, rules, history) => {
    const broken = windowsOf(rules, play(make(rules, 0), history)).find((window) => !law(window, last(window), rules))
    return broken && `${last(broken).before} -> ${last(broken).after} (${last(broken).reason}) at ${last(broken).now}`
  }

const difference = (seen: ReadonlyArray<number>, expected: ReadonlyArray<number>): string | undefined => {
  const at = seen.findIndex((limit, i) => !(Math.abs(limit - expected[i]!) <= 1e-9 * expected[i]!))
  return at < 0 ? undefined : `${seen[at]} and not ${expected[at]} after ${at + 1} calls`
}

export const laws: { readonly [name: string]: Law } = {
  "the limit is from min to max": (make, rules, history) => {
    const out = play(make(rules, 0), history).find(({ after }) => !(after >= rules.min && after <= rules.max))
    return out && `${out.after} at ${out.now}`
  },
  "it moves at most once a window, and not without one": (make, rules, history) => {
    const path = play(make(rules, 0), history)
    const ends = new Set(windowsOf(rules, path).map(last))
    const moved = path.find((move) => move.after !== move.before && !ends.has(move))
    return moved && `moved at ${moved.now}`
  },
  "it does not grow while less than half of it is in use, but to undo brakes": ofWindows((window, end) =>
    end.after <= end.before || peakOf(window) * 2 >= end.before || end.reason === "relearn" || end.reason === "max"
  ),
  "successes lower it only if answers are slower than the tolerance": ofWindows((window, end, { tolerance }) =>
    hasDrops(window) || end.after >= end.before || end.stretch > tolerance
  ),
  "drops alone never raise it": ofWindows((window, end) =>
    window.some(({ step }) => step.outcome === "success") || end.after <= end.before || end.reason === "relearn"
  ),
  "a window without an answer leaves it where less than half of it is in use": ofWindows((window, end) =>
    window.length < 2 || window.some(({ step }) => step.outcome === "success") || peakOf(window) * 2 >= end.before ||
    end.after === end.before
  ),
  "one drop in a window is none": ofWindows((window, end, { tolerance }) =>
    window.filter(({ step }) => step.outcome === "drop").length !== 1 || end.after >= end.before ||
    end.stretch > tolerance
  ),
  "no window lowers it by more than two fifths": ofWindows((_, end) => end.after >= end.before * 0.8 * 0.7 - 1e-9),
  "no window raises it by more than a quarter, but to undo brakes, and after an outage to half of what it was": (
    make,
    rules,
    history
  ) => {
    // The highest limit before a window in which nothing was answered.
    let before = 0
    for (const window of windowsOf(rules, play(make(rules, 0), history))) {
      const end = last(window)
      const most = Math.max(end.before * 1.25, end.before + 1, before / 2) + 1e-9
      if (end.after > most && end.reason !== "relearn" && end.reason !== "max") return `${end.before} -> ${end.after}`
      if (window.every(({ step }) => step.outcome === "drop")) before = Math.max(before, end.before)
    }
    return undefined
  },
  "undoing brakes never exceeds the highest limit before": (make, rules, history) => {
    let highest = rules.initial
    for (const { after, reason } of play(make(rules, 0), history)) {
      if (reason === "relearn" && after > highest) return `${after} above ${highest}`
      highest = Math.max(highest, after)
    }
    return undefined
  },
  "a brake waits until no more calls are in flight than the limit allows": ofWindows((window, end) =>
    hasDrops(window) || peakOf(window) <= end.before || end.after >= end.before
  ),
  "a change of the mix is no overload": (make, rules, history) => {
    const even = history.map((step): Step => ({ ...step, sample: (step.class + 1) * 100, outcome: "success" }))
    const path = play(make(rules, 0), even)
    const moved = path.find(({ after, before, stretch }) => Math.abs(stretch - 1) > 1e-9 || after < before)
    return moved && `stretch ${moved.stretch}, limit ${moved.after}`
  },
  "the unit of the samples does not matter": (make, rules, history) => {
    const scaled = history.map((step) => ({ ...step, sample: step.sample && step.sample * 1024 }))
    // Times are compared with the time of the window where brakes have to settle: its unit is scaled, too.
    const slow = scaled.map((step) => ({ ...step, wait: step.wait * 1024 }))
    return difference(
      limits(play(make({ ...rules, window: rules.window * 1024 }, 0), slow)),
      limits(play(make(rules, 0), history))
    )
  },
  "calls that only begin change nothing": (make, rules, history) => {
    const algorithm = make(rules, 0)
    play(algorithm, history)
    const before = JSON.stringify([algorithm.limit, algorithm.reason, algorithm.read()])
    for (let inFlight = 1; inFlight <= 500; inFlight++) algorithm.begun(inFlight)
    return before === JSON.stringify([algorithm.limit, algorithm.reason, algorithm.read()]) ? undefined : "changed"
  },
  "after a reset, it is as new": (make, rules, history) => {
    const algorithm = make(rules, 0)
    play(algorithm, history)
    algorithm.reset(5_000_000)
    return difference(
      limits(play(algorithm, history, 5_000_000)),
      limits(play(make(rules, 5_000_000), history, 5_000_000))
    )
  },
  "it goes the way of the model": (make, rules, history) =>
    difference(limits(play(make(rules, 0), history)), limits(play(modelOf(rules, 0), history)))
}

/** The first law that one of this many histories breaks. */
export const brokenLaw = (make: Make, histories: number): string | undefined => {
  for (let seed = 1; seed <= histories; seed++) {
    const rules = rulesOf(seed)
    const history = historyOf(seed)
    for (const [name, law] of Object.entries(laws)) {
      const problem = law(make, rules, history)
      if (problem !== undefined) return `${name}: ${problem} (history ${seed})`
    }
  }
  return undefined
}
