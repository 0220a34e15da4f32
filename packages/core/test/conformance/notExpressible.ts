/** Why a scenario cannot be played: what the source has and the library has not. Each is general; none names a scenario. */
import { NotExpressible } from "./judge.ts"
import type { Scenario } from "./scenario.ts"

export const reasons = {
  "no such component": "There is no primitive of that kind.",
  "unknown semantics": "Nobody has said yet how options of this source are written as ours.",
  "unknown setting": "The scenario is configured by something that has no counterpart among our options.",
  "unknown operation": "The scenario does something that cannot be done to our primitive.",
  "a setting out of range": "Our option has a range, and the setting lies outside.",
  "asserts only facts that are not told": "Nothing that the scenario looks at is told by our primitive.",
  "an opening of no length": "`openFor` is above zero: a circuit that asks again at once protects nothing.",
  "a number of failures per time":
    "Over a time window, failures are compared as a share of the calls, not as a number.",
  "trips only after a full sample": "A window judges as soon as it holds `minimumCalls`.",
  "half-open has a rate of its own": "One failure rate holds for the window and for the probes.",
  "a share of calls that is no whole number": "Calls come one at a time, so that the rate cannot be played.",
  "partitions":
    "A `share` is the most that a key may hold, and the same for each; it is no part kept free for one of them.",
  "a wait that does not grow by a factor": "Each wait is `factor` times the one before; it does not grow by a sum.",
  "a value that is retried": "Only typed failures are retried; a value is a success.",
  "cycles refreshed by hand": "A limiter refills with the clock alone.",
  "a request larger than the limit holds": "It is refused for good, where the source makes it wait for several refills."
} as const

export type Reason = keyof typeof reasons

export const not = (reason: Reason, detail: string): NotExpressible => new NotExpressible(reason, detail)

/** What a component understands of a scenario, beside the name of the flavour. */
export interface Understood {
  readonly settings: ReadonlySet<string>
  readonly ops: ReadonlySet<string>
  /** What may be said of an operation. */
  readonly details: ReadonlySet<string>
}

/** The first setting, operation or detail of a scenario that is not understood. */
export const unknownIn = ({ config, steps }: Scenario, understood: Understood): NotExpressible | undefined => {
  const setting = Object.keys(config).find((key) =>
    key !== "semantics" && key !== "rateTolerance" && !understood.settings.has(key)
  )
  if (setting !== undefined) return not("unknown setting", setting)
  const step = steps.find(({ op }) => !understood.ops.has(op))
  if (step) return not("unknown operation", step.op)
  const details = steps.flatMap(({ op, n: _n, expect: _expect, note: _note, ...details }) =>
    Object.keys(details).filter((detail) => !understood.details.has(detail)).map((detail) => `${op} with ${detail}`)
  )
  return details[0] === undefined ? undefined : not("unknown operation", details[0])
}
