/** The guards around any function that gives a promise. */
import { OptionsOf } from "@switchgear/core/runtime"
import * as Context from "effect/Context"
import * as Predicate from "effect/Predicate"
import { FunctionCall } from "./functionCall.ts"
import { TargetGuards } from "./guards.ts"
import type { Guards } from "./model.ts"
import type { GuardOptions } from "./options.ts"
import { fieldNames, settingsOf } from "./settings.ts"

/**
 * The options of `guard`. The time-outs of streams are not among them: what the function gives is not read.
 *
 * @category options
 * @since 0.1.0
 */
export interface FunctionOptions<in Args extends ReadonlyArray<never> = ReadonlyArray<never>>
  extends Omit<GuardOptions, "firstContentTimeout" | "idleTimeout" | "readerTimeout">
{
  /** The target, or the one that a call belongs to. Each has guards of its own. @default the name of the function */
  readonly name?: string | ((...args: Args) => string)
  /** Targets kept, see `GuardedFetchOptions`. @default 1_000 */
  readonly capacity?: number
  /** The signal of the caller, who wants no more of the call when it is aborted. @default none */
  readonly signal?: (...args: Args) => AbortSignal | undefined
  /**
   * The arguments that hand the function a signal, which is aborted when its attempt ends: by the caller, by a time-out, or well.
   * @default the arguments as they are: the function is not told
   */
  readonly withSignal?: (signal: AbortSignal, ...args: Args) => ReadonlyArray<unknown>
  /** Whether an error is a failure of the target. Others count for nothing and are not tried again. @default every one */
  readonly isFailure?: (error: unknown) => boolean
  /** Whether the same call may be made again after an error, where `retry` has attempts left. @default unless its `isRetryable` is false */
  readonly isRetryable?: (error: unknown) => boolean
}

/**
 * The function behind guards.
 *
 * @category models
 * @since 0.1.0
 */
export type Guarded<F> = F & Guards

const fields = fieldNames.filter((name) =>
  name !== "firstContentTimeout" && name !== "idleTimeout" && name !== "readerTimeout"
)

export const guardFunction = <F extends (...args: Array<never>) => PromiseLike<unknown>>(
  f: F,
  options: FunctionOptions<Parameters<F>> = {}
): Guarded<F> => {
  const check = new OptionsOf("guard")
  if (typeof f !== "function") check.refuse("f", "a function that gives a promise", f)
  if (typeof options !== "object" || options === null) check.refuse("options", "an object", options)
  check.known(options, ["name", "capacity", "signal", "withSignal", "isFailure", "isRetryable", ...fields])
  const {
    isFailure = () => true,
    isRetryable = isNotFinal,
    name = f.name || "function",
    signal,
    withSignal,
    ...given
  } = options
  if (typeof name !== "function") check.name(name)
  const called = {
    isFailure: check.callback("isFailure", isFailure),
    isRetryable: check.callback("isRetryable", isRetryable)
  }
  const signalOf = signal && check.callback("signal", signal)
  const handing = withSignal && check.callback("withSignal", withSignal)
  const all = new TargetGuards(settingsOf(given, "guard"), Context.empty())

  const guarded = async function(this: unknown, ...args: Parameters<F>): Promise<unknown> {
    const caller = signalOf?.(...args)
    const target = all.use(typeof name === "function" ? nameOf(name(...args)) : name)
    if (caller?.aborted === true) throw caller.reason
    const call = (signal: AbortSignal) =>
      Reflect.apply(f, this, handing === undefined ? args : handing(signal, ...args)) as PromiseLike<unknown>
    return all.run(new FunctionCall(target, all.settings, { call, ...called }, caller))
  }
  const { length, name: itsName } = f
  Object.defineProperties(guarded, {
    length: { value: length, configurable: true },
    name: { value: itsName, configurable: true }
  })
  return Object.assign(guarded, f, {
    ...all.face
  }) as unknown as Guarded<F>
}

const isNotFinal = (error: unknown): boolean => {
  try {
    return !(Predicate.isReadonlyObject(error) && error["isRetryable"] === false)
  } catch {
    // It cannot be read.
    return true
  }
}

const nameOf = (name: unknown): string => {
  if (typeof name === "string" && name !== "") return name
  throw new TypeError(`guard: name must give a text that is not empty, and gave ${typeof name}`)
}
