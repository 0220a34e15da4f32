/**
 * What a program does outside of its fibers, as far as Node shows it: promises, work of the thread pool, immediates and
 * timers without a delay. Elsewhere nothing can be seen.
 */
import { watchAtomics } from "./atomics.ts"
import { hearNoCalls, onCalls } from "./calls.ts"
import { watchFetches } from "./fetches.ts"
import { asyncHooks, type Callbacks, type Hook, promiseHooks } from "./node.ts"
import { isOf, strict, watched } from "./owners.ts"
import type { PendingWork } from "./pendingWork.ts"
import { beginResource, forgetPorts, hearPort } from "./resources.ts"
import { callsBack, forgetRunning, hasCalledBack } from "./running.ts"
import { forgetSources, hearSource } from "./sources.ts"
import { StackTrace, type Trace } from "./trace.ts"
import { watchWebAssembly } from "./webAssembly.ts"

/** Runs what virtual time itself schedules, which is no work of the program. */
export const unseen = <A>(schedule: () => A): A => {
  isUnseen = true
  try {
    return schedule()
  } finally {
    isUnseen = false
  }
}
let isUnseen = false

/** Watches the work of a program until it is told to stop. */
export const watchWork = (work: PendingWork): () => void => {
  hook ??= asyncHooks()?.createHook({ init, trackPromises: false })
  if (hook === undefined) return () => {}
  onCalls({ before, after: hasCalledBack })
  watched.add(work)
  if (watched.size === 1) {
    hook.enable()
    const stops = [watchWebAssembly(), watchAtomics(), watchFetches()]
    stopOthers = () => stops.forEach((stop) => stop())
  }
  return () => {
    if (!watched.delete(work) || watched.size > 0) return
    hook?.disable()
    hearNoCalls()
    stopOthers()
    forgetRunning()
    forgetPorts()
    forgetSources()
  }
}
let hook: Hook | undefined
let stopOthers = (): void => {}

const init: Callbacks["init"] = (id, type, _, resource) => {
  // By far the most frequent: the fibers of Effect themselves.
  if (type === "effect/Fiber" || isUnseen) return
  beginResource(id, type, resource)
}

const before = (id: number): void => {
  callsBack(id)
  hearPort()
  hearSource()
}

/** Watches the work of a program that is expected to wait for none: what wakes one of its fibers is its `waking`. */
export const watchStrictly = (work: PendingWork): () => void => {
  const stopWork = watchWork(work)
  const promises = promiseHooks()
  if (promises === undefined) return stopWork
  strict.add(work)
  const traces = new WeakMap<object, Trace>()
  const stopPromises = promises.createHook({
    init: (promise, parent) => {
      if (!isOf(work)) return
      traces.set(promise, new StackTrace(parent && traces.get(parent)))
      work.expectTurn()
    },
    before: (promise) => {
      const begun = traces.get(promise)
      work.waking = begun && { what: "a promise", begun }
    },
    after: () => {
      work.waking = undefined
    }
  })
  return () => {
    strict.delete(work)
    stopPromises()
    stopWork()
  }
}
