/** How the provider plays the behaviour of a model: what it refuses, and what it draws by chance. */
import { Latency as Times } from "@switchgear/core/testing"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Random from "effect/Random"
import { type Behaviour, type Latency, ok, type Outcome } from "../Behaviour.ts"

/** How the milliseconds that each request waits are drawn. */
export const sampler = (latency: Latency | undefined): (random: Random.Random) => number =>
  latency === undefined ? () => 0 : Times.sampler(latency)

/** The outcome of one request. */
export const choose = (outcome: Outcome, random: Random.Random): Exclude<Outcome, { _tag: "Mix" }> => {
  if (outcome._tag !== "Mix") return outcome
  const total = outcome.shares.reduce((sum, [share]) => sum + share, 0)
  let left = random.nextDoubleUnsafe() * total
  for (const [share, next] of outcome.shares) {
    left -= share
    if (left < 0) return choose(next, random)
  }
  return choose(outcome.shares.at(-1)?.[1] ?? ok(), random)
}

/** Dies with a `RangeError` that names the field where the behaviour of a model makes no sense. */
export const validate = (model: string, { capacity, latency, outcome }: Behaviour): Effect.Effect<void> =>
  Effect.sync(() => {
    const where = `SimulatedProvider: the behaviour of ${model}`
    if (capacity !== undefined && !(Number.isInteger(capacity.concurrency) && capacity.concurrency > 0)) {
      throw new RangeError(`${where}: capacity.concurrency must be a positive integer, got ${capacity.concurrency}`)
    }
    if (latency !== undefined) Times.validate(where, latency)
    if (outcome !== undefined) validateOutcome(where, outcome)
  })

const validateOutcome = (where: string, outcome: Outcome): void => {
  if (outcome._tag === "Mix") {
    if (!outcome.shares.some(([share]) => share > 0)) throw new RangeError(`${where}: a mix must have a share above 0`)
    for (const [, mixed] of outcome.shares) validateOutcome(where, mixed)
  }
  if (outcome._tag !== "Stream") return
  const { chunks, end, firstContentAfter, pause } = outcome.script
  if (chunks !== undefined && !(Number.isInteger(chunks) && chunks > 0)) {
    throw new RangeError(`${where}: script.chunks must be a positive integer, got ${chunks}`)
  }
  if (end !== undefined && "after" in end && !(Number.isInteger(end.after) && end.after >= 0)) {
    throw new RangeError(`${where}: script.end.after must be an integer of 0 or more, got ${end.after}`)
  }
  const every = end?._tag === "Heartbeat" ? end.every : undefined
  for (const [field, value] of Object.entries({ firstContentAfter, pause, "end.every": every })) {
    const millis = value === undefined ? 0 : Duration.toMillis(Duration.fromInputUnsafe(value))
    if (!(millis >= 0 && millis < Infinity)) {
      throw new RangeError(`${where}: script.${field} must be a finite duration of 0 or more, got ${millis} ms`)
    }
  }
}
