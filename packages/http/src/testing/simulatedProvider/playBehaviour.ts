/** How the provider plays the behaviour of a model: what it refuses, and what it draws by chance. */
import { OptionsOf } from "@switchgear/core/runtime"
import { Latency as Times, SimulatedService } from "@switchgear/core/testing"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Random from "effect/Random"
import { type Behaviour, type Latency, ok, type Outcome, type Reply, type Request } from "../Behaviour.ts"

/** How the milliseconds that each request waits are drawn. */
export const sampler = (latency: Latency | undefined): (random: Random.Random) => number =>
  latency === undefined ? () => 0 : Times.sampler(latency)

/** The outcome of one request. Throws a `RangeError` where the outcome that a function has made makes no sense. */
export const choose = (outcome: Outcome, request: Request, random: Random.Random): Chosen => {
  if (outcome._tag === "PerRequest") {
    const { model, prompt } = request
    const made = outcome.outcome({ model, prompt })
    validateOutcome(`SimulatedProvider: the outcome for a request to ${model}`, made)
    return choose(made, request, random)
  }
  if (outcome._tag !== "Mix") return outcome
  const total = outcome.shares.reduce((sum, [share]) => sum + share, 0)
  let left = random.nextDoubleUnsafe() * total
  for (const [share, next] of outcome.shares) {
    left -= share
    if (left < 0) return choose(next, request, random)
  }
  return choose(outcome.shares.at(-1)?.[1] ?? ok(), request, random)
}

type Chosen = Exclude<Outcome, { _tag: "Mix" | "PerRequest" }>

/** The capacity of the slots: all of it but the response to those that are refused. */
export const capacityOf = ({ capacity }: Behaviour): SimulatedService.Capacity | undefined => {
  if (capacity === undefined || typeof capacity !== "object") return capacity
  const { refusal: _, ...slots } = capacity
  return slots
}

/** Dies with a `RangeError` that names the field where the behaviour of a model makes no sense. */
export const validate = (model: string, behaviour: Behaviour): Effect.Effect<void> =>
  Effect.sync(() => {
    const { capacity, latency, outcome, tokens } = behaviour
    const where = `SimulatedProvider: the behaviour of ${model}`
    const check = new OptionsOf(where)
    check.known(behaviour, ["latency", "capacity", "tokens", "outcome"])
    check.within("tokens").known(tokens ?? {}, ["prefill", "perSecond", "perMinute"])
    SimulatedService.workplace(model, capacityOf({ capacity }), { where })
    if (capacity?.refusal !== undefined) validateOutcome(`${where}: capacity.refusal`, capacity.refusal)
    if (latency !== undefined) Times.validate(where, latency)
    if (outcome !== undefined) validateOutcome(where, outcome)
    for (const [field, value] of Object.entries(tokens ?? {})) {
      if (!(value === undefined || (Number.isFinite(value) && value > 0))) {
        throw new RangeError(`${where}: tokens.${field} must be a number above 0, got ${value}`)
      }
    }
  })

const scriptFields = ["text", "chunks", "firstContentAfter", "pause", "role", "usage", "bytes", "end"]

const validateOutcome = (where: string, outcome: Outcome): void => {
  if (typeof outcome !== "object" || outcome === null) {
    throw new RangeError(`${where}: must be an outcome of Behaviour, such as ok(), got ${String(outcome)}`)
  }
  if (outcome._tag === "Mix") {
    if (!outcome.shares.some(([share]) => share > 0)) throw new RangeError(`${where}: a mix must have a share above 0`)
    for (const [share, mixed] of outcome.shares) {
      if (!(share >= 0 && share < Infinity)) {
        throw new RangeError(`${where}: a share of a mix must be a number of 0 or more, got ${share}`)
      }
      validateOutcome(where, mixed)
    }
  }
  if (outcome._tag === "Respond") validateReply(where, outcome)
  if (outcome._tag === "Ok" && outcome.over !== undefined) validateDuration(where, "over", outcome.over)
  if (outcome._tag !== "Stream") return
  new OptionsOf(where).within("script").known(outcome.script, scriptFields)
  const { chunks, end, firstContentAfter, pause } = outcome.script
  if (chunks !== undefined && !(Number.isInteger(chunks) && chunks > 0)) {
    throw new RangeError(`${where}: script.chunks must be a positive integer, got ${chunks}`)
  }
  if (end !== undefined && "after" in end && !(Number.isInteger(end.after) && end.after >= 0)) {
    throw new RangeError(`${where}: script.end.after must be an integer of 0 or more, got ${end.after}`)
  }
  const every = end?._tag === "Heartbeat" ? end.every : undefined
  for (const [field, value] of Object.entries({ firstContentAfter, pause, "end.every": every })) {
    if (value !== undefined) validateDuration(where, `script.${field}`, value)
  }
}

const validateReply = (where: string, { status }: Reply): void => {
  if (!(Number.isInteger(status) && status >= 200 && status <= 599)) {
    throw new RangeError(`${where}: status must be a whole number from 200 to 599, got ${status}`)
  }
}

const validateDuration = (where: string, field: string, value: Duration.Input): void => {
  const millis = Duration.toMillis(Duration.fromInputUnsafe(value))
  if (!(millis >= 0 && millis < Infinity)) {
    throw new RangeError(`${where}: ${field} must be a finite duration of 0 or more, got ${millis} ms`)
  }
}
