/** What several models as one take and give. */
import type { Guards, NamedModel } from "./model.ts"
import type { GuardOptions, Time } from "./options.ts"
import type { SupportedUrls } from "./supportedUrls.ts"

/**
 * The options of `fallback`. `deadline` is the time of all models together until the answer is given, of a stream until its first
 * content.
 *
 * @category options
 * @since 0.1.0
 */
export interface FallbackOptions extends GuardOptions {
  /** The text that is answered when no model answers. @default none: the error of the last model is thrown */
  readonly canned?: string
  /** The longest time of each model, at most the deadline. @default its share of what is left of the deadline, by the models left */
  readonly modelTimeout?: Time
  /**
   * Whether the next model is asked after an error of a model. Not asked of what guards refuse: it always is. @default unless the
   * error says that the request is at fault
   */
  readonly movesOn?: (error: unknown, model: NamedModel) => boolean
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
  /** The URLs that the model loads by itself, by their media types. */
  readonly supportedUrls: SupportedUrls | PromiseLike<SupportedUrls>
  readonly doGenerate: (options: Options) => PromiseLike<Generated>
  readonly doStream: (options: Options) => PromiseLike<Opened>
}

/**
 * A language model of the AI SDK 7 that is several. Its `supportedUrls` are those that each of them supports: the AI SDK loads any
 * other itself, so that every model can read it.
 *
 * @category models
 * @since 0.1.0
 */
export interface FallbackModel<in Options, out Generated, out Opened>
  extends FallbackStep<Options, Generated, Opened>, Guards
{}

/** What of a call is read. */
export interface Asking {
  readonly abortSignal?: AbortSignal | undefined
}
