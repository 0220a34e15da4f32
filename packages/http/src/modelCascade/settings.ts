/** The options of a cascade, made sure of. What makes no sense throws a `RangeError` that names the field. */
import { formatDuration } from "@switchgear/core/runtime"
import * as Duration from "effect/Duration"
import type { Accept } from "./accept.ts"
import type { Options, Step } from "./model.ts"
import { type Share, shares } from "./share.ts"

/** A step with its options in the form in which they are used. */
export interface StepSettings extends Pick<Step, "model" | "contextWindow" | "optIn"> {
  /** Milliseconds; undefined where the rule of the cascade holds. */
  readonly share: number | undefined
  /** The checks of its answers, in order. */
  readonly checks: ReadonlyArray<Accept>
}

export interface Settings {
  /** Milliseconds for all models; infinity without a limit. */
  readonly deadline: number
  readonly share: Share
  readonly steps: ReadonlyArray<StepSettings>
}

export const settingsOf = (
  { accept, attempts = 1, cacheKey, deadline, models, share = "measured" }: Options
): Settings => {
  if (!Array.isArray(models) || models.length === 0) throw nonsense("models", "a list of at least one model", models)
  if (!shares.includes(share)) throw nonsense("share", `one of ${shares.join(", ")}`, share)
  check("accept", accept)
  check("cacheKey", cacheKey)
  if (!Number.isInteger(attempts) || attempts < 1) {
    throw nonsense("attempts", "a whole number of at least 1", attempts)
  }
  const most = deadline === undefined ? Infinity : durationOf("deadline", deadline)
  return {
    deadline: most,
    share,
    steps: models.map((step: Step, i) => {
      checkStep(`models[${i}]`, step)
      return {
        model: step.model,
        contextWindow: step.contextWindow,
        optIn: step.optIn,
        share: step.share === undefined ? undefined : shareOf(`models[${i}].share`, step.share, most),
        checks: [step.accept, accept].filter((check) => check !== undefined)
      }
    })
  }
}

const shareOf = (field: string, share: Duration.Input, most: number): number => {
  const millis = durationOf(field, share)
  if (millis > most) {
    throw nonsense(field, `at most the deadline of the cascade, ${formatDuration(Duration.millis(most))}`, share)
  }
  return millis
}

const checkStep = (field: string, step: Step): void => {
  const { accept, contextWindow, model, optIn } = step ?? {}
  if (typeof model?.name !== "string" || typeof model.complete !== "function" || typeof model.open !== "function") {
    throw nonsense(`${field}.model`, "a chat model", model)
  }
  check(`${field}.accept`, accept)
  if (contextWindow !== undefined && !(contextWindow >= 0)) {
    throw nonsense(`${field}.contextWindow`, "a number of tokens", contextWindow)
  }
  if (optIn !== undefined && !(Array.isArray(optIn) && optIn.every((tag) => optIns.includes(tag)))) {
    throw nonsense(`${field}.optIn`, `a list of ${optIns.join(", ")}`, optIn)
  }
}

const optIns: ReadonlyArray<string> = ["InvalidRequest", "ContentBlocked", "Forbidden"]

const check = (field: string, given: unknown): void => {
  if (given !== undefined && typeof given !== "function") throw nonsense(field, "a function", given)
}

const durationOf = (field: string, input: Duration.Input): number => {
  const duration = Duration.fromInput(input)
  const millis = duration._tag === "None" ? NaN : Duration.toMillis(duration.value)
  return millis > 0 && millis < Infinity ? millis : refuse(field, "a finite duration above zero", input)
}

const refuse = (field: string, range: string, value: unknown): never => {
  throw nonsense(field, range, value)
}

const nonsense = (field: string, range: string, value: unknown): RangeError =>
  new RangeError(
    `ModelCascade.make: ${field} must be ${range}, got ${
      (typeof value === "string"
        ? JSON.stringify(value)
        : Duration.isDuration(value)
        ? formatDuration(value)
        : String(value))
        .slice(0, 100)
    }`
  )
