/** The options of a cascade: checked, and as they are written in YAML, JSON or an environment. */
import {
  formatDuration,
  group,
  NumberOrDuration,
  optionsCodec,
  type OptionsOf,
  optionsPart
} from "@switchgear/core/runtime"
import * as Hedge from "@switchgear/core/Hedge"
import * as StaleCache from "@switchgear/core/StaleCache"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import * as Schema from "effect/Schema"
import type * as Canned from "../Canned.ts"
import type * as ChatModel from "../ChatModel.ts"
import type { Accept } from "./accept.ts"
import type { HedgeOptions, Made, OptionsWithFloor, Step, StepModel } from "./model.ts"
import { type Share, shares } from "./share.ts"

/**
 * What is said of a cascade besides its models: these are given in code.
 *
 * @since 0.1.0
 * @category options
 */
export interface CascadeOptions extends Omit<Partial<OptionsWithFloor>, "models"> {
  readonly models?: ReadonlyArray<StepOptions> | undefined
}

type StepOptions = Partial<Step<StepModel>>

/** A step with its options in the form in which they are used. */
export interface StepSettings extends Pick<Step, "model" | "contextWindow" | "optIn"> {
  /** Milliseconds; undefined where the rule of the cascade holds. */
  readonly share: number | undefined
  /** The checks of its answers, in order. */
  readonly checks: ReadonlyArray<Accept>
}

export interface Settings {
  readonly name: string
  /** Milliseconds for all models; infinity without a limit. */
  readonly deadline: number
  readonly share: Share
  readonly attempts: number | undefined
  /** Requests that wait at most, and how long each may, in milliseconds. */
  readonly queue: number
  readonly maxWait: number
  /** Undefined where there is none. */
  readonly hedge: Hedge.Options | undefined
  readonly cache: StaleCache.Options<ChatModel.Answer>
  /** Whether equal requests share calls and fresh answers. */
  readonly isShared: boolean
  readonly cacheKey: ((request: ChatModel.Request) => string) | undefined
  readonly canned: Canned.Sentences | undefined
}

const mostWaiting = 1_000_000

const cachePart = optionsPart(StaleCache.OptionsSchema, ["name"])
const hedgePart = optionsPart(Hedge.OptionsSchema, ["name"])

export const settingsOf = (
  {
    accept,
    attempts,
    cache,
    cacheKey,
    canned,
    deadline,
    hedge,
    maxWait = "10 seconds",
    models,
    name = "cascade",
    queue = 0,
    share = "measured"
  }: CascadeOptions,
  check: OptionsOf
): Settings => {
  check.name(name)
  const most = deadline === undefined ? Infinity : check.positive("deadline", deadline)
  if (accept !== undefined) check.callback("accept", accept)
  if (canned !== undefined) checkSentences(canned, check)
  const kept = {
    ...check.options("cache", cache),
    staleFor: cache?.staleFor ?? "1 day",
    timeToLive: cache?.timeToLive ?? 0,
    maxBytes: cache?.maxBytes ?? 256 * 2 ** 20,
    name
  }
  cachePart.check(kept, check.within("cache"))
  for (const [i, step] of models?.entries() ?? []) checkStep(step, most, check.within(`models[${i}]`))
  return {
    name,
    deadline: most,
    share: check.oneOf("share", share, shares),
    attempts: attempts === undefined ? undefined : check.integer("attempts", attempts, 1),
    queue: check.integer("queue", check.atMost("queue", queue, mostWaiting), 0),
    maxWait: check.wait("maxWait", maxWait),
    hedge: hedgeOf(check.options("hedge", hedge), name, most, check.within("hedge")),
    cache: kept,
    isShared: check.within("cache").wait("timeToLive", kept.timeToLive) > 0,
    cacheKey: cacheKey === undefined ? undefined : check.callback("cacheKey", cacheKey),
    canned
  }
}

const hedgeOf = (
  options: HedgeOptions | undefined,
  name: string,
  most: number,
  check: OptionsOf
): Hedge.Options | undefined => {
  if (options === undefined) return undefined
  const hedge = { ...options, name }
  hedgePart.check(hedge, check)
  const { delay } = options
  const isFixed = delay !== undefined && !Predicate.hasProperty(delay, "quantile")
  const millis = isFixed ? check.limit("delay", delay as Duration.Input) : 0
  if (millis >= most && millis < Infinity) {
    check.refuse("delay", `below the deadline of the cascade, ${formatDuration(Duration.millis(most))}`, delay)
  }
  return hedge
}

/** The steps with their models, which have been made by now. */
export const stepsOf = (
  models: ReadonlyArray<Step>,
  accept: Accept | undefined,
  check: OptionsOf
): ReadonlyArray<StepSettings> =>
  models.map((step, i) => ({
    model: madeModel(step.model, `models[${i}].model`, check),
    contextWindow: step.contextWindow,
    optIn: step.optIn,
    share: step.share === undefined ? undefined : check.positive(`models[${i}].share`, step.share),
    checks: [step.accept, accept].filter((check) => check !== undefined)
  }))

/** The models as they are given, made or not. */
export const checkModels = (models: ReadonlyArray<Step<unknown>>, check: OptionsOf): void => {
  if (!Array.isArray(models) || models.length === 0) check.refuse("models", "a list of at least one model", models)
  for (const [i, step] of models.entries()) {
    const model: unknown = step?.model
    if (!Effect.isEffect(model)) madeModel(model, `models[${i}].model`, check)
  }
}

const madeModel = (given: unknown, field: string, check: OptionsOf): Made => {
  const { complete, name, open } = Predicate.isObject(given) ? given as Partial<Made> : {}
  return typeof name === "string" && typeof complete === "function" && typeof open === "function"
    ? given as Made
    : check.withhold(field, "a chat model, or an effect that gives one", `a value of type ${typeof given}`)
}

const checkStep = ({ accept, contextWindow, optIn, share }: StepOptions, most: number, check: OptionsOf): void => {
  if (accept !== undefined) check.callback("accept", accept)
  if (contextWindow !== undefined && !(contextWindow >= 0)) {
    check.refuse("contextWindow", "a number of tokens", contextWindow)
  }
  if (optIn !== undefined && !(Array.isArray(optIn) && optIn.every((tag) => optIns.includes(tag)))) {
    check.refuse("optIn", `a list of ${optIns.join(", ")}`, optIn)
  }
  if (share !== undefined && check.positive("share", share) > most) {
    check.refuse("share", `at most the deadline of the cascade, ${formatDuration(Duration.millis(most))}`, share)
  }
}

const optIns: ReadonlyArray<string> = ["InvalidRequest", "ContentBlocked", "Forbidden"]

const checkSentences = (sentences: Canned.Sentences, check: OptionsOf): void => {
  if (!Predicate.isObject(sentences) || Array.isArray(sentences)) {
    return check.refuse("canned", "sentences by language, such as Canned.sentences or { default: \"…\" }", sentences)
  }
  const texts = Object.entries(sentences)
  for (const [language, text] of texts) {
    if (typeof text !== "string" || text === "") check.refuse(`canned.${language}`, "a text that is not empty", text)
  }
  if (typeof sentences.default !== "string") check.refuse("canned.default", "a text that is not empty", undefined)
}

export const codec = optionsCodec<CascadeOptions>()({
  name: Schema.optionalKey(Schema.String),
  models: Schema.optionalKey(
    Schema.Array(group({
      contextWindow: Schema.optionalKey(NumberOrDuration),
      share: Schema.optionalKey(NumberOrDuration),
      optIn: Schema.optionalKey(Schema.Array(Schema.String))
    })).annotate({ message: "Expected a list with an entry for each model" })
  ),
  canned: Schema.optionalKey(
    Schema.Record(Schema.String, Schema.String).annotate({
      message: "Expected sentences by language, such as { default, en }"
    })
  ),
  cache: cachePart.schema,
  hedge: hedgePart.schema,
  deadline: Schema.optionalKey(NumberOrDuration),
  share: Schema.optionalKey(Schema.String),
  attempts: Schema.optionalKey(NumberOrDuration),
  queue: Schema.optionalKey(NumberOrDuration),
  maxWait: Schema.optionalKey(NumberOrDuration)
}, {
  read: ({ cache, canned, hedge, models, ...given }, check, defaults) => {
    const read = cachePart.read(cache, check.within("cache"), defaults.cache as StaleCache.Options)
    const beside = hedgePart.read(hedge, check.within("hedge"), defaults.hedge as Hedge.Options)
    return {
      ...given as CascadeOptions,
      ...canned !== undefined && { canned: canned as unknown as Canned.Sentences },
      ...read !== undefined && { cache: read },
      ...beside !== undefined && { hedge: beside },
      ...models !== undefined && { models: besides(models as ReadonlyArray<StepOptions>, defaults.models, check) }
    }
  },
  check: settingsOf,
  pathOf: (field, { cache, hedge }) => {
    const [, place, rest] = /^models\[(\d+)\]\.(.*)$/.exec(field) ?? []
    if (place !== undefined) return ["models", Number(place), ...rest!.split(".")]
    if (field.startsWith("hedge.")) return ["hedge", ...hedgePart.pathOf(field.slice(6), hedge as Hedge.Options)]
    return field.startsWith("cache.") ? ["cache", ...cachePart.pathOf(field.slice(6), cache)] : undefined
  }
})

/** What is written of the models of the code, place by place. Those of nothing but a text are read without the code. */
const besides = (
  written: ReadonlyArray<StepOptions>,
  given: ReadonlyArray<StepOptions> | undefined,
  check: OptionsOf
): ReadonlyArray<StepOptions> => {
  if (given === undefined) return written
  if (written.length > given.length) check.refuse("models", `at most the ${given.length} of the code`, written.length)
  return given.map((step, i) => ({ ...step, ...written[i] }))
}
