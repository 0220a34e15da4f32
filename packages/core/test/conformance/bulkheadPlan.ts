/** Plays bulkhead scenarios: who runs, who waits, who is refused, and in which order those who wait are served. */
import { Bulkhead } from "@switchgear/core"
import { Clock, Effect, Exit, Fiber, Latch, type Schema } from "effect"
import { TestClock } from "effect/testing"
import type { Facts, NotExpressible, Plan, Trace } from "./judge.ts"
import { not, unknownIn } from "./notExpressible.ts"
import { otherRules } from "./rules.ts"
import { numberOf, type Scenario, type Step } from "./scenario.ts"

const flavours = new Set(["resilience4j", "failsafe", "rezilience", "concurrency-limits"])
const settings = new Set(["maxConcurrent", "maxWaitMs", "maxQueue", "order", "partitions"])
const ops = new Set([
  "acquire",
  "acquireAsync",
  "await",
  "peek",
  "release",
  "advance",
  "state",
  "interrupt",
  "changeLimit",
  "changeMaxWait"
])

export const planBulkhead = (scenario: Scenario): Plan | NotExpressible => {
  const { config, steps } = scenario
  if (!flavours.has(config.semantics)) return not("unknown semantics", config.semantics)
  const strange = unknownIn(scenario, { settings, ops, details: new Set(["id", "ms", "value", "key"]) })
  if (strange) return strange
  const order = config["order"]
  if (order !== undefined && order !== "fifo" && order !== "lifo")
    return not("unknown setting", `order: ${String(order)}`)
  if (config["partitions"] !== undefined || steps.some((step) => "key" in step)) return not("partitions", "partitions")
  const waits = steps.some(({ op }) => op === "changeMaxWait")
  const maxWait = numberOf(config["maxWaitMs"])
  const maxQueue = numberOf(config["maxQueue"])
  const options = {
    name: "conformance",
    concurrency: numberOf(config["maxConcurrent"])!,
    // Without a bound of its own, a queue is bounded by the wait alone; without a wait, there is none.
    queue: maxQueue ?? (maxWait === 0 && !waits ? 0 : 1_000_000),
    // With a queue, no wait given means that its length alone is the limit.
    maxWait: maxWait === undefined || maxWait === 0 && maxQueue !== undefined ? "Infinity" as const : maxWait
  }
  const replay = Effect.provide(play(scenario, options), TestClock.layer())
  return {
    replay,
    rules: order !== "lifo" ? undefined : {
      names: [otherRules.order.name],
      under: (rules) =>
        Effect.map(replay, (trace) => rules.has(otherRules.order.name) ? trace : newestFirst(trace, scenario))
    }
  }
}

// Only the order of service differs from ours; what is a stack there is a queue here.
const newestFirst = (trace: Trace, { steps }: Scenario): Trace =>
  trace.map((repetitions, i) =>
    repetitions.map((facts) => ({
      ...facts,
      ...(steps[i]!.expect?.["servedOrder"] && { servedOrder: facts["newestFirst"]! })
    }))
  )

interface Caller {
  readonly id: string
  readonly fiber: Fiber.Fiber<Exit.Exit<void, Bulkhead.BulkheadFull>>
  readonly done: Latch.Latch
  readonly started: boolean
  readonly endedAt: number | undefined
  readonly askedAt: number
}

const play = ({ steps }: Scenario, options: Bulkhead.Options): Effect.Effect<Trace> =>
  Effect.gen(function*() {
    const bulkhead = yield* Bulkhead.make(options)
    // A wait that is changed is that of the calls from then on.
    let protect: typeof bulkhead.protect = bulkhead.protect
    // Where the order of service is looked at, who is served leaves at once, so that one release serves everybody.
    const leavesAtOnce = steps.some(({ expect }) => expect && "servedOrder" in expect)
    const served: Array<string> = []
    const arrived: Array<string> = []
    const running: Array<Caller> = []
    const waiters = new Map<string, Array<Caller>>()

    const call = (id: string, waits: boolean) =>
      Effect.gen(function*() {
        const done = yield* Latch.make(false)
        const askedAt = yield* Clock.currentTimeMillis
        const caller: { -readonly [K in keyof Caller]: Caller[K] } = {
          id,
          done,
          askedAt,
          started: false,
          endedAt: undefined,
          fiber: undefined!
        }
        const work = Effect.suspend(() => {
          caller.started = true
          if (waits) served.push(id)
          running.push(caller)
          return waits && leavesAtOnce ? Effect.void : done.await
        })
        const left = Effect.map(Clock.currentTimeMillis, (now) => {
          caller.endedAt = now
          if (running.includes(caller)) running.splice(running.indexOf(caller), 1)
        })
        caller.fiber = yield* Effect.forkDetach(Effect.ensuring(Effect.exit(protect(work)), left), {
          startImmediately: true
        })
        return caller as Caller
      })

    const told = (caller: Caller): Facts => {
      const ended = caller.fiber.pollUnsafe() !== undefined
      const pending = !caller.started && !ended
      return pending
        ? { pending }
        : { pending, permitted: caller.started, ...(ended && { waitMs: caller.endedAt! - caller.askedAt }) }
    }

    const perform = (step: Step): Effect.Effect<Facts> =>
      Effect.gen(function*() {
        const id = typeof step["id"] === "string" ? step["id"] : ""
        switch (step.op) {
          case "acquire": {
            const caller = yield* call("", false)
            const facts = told(caller)
            if (facts["pending"] !== true) return facts
            // Asked for a slot now or never.
            yield* Fiber.interrupt(caller.fiber)
            return { permitted: false, waitMs: 0 }
          }
          case "acquireAsync": {
            arrived.push(id)
            const caller = yield* call(id, true)
            waiters.set(id, [...waiters.get(id) ?? [], caller])
            return told(caller)
          }
          case "await":
          case "peek":
            return waiters.has(id)
              ? told(waiters.get(id)!.at(-1)!)
              : yield* Effect.die(new Error(`nobody came by the name "${id}"`))
          case "interrupt":
            yield* Effect.forEach(waiters.get(id) ?? [], ({ fiber }) => Fiber.interrupt(fiber))
            return { permitted: false }
          case "release": {
            const oldest = running[0]
            if (oldest === undefined) return yield* Effect.die(new Error("nobody holds a slot"))
            oldest.done.openUnsafe()
            yield* Fiber.await(oldest.fiber)
            return {}
          }
          case "changeLimit":
            yield* bulkhead.resize(numberOf(step["value"])!)
            return {}
          case "changeMaxWait":
            protect = bulkhead.protectWith({ maxWait: numberOf(step["ms"])! })
            return {}
          case "advance":
            yield* TestClock.adjust(numberOf(step["ms"])!)
            return {}
          default:
            return {}
        }
      })

    const read = Effect.gen(function*() {
      // Those who were given a slot by the last operation come to use it.
      yield* Effect.repeat(Effect.yieldNow, { times: 2 * arrived.length + 2 })
      const { concurrency, inFlight, queued } = yield* bulkhead.snapshot
      return {
        inFlight,
        limit: concurrency,
        available: concurrency - inFlight,
        queued,
        servedOrder: [...served],
        newestFirst: served.toReversed()
      } satisfies { readonly [fact: string]: Schema.Json }
    })

    const trace: Array<Array<Facts>> = []
    for (const step of steps) {
      const repetitions: Array<Facts> = []
      for (let n = step.n ?? 1; n > 0; n--) {
        const own = yield* perform(step)
        repetitions.push({ ...(yield* read), ...own })
      }
      trace.push(repetitions)
    }
    yield* Effect.forEach([...running, ...[...waiters.values()].flat()], ({ fiber }) => Fiber.interrupt(fiber))
    if ((yield* bulkhead.snapshot).inFlight !== 0) return yield* Effect.die(new Error("a slot has leaked"))
    return trace
  })
