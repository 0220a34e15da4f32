/**
 * An algorithm of the user's own. What it throws is logged and changes nothing: a call must give its slot back whatever the
 * algorithm does. A limit that is no number is that before, and what is read that is none is not there.
 */
import type { OptionsOf } from "../internal/config/checks.ts"
import { fieldOf } from "../internal/data/fieldOf.ts"
import { callBack } from "../internal/runtime/callBack.ts"
import type { Algorithm, AlgorithmRules, Judged, Reading, Reason } from "./algorithm.ts"

type Bounds = Pick<AlgorithmRules, "initial" | "min" | "max">

const functions: ReadonlyArray<keyof Algorithm> = ["begun", "sampled", "ended", "reset", "read"]

export const ownAlgorithm = (own: Algorithm, rules: Bounds, check: OptionsOf): Algorithm => {
  const lacks = functions.find((name) => typeof fieldOf(own, name) !== "function")
  if (lacks !== undefined) check.refuse("algorithm", `a function that makes an algorithm: it has no ${lacks}`, own)
  return new OwnAlgorithm(own, rules)
}

const numberOr = <A>(other: A, given: unknown): number | A => typeof given === "number" && given >= 0 ? given : other

class OwnAlgorithm implements Algorithm {
  limit: number
  private readonly own: Algorithm
  private readonly rules: Bounds

  constructor(own: Algorithm, rules: Bounds) {
    this.own = own
    this.rules = rules
    this.limit = rules.initial
    this.take()
  }

  get reason(): Reason {
    return fieldOf(this.own, "reason") as Reason
  }

  begun(inFlight: number): void {
    callBack(() => this.own.begun(inFlight))
  }

  sampled(classIndex: number, sample: number): void {
    callBack(() => this.own.sampled(classIndex, sample))
  }

  ended(call: Judged, now: number): void {
    callBack(() => this.own.ended(call, now))
    this.take()
  }

  reset(now: number): void {
    callBack(() => this.own.reset(now))
    this.take()
  }

  read(): Reading {
    let read: unknown
    callBack(() => {
      read = this.own.read()
    })
    const baselines = fieldOf(read, "baselines")
    return {
      stretch: numberOr(1, fieldOf(read, "stretch")),
      drops: numberOr(0, fieldOf(read, "drops")),
      baselines: Array.isArray(baselines) ? baselines.map((baseline) => numberOr(undefined, baseline)) : []
    }
  }

  private take(): void {
    const { max, min } = this.rules
    const limit = fieldOf(this.own, "limit")
    if (typeof limit === "number" && !Number.isNaN(limit)) this.limit = Math.min(max, Math.max(min, limit))
  }
}
