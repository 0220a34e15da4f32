/** The laws that are checked after each step of a program, and when everything has had time to end. */
import type { CircuitBreaker } from "@switchgear/core"
import { Bulkhead, Deadline } from "@switchgear/core"
import { Effect } from "effect"
import { limitQueue, openFor } from "./guards.ts"
import { limits } from "./program.ts"
import type { Scene } from "./scene.ts"

const entries = Object.entries as <K extends string, V>(record: { readonly [Key in K]: V }) => Array<[K, V]>

/** After each step: no counter is below zero, no place is given out twice, and nobody waits beside a free slot. */
export const meanwhile = (scene: Scene): Effect.Effect<void> =>
  Effect.gen(function*() {
    const { breakers, bulkheads, family, limiters } = scene.guards
    for (const [name, bulkhead] of entries(bulkheads)) {
      const { concurrency, inFlight, queue, queued } = yield* bulkhead.snapshot
      if (inFlight < 0 || queued < 0 || queued > queue) {
        scene.breaks("nothing leaks", `${name} has ${inFlight} in flight and ${queued} in the queue`)
      }
      if (name === "bulkhead" && queued > 0 && inFlight < concurrency) {
        scene.breaks("nothing leaks", `${queued} wait for ${name}, which has ${inFlight} of ${concurrency} in flight`)
      }
    }
    for (const [name, limiter] of entries(limiters)) {
      const { limits, waiting } = yield* limiter.snapshot
      if (waiting < 0 || (name === "rateLimiter" && waiting > limitQueue))
        scene.breaks("nothing leaks", `${waiting} wait for ${name}`)
      for (const { available, capacity } of limits) {
        if (available > capacity + 1e-6)
          scene.breaks("nothing leaks", `${name} has ${available} of ${capacity}`)
      }
    }
    const own = yield* scene.guards.ownGate.snapshot
    if (own.used < 0 || own.waiting < 0 || own.waiting > 2 || (own.waiting > 0 && own.used < own.limit)) {
      scene.breaks("nothing leaks", `ownGate uses ${own.used} of ${own.limit} and ${own.waiting} wait`)
    }
    for (const [name, breaker] of entries(breakers)) {
      const { inFlight } = yield* breaker.snapshot
      if (inFlight < 0)
        scene.breaks("nothing leaks", `${name} has ${inFlight} in flight`)
    }
    for (const [name, state] of entries(scene.commanded)) {
      if (state === undefined) continue
      const is = yield* (name === "breaker" ? breakers.breaker : yield* family.get(name)).state
      if (is !== state) scene.breaks("control by hand holds", `${name} is ${is} and was put in ${state}`)
    }
    const { inFlight } = yield* family.snapshot
    if (inFlight < 0) scene.breaks("nothing leaks", `family has ${inFlight} in flight`)
  })

/** When what hangs has been released and hours have passed. */
export const atTheEnd = (scene: Scene): Effect.Effect<void> =>
  Effect.gen(function*() {
    yield* Effect.sleep(5000)
    yield* meanwhile(scene)
    scene.release()
    yield* Effect.sleep("3 hours")
    yield* meanwhile(scene)
    for (const { fiber, name } of scene.fibers) {
      if (fiber.pollUnsafe() === undefined) scene.breaks("nothing hangs", `${name} has not ended after three hours`)
    }
    yield* allIsBack(scene)
    if (scene.appScope.state._tag !== "Empty")
      scene.breaks("nothing leaks", "calls that have ended are still known to the scope of the app")
    whatWasNotBegunSaysNothing(scene)
    yield* allAdmitAgain(scene)
    yield* allTimersFire(scene)
  })

// An interrupt can come between the step in which a guard lets a call go on and the first step of its work: then the guard
// took it for begun.
const allIsBack = (scene: Scene): Effect.Effect<void> =>
  Effect.gen(function*() {
    const { breakers, bulkheads, family, limiters } = scene.guards
    for (const [name, bulkhead] of entries(bulkheads)) {
      const { inFlight, queued } = yield* bulkhead.snapshot
      if (inFlight !== 0 || queued !== 0) {
        scene.breaks("nothing leaks", `${name} has ${inFlight} in flight and ${queued} in the queue at the end`)
      }
    }
    const own = yield* scene.guards.ownGate.snapshot
    if (own.used !== 0 || own.waiting !== 0) {
      scene.breaks("nothing leaks", `ownGate uses ${own.used} and ${own.waiting} wait at the end`)
    }
    const begunInOwn = scene.begun.ownGate ?? 0
    if (own.begun < begunInOwn || own.begun > begunInOwn + (scene.cutShort.ownGate ?? 0)) {
      scene.breaks("a begun call counts", `ownGate was told of ${own.begun} begun calls and ${begunInOwn} were begun`)
    }
    for (const [name, breaker] of entries(breakers)) {
      const { inFlight } = yield* breaker.snapshot
      if (inFlight !== 0) scene.breaks("nothing leaks", `${name} has ${inFlight} in flight at the end`)
    }
    const { inFlight } = yield* family.snapshot
    if (inFlight !== 0) scene.breaks("nothing leaks", `family has ${inFlight} in flight at the end`)
    for (const [name, limiter] of entries(limiters)) {
      const { limits, waiting } = yield* limiter.snapshot
      if (waiting !== 0) scene.breaks("nothing leaks", `${waiting} wait for ${name} at the end`)
      for (const { available, capacity } of limits) {
        const spent = Math.round(capacity - available)
        if (name !== "meter" && spent !== 0) {
          scene.breaks("nothing leaks", `${name} has ${available} of ${capacity} at the end`)
        }
        if (name === "meter" && spent > (scene.begun.meter ?? 0) + (scene.cutShort.meter ?? 0)) {
          scene.breaks(
            "what was not begun says nothing",
            `${spent} calls were paid for and ${scene.begun.meter ?? 0} begun`
          )
        }
        if (name === "meter" && spent < (scene.begun.meter ?? 0)) {
          scene.breaks("a begun call counts", `${spent} calls were paid for and ${scene.begun.meter ?? 0} begun`)
        }
      }
    }
  })

const whatWasNotBegunSaysNothing = (scene: Scene): void => {
  const { begun, finished, guards: { judges } } = scene
  const ended = {
    breaker: finished.breaker ?? 0,
    slowBreaker: finished.slowBreaker ?? 0,
    family: (finished.familyA ?? 0) + (finished.familyB ?? 0),
    pipeline: 0
  }
  const beganIn = {
    breaker: begun.breaker ?? 0,
    slowBreaker: begun.slowBreaker ?? 0,
    family: (begun.familyA ?? 0) + (begun.familyB ?? 0),
    pipeline: begun.pipeline ?? 0
  }
  for (const [name, { told }] of entries(judges)) {
    const began = beganIn[name]
    if (told.counted > began) {
      scene.breaks("what was not begun says nothing", `${name} counted ${told.counted} calls and ${began} were begun`)
    }
    const finished = ended[name]
    if (told.judged < finished)
      scene.breaks("a begun call counts", `${name} judged ${told.judged} calls and ${finished} ended`)
    if (told.ignoredRejections > 0) {
      scene.breaks("a begun call counts", `${name} ignored ${told.ignoredRejections} calls that another tool rejected`)
    }
  }
}

const allAdmitAgain = (scene: Scene): Effect.Effect<void> =>
  Effect.gen(function*() {
    const { breakers, bulkheads, cache, family, limiters } = scene.guards
    const admits = (name: string, self: Effect.Effect<unknown, unknown>) =>
      Effect.gen(function*() {
        const fiber = yield* Effect.forkDetach(self, { startImmediately: true })
        // In an order of chance, it may have let others go first.
        if (fiber.pollUnsafe() === undefined) yield* Effect.sleep("1 nanos")
        const exit = fiber.pollUnsafe()
        if (exit?._tag !== "Success") {
          scene.breaks("every guard admits again", `${name}: ${exit === undefined ? "a call waits" : exit.cause}`)
        }
      })
    for (const [name, bulkhead] of entries(bulkheads)) {
      yield* admits(name, bulkhead.protect(Effect.void))
      yield* admits(name, Effect.provideService(bulkhead.protect(Effect.void), Bulkhead.CurrentKey, "tenantA"))
    }
    for (const [name, limiter] of entries(limiters)) yield* admits(name, limiter.protect(Effect.void))
    yield* admits("ownGate", scene.guards.ownGate.protect(Effect.void))
    for (const key of ["a", "b"])
      yield* admits("cache", cache.through(key)(Effect.succeed({ readAt: scene.next("reads") })))
    const circuits: Array<readonly [string, CircuitBreaker.CircuitBreaker]> = entries(breakers)
    for (const key of ["familyA", "familyB"])
      circuits.push([key, yield* family.get(key)])
    for (const [, breaker] of circuits)
      if (isByHand(yield* breaker.state)) yield* breaker.control.close
    // A circuit that is open asks after a while, and closes when its probes succeed. Old failures may open it once more.
    for (let round = 1; round <= 4; round++) {
      yield* Effect.sleep(4 * openFor)
      for (const [, breaker] of circuits) yield* Effect.ignore(breaker.protect(Effect.void))
    }
    for (const [name, breaker] of circuits) {
      yield* admits(name, breaker.protect(Effect.void))
      const state = yield* breaker.state
      if (state !== "Closed") scene.breaks("every guard admits again", `${name} is ${state} after four successes`)
    }
  })

const isByHand = (state: CircuitBreaker.State): boolean =>
  state === "ForcedOpen" || state === "Disabled" || state === "MetricsOnly"

/** A time-out of each length that was in use fires in time. */
const allTimersFire = (scene: Scene): Effect.Effect<void> =>
  Effect.gen(function*() {
    const lengths = [...limits, 500, 3000, 5000]
    const begin = scene.now
    const ends = new Map<number, number>()
    for (const millis of lengths) {
      const call = Effect.onExit(Deadline.within(millis)(Effect.never), () =>
        Effect.sync(() => ends.set(millis, scene.now - begin)))
      yield* Effect.forkDetach(call, { startImmediately: true })
    }
    yield* Effect.sleep(6000)
    for (const millis of lengths) {
      const end = ends.get(millis)
      if (end !== millis)
        scene.breaks("every timer fires", `a time-out of ${millis} ms came after ${end ?? "never"}`)
    }
  })

/** No circuit has opened, once all calls have ended. */
export const noCircuitOpened = (scene: Scene): Effect.Effect<void> =>
  Effect.gen(function*() {
    const { breakers, family } = scene.guards
    yield* Effect.sleep("1 hour")
    const circuits = [...entries(breakers).map(([, breaker]) => breaker), family]
    for (const circuit of circuits) {
      const { name, openings } = yield* circuit.snapshot
      if (openings > 0) scene.breaks("impatience is no sickness", `${name} opened ${openings} times`)
    }
  })
