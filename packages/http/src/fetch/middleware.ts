/** The guards around a language model of the AI SDK. */
import { OptionsOf } from "@switchgear/core/runtime"
import * as Context from "effect/Context"
import { TargetGuards } from "./guards.ts"
import type { Guards, NamedModel, Streamed } from "./model.ts"
import { type Doing, ModelCall } from "./modelCall.ts"
import { notRetried } from "./notRetried.ts"
import type { GuardOptions } from "./options.ts"
import { fieldNames, settingsOf } from "./settings.ts"

/**
 * The options of `guard.middleware`.
 *
 * @category options
 * @since 0.1.0
 */
export interface MiddlewareOptions extends GuardOptions {
  /** The target that a model belongs to. Each has guards of its own. @default its provider and its id */
  readonly name?: (model: NamedModel) => string
  /** Targets kept, see `GuardedFetchOptions`. @default 1_000 */
  readonly capacity?: number
}

interface Params {
  readonly abortSignal?: AbortSignal | undefined
}

/**
 * A middleware for `wrapLanguageModel` of the AI SDK 7.
 *
 * @category models
 * @since 0.1.0
 */
export interface ModelMiddleware extends Guards {
  readonly specificationVersion: "v4"
  readonly transformParams: <P extends Params>(options: { readonly params: P }) => Promise<P>
  readonly wrapGenerate: <A>(options: {
    readonly doGenerate: () => PromiseLike<A>
    readonly params: Params
    readonly model: NamedModel
  }) => Promise<A>
  readonly wrapStream: <A extends Streamed>(options: {
    readonly doStream: () => PromiseLike<A>
    readonly params: Params
    readonly model: NamedModel
  }) => Promise<A>
}

export const middleware = (options: MiddlewareOptions = {}): ModelMiddleware => {
  const owner = "guard.middleware"
  const check = new OptionsOf(owner)
  if (typeof options !== "object" || options === null) check.refuse("options", "an object", options)
  check.known(options, ["name", "capacity", ...fieldNames])
  const { name, ...given } = options
  const nameOf = name === undefined
    ? ({ modelId, provider }: NamedModel) => `${provider}/${modelId}`
    : check.callback("name", name)
  const settings = settingsOf({ ...given, retry: { maxAttempts: 2, ...given.retry } }, owner)
  const all = new TargetGuards(settings, Context.empty())

  /** Of a call, how its work is ended, and the signal of its caller. */
  const stops = new WeakMap<object, { readonly stop: AbortController; readonly signal: AbortSignal | undefined }>()

  const guarded = async <A>(
    how: Doing<A>["how"],
    work: () => PromiseLike<A>,
    params: Params,
    model: NamedModel
  ): Promise<A> => {
    const { signal, stop } = stops.get(params) ?? { signal: params.abortSignal, stop: new AbortController() }
    const target = all.use(nameOf(model))
    if (isAborted(signal)) throw signal!.reason
    const doing = { how, work, stop, unsaid: "answer" } as const
    try {
      return await all.run(new ModelCall(target, settings, doing, model.modelId, signal))
    } catch (error) {
      throw isAborted(signal) ? error : notRetried(error)
    }
  }

  return {
    specificationVersion: "v4",
    transformParams: async ({ params }) => {
      const stop = new AbortController()
      const own = { ...params, abortSignal: stop.signal }
      stops.set(own, { stop, signal: params.abortSignal })
      return own
    },
    wrapGenerate: ({ doGenerate, model, params }) => guarded("generate", doGenerate, params, model),
    wrapStream: ({ doStream, model, params }) => guarded("stream", doStream, params, model),
    ...all.face
  }
}

// It changes while it is waited for, which a compiler does not expect of a field.
const isAborted = (signal: AbortSignal | undefined): boolean => signal?.aborted === true
