/**
 * Random histories of calls, clock steps, interrupts and changes, played on the cache and on a model that keeps its
 * values in a list, the one used last at the end.
 */
import { assert, it } from "@effect/vitest"
import { StaleCache } from "@switchgear/core"
import { Clock, Duration, Effect, Exit, Fiber, Schema } from "effect"
import { TestClock } from "effect/testing"

const Key = Schema.Literals(["a", "b", "c"])
const Index = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 4 }))
const Way = Schema.Literals(["through", "orStale"])
const Ending = Schema.Literals(["success", "success", "cut off", "503", "400", "defect"])
type Ending = typeof Ending.Type

const Operation = Schema.Union([
  Schema.TaggedStruct("Begin", { key: Key, way: Way }),
  Schema.TaggedStruct("Begin", { key: Key, way: Way }),
  Schema.TaggedStruct("Begin", { key: Key, way: Way }),
  Schema.TaggedStruct("End", { key: Key, ending: Ending }),
  Schema.TaggedStruct("End", { key: Key, ending: Ending }),
  Schema.TaggedStruct("End", { key: Key, ending: Ending }),
  Schema.TaggedStruct("Advance", { millis: Schema.Literals([1, 99, 100]) }),
  Schema.TaggedStruct("Advance", { millis: Schema.Literals([1, 99, 100, 199, 200, 300]) }),
  Schema.TaggedStruct("Interrupt", { index: Index }),
  Schema.TaggedStruct("Set", { key: Key }),
  Schema.TaggedStruct("LastGood", { key: Key }),
  Schema.TaggedStruct("Invalidate", { key: Key }),
  Schema.TaggedStruct("Clear", {})
])
type Operation = typeof Operation.Type

const capacity = 2
const timeToLive = 100
const staleFor = 200

type Result = Exit.Exit<StaleCache.Cached<string>, string>

interface Caller {
  readonly id: number
  readonly way: typeof Way.Type
}

/** The specification, as plainly as it can be said. */
class Model {
  entries: Array<{ readonly key: string; readonly value: string; readonly storedAt: number }> = []
  readonly served = { loaded: 0, fresh: 0, stale: 0 }
  readonly results = new Map<number, Result>()
  readonly flights = new Map<string, Array<Caller>>()

  find(key: string, now: number): StaleCache.Cached<string> | undefined {
    const found = this.entries.find((entry) => entry.key === key)
    if (found === undefined) return undefined
    this.drop(key)
    const age = now - found.storedAt
    if (age >= timeToLive + staleFor) return undefined
    this.entries.push(found)
    return { value: found.value, freshness: age < timeToLive ? "fresh" : "stale", age: Duration.millis(age) }
  }

  serve(cached: StaleCache.Cached<string>): Result {
    this.served[cached.freshness]++
    return Exit.succeed(cached)
  }

  drop(key: string): void {
    this.entries = this.entries.filter((entry) => entry.key !== key)
  }

  keep(key: string, value: string, now: number): void {
    if (value.startsWith("cut off")) return
    this.drop(key)
    this.entries = [...this.entries, { key, value, storedAt: now }].slice(-capacity)
  }

  begin(key: string, caller: Caller, now: number): void {
    const found = this.find(key, now)
    if (found?.freshness === "fresh") this.results.set(caller.id, this.serve(found))
    else this.flights.set(key, [...this.flights.get(key) ?? [], caller])
  }

  end(key: string, ending: Exit.Exit<string, string>, now: number): void {
    const callers = this.flights.get(key)
    if (callers === undefined) return
    this.flights.delete(key)
    if (Exit.isSuccess(ending)) this.keep(key, ending.value, now)
    for (const { id, way } of callers) {
      if (Exit.isSuccess(ending)) {
        this.results.set(id, this.serve({ value: ending.value, freshness: "loaded", age: Duration.zero }))
        continue
      }
      const mayFallBack = way === "orStale" &&
        Exit.findErrorOption(ending).pipe((error) => error._tag === "Some" && error.value === "503")
      const found = mayFallBack ? this.find(key, now) : undefined
      this.results.set(id, found ? this.serve(found) : ending as Exit.Exit<never, string>)
    }
  }

  /** Answers whether the call goes with the caller. */
  leave(key: string, id: number): boolean {
    const others = this.flights.get(key)!.filter((caller) => caller.id !== id)
    if (others.length > 0) this.flights.set(key, others)
    else this.flights.delete(key)
    return others.length === 0
  }
}

const play = (history: ReadonlyArray<Operation>) =>
  Effect.gen(function*() {
    const cache = yield* StaleCache.make<string>({
      name: "model",
      capacity,
      timeToLive,
      staleFor,
      storeWhen: (value) => !value.startsWith("cut off")
    })
    const model = new Model()
    const waiting = new Map<number, { readonly key: string; readonly fiber: Fiber.Fiber<Result> }>()
    const calls = new Map<string, (exit: Exit.Exit<string, string>) => void>()
    const interrupted: Array<string> = []
    let now = yield* Clock.currentTimeMillis
    let ids = 0

    const settle = Effect.gen(function*() {
      for (const [id, expected] of model.results) {
        assert.deepStrictEqual(yield* Fiber.join(waiting.get(id)!.fiber), expected)
        waiting.delete(id)
      }
      model.results.clear()
    })
    const begin = (key: string, way: Caller["way"]) =>
      Effect.gen(function*() {
        const id = ids++
        const call = Effect.callback<string, string>((resume) => {
          assert.isFalse(calls.has(key), "one call for equal keys in flight")
          calls.set(key, resume)
          return Effect.sync(() => void interrupted.push(key))
        })
        const asked = way === "through"
          ? call.pipe(cache.through(key))
          : call.pipe(cache.orStale(key, { when: (error: string) => error !== "400" }))
        const fiber = yield* Effect.forkChild(Effect.exit(asked), { startImmediately: true })
        waiting.set(id, { key, fiber })
        model.begin(key, { id, way }, now)
      })
    const end = (key: string, ending: Ending) =>
      Effect.sync(() => {
        const value = `${ending} ${ids++}`
        const exit: Exit.Exit<string, string> = ending === "success" || ending === "cut off"
          ? Exit.succeed(value)
          : ending === "defect"
          ? Exit.die(value)
          : Exit.fail(ending)
        const finish = calls.get(key)
        calls.delete(key)
        model.end(key, exit, now)
        finish?.(exit)
      })
    const interrupt = (index: number) =>
      Effect.gen(function*() {
        const [id, caller] = [...waiting][index] ?? []
        if (id === undefined || caller === undefined) return
        yield* Fiber.interrupt(caller.fiber)
        waiting.delete(id)
        if (model.leave(caller.key, id)) {
          assert.deepStrictEqual(interrupted.splice(0), [caller.key], "a call ends with its last caller")
          calls.delete(caller.key)
        }
      })

    for (const operation of history) {
      switch (operation._tag) {
        case "Begin":
          yield* begin(operation.key, operation.way)
          break
        case "End":
          yield* end(operation.key, operation.ending)
          break
        case "Interrupt":
          yield* interrupt(operation.index)
          break
        case "Advance":
          now += operation.millis
          yield* TestClock.adjust(operation.millis)
          break
        case "Set": {
          const value = `set ${ids++}`
          model.keep(operation.key, value, now)
          yield* cache.set(operation.key, value)
          break
        }
        case "LastGood": {
          const found = model.find(operation.key, now)
          if (found) model.serve(found)
          assert.deepStrictEqual(yield* cache.lastGood(operation.key), found)
          break
        }
        case "Invalidate":
          model.drop(operation.key)
          yield* cache.invalidate(operation.key)
          break
        case "Clear":
          model.entries = []
          yield* cache.clear
      }
      yield* settle
      assert.deepStrictEqual([...calls.keys()].sort(), [...model.flights.keys()].sort())
      assert.deepStrictEqual(interrupted, [])
      assert.deepStrictEqual(yield* cache.snapshot, {
        name: "model",
        size: model.entries.length,
        capacity,
        served: model.served,
        storeFailures: 0
      })
    }
    yield* Effect.forEach(waiting.values(), ({ fiber }) => Fiber.interrupt(fiber))
  })

const runs = Number(process.env.SWITCHGEAR_RUNS ?? 100)

it.effect.prop(
  "the cache does what the model does, whatever the history",
  { history: Schema.Array(Operation).check(Schema.isMinLength(30), Schema.isMaxLength(100)) },
  ({ history }) => play(history),
  { arbitrary: { runs, size: 100 }, timeout: 5000 + 20 * runs }
)
