/** How several models are asked as one: in their order, until one answers. */
import { OptionsOf } from "@switchgear/core/runtime"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import { cannedParts, cannedResult, told, withTold } from "./degradation.ts"
import type { Asking, FallbackModel, FallbackOptions, FallbackStep } from "./fallbackModel.ts"
import { TargetGuards } from "./guards.ts"
import type { NamedModel, Streamed } from "./model.ts"
import { type Doing, ModelCall } from "./modelCall.ts"
import { codeOf, movesOnFrom } from "./movingOn.ts"
import { notRetried } from "./notRetried.ts"
import { fieldNames, settingsOf } from "./settings.ts"
import { supportedByAll } from "./supportedUrls.ts"

const owner = "fallback"

export const fallbackOf = <Options extends Asking, Generated extends object, Opened extends Streamed>(
  models: ReadonlyArray<FallbackStep<Options, Generated, Opened>>,
  options: FallbackOptions = {}
): FallbackModel<Options, Generated, Opened> => {
  const { canned, deadline, movesOn, settings, steps, timeOfModel } = settled(models, options)
  const all = new TargetGuards(settings, Context.empty())

  const ask = async <A>(
    how: Doing<A>["how"],
    call: Options,
    work: (model: FallbackStep<Options, Generated, Opened>, call: Options) => PromiseLike<A>,
    floor: (text: string) => A
  ): Promise<{ readonly answer: A; readonly told: ReturnType<typeof told> }> => {
    const failures: Array<{ readonly model: string; readonly code: string }> = []
    const signal = call.abortSignal
    const end = all.now + deadline
    let last: unknown
    for (const [i, { model, target }] of steps.entries()) {
      signal?.throwIfAborted()
      const left = end - all.now
      if (left <= 0) break
      const doing: Doing<A> = {
        how,
        work: (abortSignal) => work(model, { ...call, abortSignal }),
        time: Math.min(left, timeOfModel ?? left / (steps.length - i)),
        unsaid: "failure"
      }
      try {
        const answer = await all.run(new ModelCall<A>(all.use(target), settings, doing, model.modelId, signal))
        return { answer, told: told(failures.length === 0 ? "none" : "fallback", target, failures) }
      } catch (error) {
        signal?.throwIfAborted()
        if (all.isClosed || !movesOn(error, model)) throw notRetried(error)
        failures.push({ model: target, code: codeOf(error, model) })
        last = error
      }
    }
    if (canned === undefined) throw notRetried(last)
    return { answer: floor(canned), told: told("canned", undefined, failures) }
  }

  return {
    specificationVersion: "v4",
    provider: "switchgear",
    modelId: models.map(({ modelId }) => modelId).join(","),
    get supportedUrls() {
      return supportedByAll(models)
    },
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
                (part as { readonly type?: unknown } | undefined)?.type === "finish"
                  ? withTold(part as object, told)
                  : part
              )
          },
          { highWaterMark: 1 },
          { highWaterMark: 0 }
        )
      )
      return { ...answer, stream }
    },
    ...all.face
  }
}

/** The options, checked. */
const settled = <Model extends FallbackStep<never, unknown, unknown>>(
  models: ReadonlyArray<Model>,
  options: FallbackOptions
) => {
  const check = new OptionsOf(owner)
  if (typeof options !== "object" || options === null) check.refuse("options", "an object", options)
  check.known(options, ["name", "canned", "modelTimeout", "movesOn", ...fieldNames])
  const { canned, modelTimeout, movesOn, name, ...given } = options
  if (canned !== undefined && (typeof canned !== "string" || canned === "")) {
    check.refuse("canned", "a text that is not empty", canned)
  }
  if (!Array.isArray(models) || models.length === 0) check.refuse("models", "a list of at least one model", models)
  models.forEach((model, i) => {
    if (model?.specificationVersion !== "v4" || typeof model.doStream !== "function") {
      check.refuse(`models[${i}]`, "a language model of the AI SDK 7, such as openai(\"gpt-4.1\")", model)
    }
  })
  const nameOf = name === undefined ? byDefault : check.callback("name", name)
  const settings = settingsOf(given, owner)
  const deadline = Duration.toMillis(settings.deadline)
  const timeOfModel = modelTimeout === undefined
    ? undefined
    : check.positive("modelTimeout", modelTimeout as Duration.Input)
  if (timeOfModel !== undefined && timeOfModel > deadline) {
    check.refuse("modelTimeout", "at most the deadline of all models", modelTimeout)
  }
  const steps = models.map((model) => {
    const target: unknown = nameOf(model)
    if (typeof target === "string" && target !== "") return { model, target }
    return check.refuse("name", "a function that gives a text that is not empty", target)
  })
  return {
    canned,
    deadline,
    movesOn: movesOnFrom(movesOn && check.callback("movesOn", movesOn)),
    settings,
    steps,
    timeOfModel
  }
}

const byDefault = ({ modelId, provider }: NamedModel): string => `${provider}/${modelId}`
