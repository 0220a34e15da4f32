import { assert, describe, it } from "@effect/vitest"
import { CircuitBreaker, RateLimiter } from "@switchgear/core"
import { Cause, Effect, Exit, Fiber, Stream } from "effect"
import * as HttpClient from "effect/http/HttpClient"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import * as HttpClientResponse from "effect/http/HttpClientResponse"
import * as Switchgear from "@switchgear/core/platform"
import * as Platform from "effect/persistence/CircuitBreaker"
import { TestClock } from "effect/testing"

const ok = Effect.succeed("ok")
const bad = Effect.fail("bad" as const)

/** One failure opens the circuit of its key. */
const fragile = (options: Partial<CircuitBreaker.Family.Options> = {}) =>
  CircuitBreaker.Family.make({ name: "hosts", minimumCalls: 1, halfOpen: { calls: 1 }, ...options })

const stateOf = (family: CircuitBreaker.Family.Family, key: string) =>
  Effect.flatMap(family.get(key), (circuit) => circuit.state)

describe("a family of circuits", () => {
  it.effect("keeps the keys apart, and names the key in its rejections", () =>
    Effect.gen(function*() {
      const family = yield* fragile()
      yield* Effect.exit(bad.pipe(family.protect("a")))
      const error = yield* Effect.flip(ok.pipe(family.protect("a")))
      assert.strictEqual(error.breaker, "hosts/a")
      assert.strictEqual(yield* ok.pipe(family.protect("b")), "ok")
      assert.deepStrictEqual(yield* family.keys, ["a", "b"])
    }))

  it.effect("forgets the circuit that was not used for the longest time when there are too many", () =>
    Effect.gen(function*() {
      const family = yield* fragile({ capacity: 2, minimumCalls: 2 })
      for (const key of ["a", "b"]) yield* Effect.exit(bad.pipe(family.protect(key)))
      yield* TestClock.adjust("1 second")
      yield* ok.pipe(family.protect("a"))
      yield* ok.pipe(family.protect("c"))
      assert.deepStrictEqual(yield* family.keys, ["a", "c"])
      assert.strictEqual(yield* stateOf(family, "a"), "Open")
      yield* TestClock.adjust("1 second")
      yield* Effect.exit(bad.pipe(family.protect("b")))
      assert.deepStrictEqual(yield* family.keys, ["a", "b"])
      assert.strictEqual(yield* stateOf(family, "b"), "Closed")
    }))

  it.effect("forgets a circuit that was idle for its time, and begins it anew", () =>
    Effect.gen(function*() {
      const family = yield* fragile({ idleTimeToLive: "1 minute", minimumCalls: 3 })
      const callsOf = (key: string) => Effect.map(Effect.flatMap(family.get(key), (c) => c.snapshot), (s) => s.calls)
      yield* Effect.exit(bad.pipe(family.protect("a")))
      yield* TestClock.adjust("59999 millis")
      yield* Effect.exit(bad.pipe(family.protect("a")))
      assert.strictEqual(yield* callsOf("a"), 2)
      yield* TestClock.adjust("1 minute")
      yield* ok.pipe(family.protect("b"))
      assert.deepStrictEqual(yield* family.keys, ["b"])
      assert.strictEqual(yield* callsOf("a"), 0)
    }))

  it.effect("ends calls in flight properly although their circuit was forgotten meanwhile", () =>
    Effect.gen(function*() {
      const family = yield* fragile({ capacity: 1 })
      const slow = yield* Effect.forkChild(
        Effect.exit(Effect.as(Effect.sleep("1 second"), "late").pipe(family.protect("a"))),
        { startImmediately: true }
      )
      yield* ok.pipe(family.protect("b"))
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(yield* Fiber.join(slow), Exit.succeed("late"))
    }))

  it.effect("tells the transitions of all keys, and of one by its handle", () =>
    Effect.gen(function*() {
      const family = yield* fragile()
      const all = yield* Effect.forkChild(Stream.runCollect(Stream.take(family.transitions, 2)), {
        startImmediately: true
      })
      const circuit = yield* family.get("b")
      const one = yield* Effect.forkChild(Stream.runCollect(Stream.take(circuit.transitions, 1)), {
        startImmediately: true
      })
      for (const key of ["a", "b"]) yield* Effect.exit(bad.pipe(family.protect(key)))
      assert.deepStrictEqual((yield* Fiber.join(all)).map(({ breaker }) => breaker), ["hosts/a", "hosts/b"])
      assert.deepStrictEqual((yield* Fiber.join(one)).map(({ breaker }) => breaker), ["hosts/b"])
    }))

  it.effect("forgets neither what was set by hand, nor an open circuit, nor one with calls in flight", () =>
    Effect.gen(function*() {
      const family = yield* fragile({ capacity: 10, openFor: "1 day" })
      yield* (yield* family.get("forced")).control.forceOpen
      yield* (yield* family.get("off")).control.disable
      yield* Effect.exit(bad.pipe(family.protect("down")))
      const running = yield* Effect.forkChild(family.protect("busy")(Effect.never), { startImmediately: true })
      for (let i = 0; i < 100; i++) {
        yield* TestClock.adjust("2 minutes")
        yield* ok.pipe(family.protect(`key ${i}`))
      }
      assert.strictEqual(yield* stateOf(family, "forced"), "ForcedOpen")
      assert.strictEqual(yield* stateOf(family, "off"), "Disabled")
      assert.strictEqual(yield* stateOf(family, "down"), "Open")
      assert.strictEqual((yield* family.snapshot).inFlight, 1)
      assert.strictEqual((yield* family.keys).length, 10)
      yield* Fiber.interrupt(running)
      for (let i = 0; i < 10; i++) {
        yield* TestClock.adjust("2 minutes")
        yield* ok.pipe(family.protect(`more ${i}`))
      }
      assert.notInclude(yield* family.keys, "busy")
      assert.include(yield* family.keys, "forced")
    }))

  it.effect("passes calls of new keys without keeping a circuit while every other holds something, and says so", () =>
    Effect.gen(function*() {
      const family = yield* fragile({ capacity: 2, openFor: "1 minute", idleTimeToLive: "1 hour" })
      for (const key of ["a", "b"]) yield* Effect.exit(bad.pipe(family.protect(key)))
      yield* Effect.exit(bad.pipe(family.protect("c")))
      assert.strictEqual(yield* ok.pipe(family.protect("c")), "ok")
      assert.deepStrictEqual(yield* family.keys, ["a", "b"])
      assert.strictEqual((yield* family.snapshot).notKept, 2)
      yield* (yield* family.get("c")).control.forceOpen
      assert.isTrue(Exit.isFailure(yield* Effect.exit(ok.pipe(family.protect("c")))))
      assert.deepStrictEqual([...yield* family.keys].sort(), ["a", "b", "c"])
    }))

  it.effect("counts each call that passes unguarded once, however it asks, and nothing that is no call", () =>
    Effect.gen(function*() {
      const family = yield* fragile({ capacity: 1 })
      yield* Effect.exit(bad.pipe(family.protect("open")))
      const { gate, protect } = yield* family.get("new")
      yield* stateOf(family, "another")
      const counted = Effect.map(family.snapshot, ({ notKept }) => notKept)
      assert.strictEqual(yield* counted, 0)
      yield* gate(protect(ok))
      yield* protect(ok)
      yield* family.protect("new")(ok)
      assert.strictEqual(yield* counted, 3)
    }))

  it.effect("replaces a circuit that has been idle since its opening ended when there is no other", () =>
    Effect.gen(function*() {
      const family = yield* fragile({ capacity: 1, openFor: "1 minute", idleTimeToLive: "1 hour" })
      yield* Effect.exit(bad.pipe(family.protect("gone")))
      yield* TestClock.adjust("59 minutes")
      yield* ok.pipe(family.protect("new"))
      assert.deepStrictEqual(yield* family.keys, ["gone"])
      yield* TestClock.adjust("1 minute")
      yield* ok.pipe(family.protect("new"))
      assert.deepStrictEqual(yield* family.keys, ["new"])
    }))

  it.effect("gives handles of the key, which control its circuit also after that was forgotten", () =>
    Effect.gen(function*() {
      const family = yield* fragile({ capacity: 1 })
      const handle = yield* family.get("a")
      yield* ok.pipe(family.protect("b"))
      assert.deepStrictEqual(yield* family.keys, ["b"])
      assert.strictEqual(yield* handle.state, "Closed")
      assert.deepStrictEqual(yield* family.keys, ["b"])
      yield* handle.control.forceOpen
      assert.isTrue(Exit.isFailure(yield* Effect.exit(ok.pipe(family.protect("a")))))
      assert.isTrue(Exit.isFailure(yield* Effect.exit(ok.pipe(handle.protect))))
      assert.strictEqual(yield* handle.state, "ForcedOpen")
      yield* handle.control.close
      assert.strictEqual(yield* ok.pipe(family.protect("a")), "ok")
    }))

  for (
    const [options, message] of [
      [{ capacity: 0 }, "CircuitBreaker.Family.make: capacity must be a whole number of at least 1, got 0"],
      [{ idleTimeToLive: -1 }, "CircuitBreaker.Family.make: idleTimeToLive must be a duration above zero, got -1"],
      [{ failureRate: 7 }, "CircuitBreaker.Family.make: failureRate must be above 0 and at most 1, got 7"]
    ] as const
  ) {
    it.effect(`refuses nonsense: ${message}`, () =>
      Effect.gen(function*() {
        const exit = yield* Effect.exit(fragile(options))
        const defect = Exit.isFailure(exit) ? Cause.squash(exit.cause) : undefined
        assert.strictEqual((defect as RangeError).message, message)
      }))
  }
})

describe("as the platform's circuit breaker", () => {
  /** The platform's client, whose server answers with whatever status stands in `server`. */
  const client = (breaker: Platform.CircuitBreaker, server: { status: number; headers?: Record<string, string> }) => {
    let calls = 0
    const http = HttpClient.make((request) =>
      Effect.sync(() => {
        calls++
        return HttpClientResponse.fromWeb(request, new Response(null, server))
      })
    ).pipe(HttpClient.withCircuitBreaker({ breaker }))
    const get = (url: string) => Effect.exit(http.execute(HttpClientRequest.get(url)))
    return { get, calls: () => calls }
  }

  const reasonOf = (exit: Exit.Exit<unknown, unknown>) => {
    const error = Exit.isFailure(exit) ? Cause.squash(exit.cause) : undefined
    return error instanceof Platform.CircuitBreakerError ? error.reason : undefined
  }

  for (
    const [what, classify] of Object.entries<() => unknown>({
      "throws": (): never => {
        throw new Error("nonsense")
      },
      "answers nothing": (): unknown => undefined,
      "answers a promise": () => Promise.reject(new Error("too late")),
      "is an effect that dies": () => Effect.die("nonsense"),
      "is an effect that answers nothing": () => Effect.succeed(undefined),
      "answers a wait that is none": () => ({ _tag: "Failure", retryAfter: "soon" })
    })
  ) {
    it.effect(`is judged by the default where the platform's classifier ${what}: no result changes`, () =>
      Effect.gen(function*() {
        const family = yield* fragile()
        const { execute } = Switchgear.circuitBreaker(family)
        const options = { key: "a", classify: classify as never }
        assert.strictEqual(yield* ok.pipe(execute(options)), "ok")
        assert.strictEqual(yield* Effect.flip(bad.pipe(execute(options))), "bad")
        assert.strictEqual(yield* stateOf(family, "a"), "Open")
        assert.strictEqual((yield* family.snapshot).inFlight, 0)
      }))
  }

  it.effect("guards HttpClient.withCircuitBreaker: one circuit an origin, opened by 503, left alone by 429", () =>
    Effect.gen(function*() {
      const breaker = Switchgear.circuitBreaker(yield* fragile({ openFor: "30 seconds" }))
      const server = { status: 429 }
      const { calls, get } = client(breaker, server)
      for (let i = 0; i < 5; i++) yield* get("http://a.test/x")
      assert.strictEqual((yield* breaker.state("http://a.test"))._tag, "Closed")
      server.status = 503
      yield* get("http://a.test/x")
      const reason = reasonOf(yield* get("http://a.test/y"))
      assert.strictEqual(reason?._tag, "CircuitOpen")
      assert.strictEqual(calls(), 6)
      server.status = 200
      assert.isTrue(Exit.isSuccess(yield* get("http://b.test/x")))
      yield* TestClock.adjust("30 seconds")
      assert.strictEqual((yield* breaker.state("http://a.test"))._tag, "HalfOpen")
      assert.isTrue(Exit.isSuccess(yield* get("http://a.test/x")))
      assert.strictEqual((yield* breaker.state("http://a.test"))._tag, "Closed")
    }))

  it.effect("takes the wait that a 503 to a probe asks for as its next opening", () =>
    Effect.gen(function*() {
      const breaker = Switchgear.circuitBreaker(yield* fragile({ openFor: "30 seconds" }))
      const { get } = client(breaker, { status: 503, headers: { "retry-after": "120" } })
      yield* get("http://a.test")
      yield* TestClock.adjust("30 seconds")
      yield* get("http://a.test")
      const state = yield* breaker.state("http://a.test")
      assert.isTrue(state._tag === "Open" && state.consecutiveOpenings === 2)
      yield* TestClock.adjust("119 seconds")
      assert.strictEqual((yield* breaker.state("http://a.test"))._tag, "Open")
      yield* TestClock.adjust("1 second")
      assert.strictEqual((yield* breaker.state("http://a.test"))._tag, "HalfOpen")
    }))

  it.effect("waits for a classifier that is an effect, and ignores interruption without asking it", () =>
    Effect.gen(function*() {
      const breaker = Switchgear.circuitBreaker(yield* fragile())
      const later = (outcome: Platform.Outcome) => () => Effect.as(Effect.sleep("1 second"), outcome)
      const run = (exit: Effect.Effect<string, string>, outcome: Platform.Outcome) =>
        Effect.forkChild(
          Effect.exit(breaker.execute(exit, { key: "a", classify: later(outcome) })),
          { startImmediately: true }
        )
      const ignored = yield* run(bad, Platform.ignored)
      yield* Effect.exit(breaker.execute(Effect.interrupt, { key: "a", classify: () => Platform.failure() }))
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(ignored)
      assert.strictEqual((yield* breaker.state("a"))._tag, "Closed")
      const failed = yield* run(ok, Platform.failure())
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(failed)
      assert.strictEqual((yield* breaker.state("a"))._tag, "Open")
    }))

  it.effect("tells what the platform has no word for in the nearest, and its own transitions in its words", () =>
    Effect.gen(function*() {
      const family = yield* fragile()
      const breaker = Switchgear.circuitBreaker(family)
      const seen = yield* Effect.forkChild(Stream.runCollect(Stream.take(breaker.transitions, 3)), {
        startImmediately: true
      })
      const { control } = yield* family.get("a")
      yield* control.forceOpen
      assert.strictEqual((yield* breaker.state("a"))._tag, "Open")
      assert.strictEqual(reasonOf(yield* Effect.exit(breaker.execute(ok, { key: "a" })))?._tag, "CircuitOpen")
      yield* control.disable
      assert.strictEqual((yield* breaker.state("a"))._tag, "Closed")
      yield* control.close
      yield* Effect.exit(breaker.execute(bad, { key: "a" }))
      yield* TestClock.adjust("30 seconds")
      yield* breaker.execute(ok, { key: "a" })
      assert.deepStrictEqual((yield* Fiber.join(seen)).map(({ from, key, to }) => [key, from, to]), [
        ["a", "Closed", "Open"],
        ["a", "Open", "HalfOpen"],
        ["a", "HalfOpen", "Closed"]
      ])
    }))

  it.effect("takes a call that a limiter inside refuses for no answer of the target", () =>
    Effect.gen(function*() {
      const family = yield* fragile({ halfOpen: { calls: 1 } })
      const breaker = Switchgear.circuitBreaker(family)
      const { protect } = yield* RateLimiter.make({ name: "hosts", limits: [RateLimiter.requests(1, "1 hour")] })
      yield* protect(ok)
      const { control } = yield* family.get("a")
      yield* control.trip("1 second")
      yield* TestClock.adjust("1 second")
      const outcome = Effect.succeed<Platform.Outcome>({ _tag: "Success" })
      for (const options of [{ key: "a" }, { key: "a", classify: () => outcome }]) {
        yield* Effect.exit(breaker.execute(protect(ok), options))
        assert.strictEqual(yield* stateOf(family, "a"), "HalfOpen")
      }
      yield* breaker.execute(ok, { key: "a" })
      assert.strictEqual(yield* stateOf(family, "a"), "Closed")
    }))

  it.effect("leaves the rejection of another circuit further in as it is", () =>
    Effect.gen(function*() {
      const breaker = Switchgear.circuitBreaker(yield* fragile())
      const inner = yield* CircuitBreaker.make({ name: "inner" })
      yield* inner.control.forceOpen
      const error = yield* Effect.flip(breaker.execute(inner.protect(ok), { key: "a" }))
      assert.instanceOf(error, CircuitBreaker.CircuitOpen)
    }))
})
