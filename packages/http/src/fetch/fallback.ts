/** A language model of the AI SDK that asks several in order, each behind its own guards. */
import { OptionsOf } from "@switchgear/core/runtime"
import * as Context from "effect/Context"
import * as ChatError from "../ChatError.ts"
import { cannedParts, cannedResult, told, withTold } from "./degradation.ts"
import { GuardedFetchError } from "./GuardedFetchError.ts"
import { TargetGuards } from "./guards.ts"
import type { Guards, NamedModel, Streamed } from "./model.ts"
import { type Doing, meaningOf, ModelCall } from "./modelCall.ts"
import type { GuardOptions } from "./options.ts"
import { fieldNames, settingsOf } from "./settings.ts"

/**
 * The options of `fallback`. `deadline` is the time of each model.
 *
 * @category options
 * @since 0.1.0
 */
export interface FallbackOptions extends GuardOptions {
  /** The text that is answered when no model answers. @default none: the error of the last model is thrown */
  readonly canned?: string
  /** The target that a model belongs to. Each has guards of its own. @default its provider and its id */
  readonly name?: (model: NamedModel) => string
}

/**
 * A language model of the AI SDK 7, as far as it is asked here.
 *
 * @category models
 * @since 0.1.0
 */
export interface FallbackStep<in Options, out Generated, out Opened> extends NamedModel {
  readonly specificationVersion: "v4"
  readonly doGenerate: (options: Options) => PromiseLike<Generated>
  readonly doStream: (options: Options) => PromiseLike<Opened>
}

/**
 * A language model of the AI SDK 7 that is several.
 *
 * @category models
 * @since 0.1.0
 */
export interface FallbackModel<in Options, out Generated, out Opened>
  extends FallbackStep<Options, Generated, Opened>, Guards
{
  /** None: the AI SDK loads what URLs point to, since not every model could. */
  readonly supportedUrls: Record<string, Array<RegExp>>
}

interface Call {
  readonly abortSignal?: AbortSignal | undefined
}

/**
 * Makes a language model of the AI SDK that asks several in order. It moves on to the next when a model fails, is refused by its
 * guards, or takes too long, until the first content of an answer. An error of the request itself, and a caller who leaves, end the
 * call. With `canned` there is always an answer to anything else.
 *
 * `providerMetadata.switchgear` of each answer has its `degradation` (`none`, `fallback` or `canned`), the `model` that answered, and
 * for each model that did not the `code` of its failure. Throws a `RangeError` that names the field when an option is out of range.
 *
 * ```ts
 * import { fallback } from "@switchgear/http/fetch"
 * import { generateText } from "ai"
 * import { MockLanguageModelV4 } from "ai/test"
 *
 * const down = new MockLanguageModelV4({ doGenerate: async () => { throw new Error("fetch failed") } })
 * const model = fallback([down], { canned: "We are sorry, please try again later." })
 *
 * const { providerMetadata, text } = await generateText({ model, prompt: "Hello" })
 * text // => "We are sorry, please try again later."
 * providerMetadata?.["switchgear"]?.["degradation"] // => "canned"
 * ```
 *
 * **Gotchas**
 *
 * Make it once and keep it: its circuits are its own. An answer that breaks off after its first content stays broken, because the
 * reader has the beginning. A canned text is no JSON: where an object is asked for, the AI SDK says so.
 *
 * @category constructors
 * @since 0.1.0
 */
export const fallback = <Options extends Call, Generated extends object, Opened extends Streamed>(
  models: ReadonlyArray<FallbackStep<Options, Generated, Opened>>,
  options: FallbackOptions = {}
): FallbackModel<Options, Generated, Opened> => {
  const owner = "fallback"
  const check = new OptionsOf(owner)
  if (typeof options !== "object" || options === null) check.refuse("options", "an object", options)
  check.known(options, ["name", "canned", ...fieldNames])
  const { canned, name, ...given } = options
  if (canned !== undefined && (typeof canned !== "string" || canned === "")) {
    check.refuse("canned", "a text that is not empty", canned)
  }
  if (!Array.isArray(models) || models.length === 0) check.refuse("models", "a list of at least one model", models)
  models.forEach((model, i) => {
    if (model?.specificationVersion !== "v4" || typeof model.doStream !== "function") {
      check.refuse(`models[${i}]`, "a language model of the AI SDK 7, such as openai(\"gpt-4.1\")", model)
    }
  })
  const nameOf = name === undefined
    ? ({ modelId, provider }: NamedModel) => `${provider}/${modelId}`
    : check.callback("name", name)
  const settings = settingsOf(given, owner)
  const all = new TargetGuards(settings, Context.empty())

  const ask = async <A>(
    how: Doing<A>["how"],
    call: Options,
    work: (model: FallbackStep<Options, Generated, Opened>, call: Options) => PromiseLike<A>,
    floor: ((text: string) => A) | undefined
  ): Promise<{ readonly answer: A; readonly told: ReturnType<typeof told> }> => {
    const failures: Array<{ readonly model: string; readonly code: string }> = []
    const signal = call.abortSignal
    let last: unknown
    for (const model of models) {
      signal?.throwIfAborted()
      const stop = new AbortController()
      const doing = { how, stop, work: () => work(model, { ...call, abortSignal: stop.signal }) }
      const target = nameOf(model)
      try {
        const answer = await all.run(new ModelCall<A>(all.use(target), settings, doing, model.modelId, signal))
        return { answer, told: told(failures.length === 0 ? "none" : "fallback", target, failures) }
      } catch (error) {
        signal?.throwIfAborted()
        const code = codeOf(error, model)
        if (code === undefined) throw error
        failures.push({ model: target, code })
        last = error
      }
    }
    if (canned === undefined || floor === undefined) throw last
    return { answer: floor(canned), told: told("canned", undefined, failures) }
  }

  return {
    specificationVersion: "v4",
    provider: "switchgear",
    modelId: models.map(({ modelId }) => modelId).join(","),
    supportedUrls: {},
    doGenerate: async (call) => {
      const floor = (text: string) => cannedResult(text) as unknown as Generated
      const { answer, told } = await ask("generate", call, (model, call) => model.doGenerate(call), floor)
      return withTold(answer, told)
    },
    doStream: async (call) => {
      const floor = (text: string) => ({ stream: cannedParts(text) }) as unknown as Opened
      const { answer, told } = await ask("stream", call, (model, call) => model.doStream(call), floor)
      const stream = answer.stream.pipeThrough(
        new TransformStream<unknown, unknown>(
          {
            transform: (part, controller) =>
              controller.enqueue(
                (part as { readonly type?: unknown }).type === "finish" ? withTold(part as object, told) : part
              )
          },
          { highWaterMark: 1 },
          { highWaterMark: 0 }
        )
      )
      return { ...answer, stream }
    },
    health: all.health,
    metrics: all.metrics,
    on: all.on,
    control: all.control,
    exportState: all.exportState,
    restoreState: all.restoreState,
    [Symbol.asyncDispose]: all[Symbol.asyncDispose]
  }
}

/** Why a model has no answer; undefined where the request is at fault, or all is closed: no other model would answer. */
const codeOf = (error: unknown, { modelId, provider }: NamedModel): string | undefined => {
  if (error instanceof GuardedFetchError) return error.code === "closed" ? undefined : error.code
  const meaning = meaningOf(error, { provider, model: modelId }, 0)
  const moves = ChatError.movesOn(meaning)
  if (moves !== "yes" && moves !== "larger-window") return undefined
  const { body } = ChatError.toResponse(meaning)
  return (JSON.parse(body) as { readonly error: { readonly code: string } }).error.code
}
