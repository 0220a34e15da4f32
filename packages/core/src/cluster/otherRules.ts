/** In which options another node judges a circuit by other rules, in words for operators. */
import { type CircuitTerms, writtenTerms } from "../clusterStore/circuitModel.ts"

/** A rate that is off: no share reaches it. */
export const off = 2

/** Failures in a row that are off. */
export const never = 1_000_000_000

/** In the order of written terms. What follows from another option is not told. */
const options: ReadonlyArray<string | undefined> = [
  "window.lastCalls",
  "span in milliseconds",
  "minimumCalls",
  "failureRate",
  "slowCallRate",
  "halfOpen.calls",
  undefined,
  "consecutiveFailures",
  "spread"
]

/** `other` are written terms of another node; what is none is told as it is. */
export const otherRules = (own: CircuitTerms, other: string): string => {
  const [here, there] = [writtenTerms(own).split(":"), other.split(":")]
  if (there.length !== here.length) return other
  const told = options.flatMap((option, i) =>
    option === undefined || here[i] === there[i]
      ? []
      : [`${option} ${shown(there[i]!, option)}, here ${shown(here[i]!, option)}`]
  )
  return told.length === 0 ? other : told.join("; ")
}

const shown = (value: string, option: string): string =>
  option.endsWith("Rate") && value === String(off) || value === String(never) ? "off" : value
