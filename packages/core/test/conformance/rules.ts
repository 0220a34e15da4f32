/**
 * Where the library differs from a source on purpose. A rule is one point on which libraries part ways and the reason
 * for our answer. It says which answer is ours; a model that takes the source's answer on every other point then tells
 * what has to be seen, and that is checked. No rule knows a scenario.
 */
import type { Ways } from "./breakerModel.ts"
import type { LimiterWays } from "./limiterModel.ts"

export interface Rule {
  readonly name: string
  readonly reason: string
}

export const breakerRules: { readonly [Point in keyof Ways]: Rule } = {
  judged: {
    name: "judged after every result",
    reason:
      "The success that completes `minimumCalls` can show that the rate is over the threshold; why wait for one more failure?"
  },
  compared: {
    name: "a rate needs minimumCalls",
    reason:
      "A number of failures in a window that is not full trips on few calls; a rate over `minimumCalls` is one idea for every window."
  },
  openUntil: {
    name: "boundaries are inclusive",
    reason: "Open for 30 s means that the call at 30 s is asked."
  },
  slowFrom: {
    name: "exactly slow is slow",
    reason: "All comparisons are inclusive."
  },
  slowCalls: {
    name: "a call that hangs is slow before it ends",
    reason: "When everything hangs, nothing ends, and there would be nothing to trip on."
  },
  elapsedTime: {
    name: "elapsed time shows when read",
    reason: "A dashboard must not show Open for a circuit that would admit the next call."
  },
  decidedOver: {
    name: "half-open is judged over all its probes",
    reason: "`halfOpen.calls` says how many probes decide; `minimumCalls` is about the window of a closed circuit."
  },
  decided: {
    name: "half-open decides as soon as it is certain",
    reason:
      "Probes that can no longer change the decision are traffic sent to a broken callee, or refused to a sound one."
  },
  probes: {
    name: "a probe is counted once",
    reason: "Half-open lets `halfOpen.calls` calls through in all, so that it cannot be flooded by quick results."
  },
  hangingProbe: {
    name: "a probe that hangs opens the circuit again",
    reason:
      "A callee that does not answer has not recovered. Half-open without a probe in flight just waits for traffic."
  },
  interruptedProbe: {
    name: "an interrupted probe gives its place back",
    reason: "A caller who leaves says nothing about the callee."
  },
  lateResult: {
    name: "a lease counts in the state that granted it",
    reason:
      "A result from before the opening is no news about the recovery. The success of a probe is, also when the probe outlived its period."
  },
  needlessCommand: {
    name: "a needless command changes nothing",
    reason: "Who forces a circuit open twice has forced it open once; a trip does not undo what was set by hand."
  },
  slices: {
    name: "time slices lie on the clock",
    reason: "Where a slice ends does not depend on when the first call came."
  },
  rejections: {
    name: "rejections are counted from the beginning",
    reason: "A counter that falls back with the state cannot be turned into a rate by who scrapes it."
  },
  emptyRate: {
    name: "no calls have no rate",
    reason: "Zero would read as healthy where nothing is known."
  },
  openShows: {
    name: "an open circuit shows its window",
    reason: "The window holds the traffic that tripped it; the handful of probes since then is not it."
  }
}

export const limiterRules: { readonly [Point in keyof LimiterWays]: Rule } = {
  refill: {
    name: "a limit holds over any stretch of time",
    reason: "With fixed cycles or slots, twice the limit passes at the seam of two of them."
  },
  waiters: {
    name: "a waiter takes at its turn",
    reason: "`available` is what can be taken now; a waiter is counted as waiting, not as negative supply."
  },
  interrupted: {
    name: "a waiter that leaves gives its place back",
    reason: "What was not used must not throttle those behind."
  },
  changed: {
    name: "a changed limit holds at once",
    reason: "Whoever raises a limit in an incident does not want to wait for the next period."
  }
}

/** Rules of components that need no model to say what is to be seen. */
export const otherRules = {
  order: {
    name: "first come, first served",
    reason: "Serving the newest first starves the rest; who waited longest is served next."
  },
  refused: {
    name: "nonsense is refused, not corrected",
    reason: "An option out of range is a programmer's error and is told, with the field, the value and the range."
  }
} as const satisfies { readonly [name: string]: Rule }

export const rules: ReadonlyArray<Rule> = [
  ...Object.values(breakerRules),
  ...Object.values(limiterRules),
  ...Object.values(otherRules)
]
