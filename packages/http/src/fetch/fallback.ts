/** A language model of the AI SDK that asks several in order, each behind its own guards. */
import { fallbackOf } from "./fallbackOf.ts"
import type { Asking, FallbackModel, FallbackOptions, FallbackStep } from "./fallbackModel.ts"
import type { Streamed } from "./model.ts"

/**
 * Makes a language model of the AI SDK that asks several in order. It moves on to the next when a model fails, is refused by its
 * guards, or takes too long, until the first content of an answer. An error of the request itself, and a caller who leaves, end the
 * call. With `canned` there is an answer to anything else, at the latest at the `deadline`.
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
export const fallback = <Options extends Asking, Generated extends object, Opened extends Streamed>(
  models: ReadonlyArray<FallbackStep<Options, Generated, Opened>>,
  options?: FallbackOptions
): FallbackModel<Options, Generated, Opened> => fallbackOf(models, options)
