/**
 * Random histories of calls, clock steps, interrupts and changes, played on the cache and on a model that keeps its
 * values in a list, the one used last at the end, and its flights in another.
 */
import { assert, it } from "@effect/vitest"
import { StaleCache } from "@switchgear/core"
import { Clock, Duration, Effect, Exit, Fiber, Schema } from "effect"
import { TestClock } from "effect/testing"

const Key = Schema.Literals(["a", "a", "b", "c"])
const Index = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 4 }))
const Begin = Schema.TaggedStruct("Begin", {
  key: Key,
  way: Schema.Literals(["through", "orStale"]),
  mode: Schema.Literals(["use", "use", "use", "refresh", "bypass"]),
  after: Schema.Literals(["Infinity", "Infinity", 0, 50, 150])
})
const Ending = Schema.Literals(["success", "success", "cut off", "503", "400", "defect"])
type Ending = typeof Ending.Type

const Operation = Schema.Union([
  Begin,
  Begin,
  Begin,
  Schema.TaggedStruct("End", { index: Index, ending: Ending }),
  Schema.TaggedStruct("End", { index: Index, ending: Ending }),
  Schema.TaggedStruct("End", { index: Index, ending: Ending }),
  Schema.TaggedStruct("Advance", { millis: Schema.Literals([1, 99, 100]) }),
  Schema.TaggedStruct("Advance", { millis: Schema.Literals([1, 99, 100, 199, 200, 300]) }),
  Schema.TaggedStruct("Interrupt", { index: Index }),
  Schema.TaggedStruct("Set", { key: Key }),
  Schema.TaggedStruct("LastGood", { key: Key }),
  Schema.TaggedStruct("Invalidate", { key: Key }),
  Schema.TaggedStruct("Clear", {}),
  Schema.TaggedStruct("Expire", {})
])
type Operation = typeof Operation.Type

const capacity = 2
const timeToLive = 100
const staleFor = 200

type Result = Exit.Exit<StaleCache.Cached<string>, string>

interface Caller {
  readonly id: number
  readonly way: "through" | "orStale"
  /** When it is served the stale value, if there is one. */
  readonly due: number
}

interface Flight {
  /** That of the call. */
  readonly id: number
  readonly key: string
  readonly mode: StaleCache.Mode
  callers: Array<Caller>
  /** Set or invalidated meanwhile. */
  outdated: boolean
  held: boolean
}

/** The specification, as plainly as it can be said. */
class Model {
  entries: Array<{ readonly key: string; readonly value: string; readonly storedAt: number; expired?: boolean }> = []
  readonly served = { loaded: 0, fresh: 0, stale: 0 }
  readonly results = new Map<number, Result>()
  /** Those that are not being interrupted, in the order in which they began. */
  flights: Array<Flight> = []
  /** Those whose calls have been interrupted since the last look. */
  killed: Array<number> = []
  private readonly current = new Map<string, Flight>()
  private readonly keptOf = new Map<string, number>()

  find(key: string, now: number): StaleCache.Cached<string> | undefined {
    const found = this.entries.find((entry) => entry.key === key)
    if (found === undefined) return undefined
    this.drop(key)
    const age = now - found.storedAt
    if (age >= timeToLive + staleFor) return undefined
    this.entries.push(found)
    return {
      value: found.value,
      freshness: age < timeToLive && !found.expired ? "fresh" : "stale",
      age: Duration.millis(age)
    }
  }

  serve(cached: StaleCache.Cached<string>): Result {
    this.served[cached.freshness]++
    return Exit.succeed(cached)
  }

  drop(key: string): void {
    this.entries = this.entries.filter((entry) => entry.key !== key)
  }

  keep(key: string, value: string, now: number): boolean {
    if (value.startsWith("cut off")) return false
    this.drop(key)
    this.entries = [...this.entries, { key, value, storedAt: now }].slice(-capacity)
    return true
  }

  /** Answers whether a call begins, which has the id of its caller. */
  begin(key: string, mode: StaleCache.Mode, caller: Caller, now: number): boolean {
    const found = mode === "use" ? this.find(key, now) : undefined
    if (found?.freshness === "fresh") {
      this.results.set(caller.id, this.serve(found))
      return false
    }
    const joined = mode === "use" ? this.current.get(key) : undefined
    const flight = joined ?? { id: caller.id, key, mode, callers: [], outdated: mode === "bypass", held: false }
    flight.callers.push(caller)
    if (joined === undefined) {
      this.flights.push(flight)
      const before = this.current.get(key)
      if (mode !== "bypass") {
        this.current.set(key, flight)
        if (before?.callers.length === 0) this.kill(before)
      }
    }
    if (caller.due <= now) this.late(flight, caller, now)
    return joined === undefined
  }

  /** The caller has waited long enough. */
  late(flight: Flight, caller: Caller, now: number): void {
    const found = this.find(flight.key, now)
    if (found === undefined) return
    flight.held = true
    this.results.set(caller.id, this.serve(found))
    this.leave(flight, caller.id, now)
  }

  advance(from: number, to: number): void {
    const due = this.flights.flatMap((flight) =>
      flight.callers.filter(({ due }) => due > from && due <= to).map((caller) => ({ flight, caller }))
    )
    due.sort((a, b) => a.caller.due - b.caller.due || a.caller.id - b.caller.id)
    for (const { caller, flight } of due) this.late(flight, caller, caller.due)
  }

  end(flight: Flight, ending: Exit.Exit<string, string>, now: number): void {
    const { callers, key, mode } = flight
    if (Exit.isSuccess(ending) && this.isWanted(flight) && this.keep(key, ending.value, now))
      this.keptOf.set(key, flight.id)
    this.takeOut(flight)
    for (const { id, way } of callers) {
      if (Exit.isSuccess(ending)) {
        this.results.set(id, this.serve({ value: ending.value, freshness: "loaded", age: Duration.zero }))
        continue
      }
      const mayFallBack = mode !== "bypass" && way === "orStale" &&
        Exit.findErrorOption(ending).pipe((error) => error._tag === "Some" && error.value === "503")
      const found = mayFallBack ? this.find(key, now) : undefined
      this.results.set(id, found ? this.serve(found) : ending as Exit.Exit<never, string>)
    }
  }

  leave(flight: Flight, id: number, now: number): void {
    flight.callers = flight.callers.filter((caller) => caller.id !== id)
    if (flight.callers.length > 0) return
    const hasValue = this.entries.some(({ key, storedAt }) =>
      key === flight.key && now < storedAt + timeToLive + staleFor
    )
    const isJoined = this.current.get(flight.key) === flight
    if (!(flight.held && isJoined && this.isWanted(flight) && hasValue)) this.kill(flight)
  }

  abandon(isMeant: (key: string) => boolean): void {
    const meant = this.flights.filter(({ key, mode }) => mode !== "bypass" && isMeant(key))
    for (const flight of meant) {
      flight.outdated = true
      if (this.current.get(flight.key) === flight) this.current.delete(flight.key)
    }
    for (const flight of meant) if (flight.callers.length === 0) this.kill(flight)
  }

  private isWanted(flight: Flight): boolean {
    return !flight.outdated && flight.id > (this.keptOf.get(flight.key) ?? -1)
  }

  private kill(flight: Flight): void {
    this.takeOut(flight)
    this.killed.push(flight.id)
  }

  private takeOut(flight: Flight): void {
    this.flights = this.flights.filter((other) => other !== flight)
    if (this.current.get(flight.key) === flight) this.current.delete(flight.key)
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
    const waiting = new Map<number, Fiber.Fiber<Result>>()
    const calls = new Map<number, (exit: Exit.Exit<string, string>) => void>()
    const interrupted: Array<number> = []
    let now = yield* Clock.currentTimeMillis
    let ids = 0

    const settle = Effect.gen(function*() {
      for (const [id, expected] of model.results) {
        assert.deepStrictEqual(yield* Fiber.join(waiting.get(id)!), expected)
        waiting.delete(id)
      }
      model.results.clear()
    })
    const begin = ({ after, key, mode, way }: typeof Begin.Type) =>
      Effect.gen(function*() {
        const id = ids++
        // The finalizer takes time: nobody waits for it, and nobody joins a call that is in it.
        const call = Effect.callback<string, string>((resume) => {
          calls.set(id, resume)
          const finalizer = mode === "bypass" ? Effect.void : Effect.sleep(120)
          return Effect.andThen(Effect.sync(() => void interrupted.push(id)), finalizer)
        })
        const asked = way === "through"
          ? call.pipe(cache.through(key, { mode }))
          : call.pipe(cache.orStale(key, { mode, after, when: (error: string) => error !== "400" }))
        const due = way === "orStale" && mode === "use" ? now + Number(after) : Infinity
        const begins = model.begin(key, mode, { id, way, due }, now)
        waiting.set(id, yield* Effect.forkChild(Effect.exit(asked), { startImmediately: true }))
        assert.strictEqual(calls.has(id), begins, "one call for equal keys in flight")
      })
    const end = (index: number, ending: Ending) =>
      Effect.sync(() => {
        const flight = model.flights[index]
        if (flight === undefined) return
        const value = `${ending} ${ids++}`
        const exit: Exit.Exit<string, string> = ending === "success" || ending === "cut off"
          ? Exit.succeed(value)
          : ending === "defect"
          ? Exit.die(value)
          : Exit.fail(ending)
        model.end(flight, exit, now)
        const finish = calls.get(flight.id)!
        calls.delete(flight.id)
        finish(exit)
      })
    const interrupt = (index: number) =>
      Effect.gen(function*() {
        const [id, fiber] = [...waiting][index] ?? []
        if (id === undefined || fiber === undefined) return
        const flight = model.flights.find(({ callers }) => callers.some((caller) => caller.id === id))!
        model.leave(flight, id, now)
        // Ends without the clock, which the finalizer of the call would need.
        yield* Fiber.interrupt(fiber)
        waiting.delete(id)
      })

    for (const operation of history) {
      switch (operation._tag) {
        case "Begin":
          yield* begin(operation)
          break
        case "End":
          yield* end(operation.index, operation.ending)
          break
        case "Interrupt":
          yield* interrupt(operation.index)
          break
        case "Advance":
          model.advance(now, now + operation.millis)
          now += operation.millis
          yield* TestClock.adjust(operation.millis)
          break
        case "Set": {
          const value = `set ${ids++}`
          model.keep(operation.key, value, now)
          model.abandon((key) => key === operation.key)
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
          model.abandon((key) => key === operation.key)
          yield* cache.invalidate(operation.key)
          break
        case "Clear":
          model.entries = []
          model.abandon(() => true)
          yield* cache.clear
          break
        case "Expire":
          for (const entry of model.entries) entry.expired = true
          model.abandon(() => true)
          yield* cache.expire
      }
      yield* settle
      assert.deepStrictEqual(
        interrupted.splice(0).sort(),
        model.killed.splice(0).sort(),
        "a call ends with its last caller"
      )
      for (const id of calls.keys()) if (!model.flights.some((flight) => flight.id === id)) calls.delete(id)
      assert.strictEqual(calls.size, model.flights.length)
      assert.deepStrictEqual(yield* cache.snapshot, {
        name: "model",
        size: model.entries.length,
        capacity,
        bytes: 0,
        maxBytes: undefined,
        served: model.served,
        storeFailures: 0
      })
    }
    yield* Effect.forEach(waiting.values(), (fiber) => Fiber.interrupt(fiber))
  })

const runs = Number(process.env.SWITCHGEAR_RUNS ?? 100)

it.effect.prop(
  "the cache does what the model does, whatever the history",
  { history: Schema.Array(Operation).check(Schema.isMinLength(30), Schema.isMaxLength(100)) },
  ({ history }) => play(history),
  { arbitrary: { runs, size: 100 }, timeout: 5000 + 20 * runs }
)
