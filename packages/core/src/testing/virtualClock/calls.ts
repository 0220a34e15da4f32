/**
 * The calls back of Node. Fibers of Effect are called back as well, by far most often, and are not looked at: nothing is heard until
 * something has begun of which a call tells.
 */
import { asyncHooks, type Callbacks, type Hook } from "./node.ts"

let hook: Hook | undefined

/** Says what is done when something calls back. */
export const onCalls = (callbacks: Pick<Callbacks, "before" | "after">): void => {
  hook ??= asyncHooks()?.createHook({ ...callbacks, trackPromises: false })
}

/** From now on, calls are heard. */
export const hearCalls = (): void => void hook?.enable()

export const hearNoCalls = (): void => void hook?.disable()
