/** The class of a call, from its caller. */
import * as Context from "effect/Context"

/**
 * The class of the calls inside, such as `"long prompt"`: calls that usually answer as fast as each other. Each class has a
 * baseline of its own, so that a change of the mix is not taken for overload. @default undefined: the class of all calls
 * without a class
 *
 * @since 0.1.0
 * @category references
 */
export const CurrentClass = Context.Reference<string | undefined>("@switchgear/core/ConcurrencyLimit/CurrentClass", {
  defaultValue: () => undefined
})
