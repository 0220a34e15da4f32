import { assert, describe, it } from "@effect/vitest"
import { type CircuitBreaker, Deadline } from "@switchgear/core"
import { ChatClient, ChatModel, type ChatSchema, ChatStream } from "@switchgear/http"
import { Behaviour, SimulatedProvider } from "@switchgear/http/testing"
import { Cause, Deferred, Effect, Exit, Fiber, Schema, Stream } from "effect"
import { HttpClient } from "effect/http"
import { TestClock } from "effect/testing"
import { interruptAtEveryStep } from "../../core/test/support/yieldAt.ts"
import { modelOf } from "./support/modelOf.ts"

const hello: ChatModel.Request = { messages: [{ role: "user", content: "hello" }] }

/** A model `m` that behaves as told, behind guards that let one call through at a time, and what the provider saw. */
const setting = (
  outcome: Behaviour.Outcome,
  options: Partial<ChatModel.Options> = {},
  client: Partial<ChatClient.Options> = {}
) =>
  Effect.gen(function*() {
    const provider = yield* SimulatedProvider.make({ models: { m: { outcome } } })
    const made = yield* ChatClient.make({ provider: "test", baseUrl: "http://simulated.test/v1", ...client }).pipe(
      Effect.provideService(HttpClient.HttpClient, SimulatedProvider.httpClient(provider))
    )
    const model = yield* modelOf({
      model: "m",
      bulkhead: { concurrency: 1 },
      retry: { baseDelay: "100 millis", jitter: "none" },
      ...options
    }).pipe(Effect.provideService(ChatClient.ChatClient, made))
    const counted = Effect.gen(function*() {
      const { calls, failed, inFlight, slow } = yield* model.breaker.snapshot
      const bulkhead = yield* model.bulkhead.snapshot
      return { calls, failed, slow, inFlight: inFlight + bulkhead.inFlight, waiting: bulkhead.queued }
    })
    return { client: made, counted, model, provider, stats: provider.stats("m") }
  })

const nothing = { calls: 0, failed: 0, slow: 0, inFlight: 0, waiting: 0 }

/** What is said until the end, and the error at the end. */
const read = <E>(stream: Stream.Stream<ChatSchema.ChatChunk, E>) =>
  Effect.gen(function*() {
    let text = ""
    const end = yield* Effect.exit(Stream.runForEach(stream, (chunk) =>
      Effect.sync(() => {
        text += ChatStream.text(chunk)
      })))
    return { text, error: Exit.isFailure(end) ? Cause.squash(end.cause) as E : undefined }
  })

/** Runs to the end of all virtual waits. */
const played = <A, E>(effect: Effect.Effect<A, E>) =>
  Effect.gen(function*() {
    const fiber = yield* Effect.forkChild(effect, { startImmediately: true })
    yield* TestClock.adjust("1 hour")
    return yield* Fiber.join(fiber)
  })

const tagOf = (error: { readonly _tag: string } | undefined) => error?._tag

const whole = Behaviour.stream({ text: "Good day", chunks: 4, pause: "1 second" })
const cut = Behaviour.stream({ text: "Good day", chunks: 4, end: Behaviour.cutAfter(2) })
const cutBeforeContent = Behaviour.stream({ text: "Good day", chunks: 4, end: Behaviour.cutAfter(0) })

describe("ChatModel.stream", () => {
  it.effect.prop(
    "collects to the reply that comes without streaming",
    { text: Schema.String, chunks: Schema.Literals([1, 2, 7]) },
    ({ chunks, text }) =>
      Effect.gen(function*() {
        // A text of nothing but control characters is an empty answer, which is asked for again.
        const { model } = yield* setting(Behaviour.stream({ text: `${text}!`, chunks }))
        const { value } = yield* model.complete(hello)
        const collected = yield* ChatStream.collect(model.stream(hello))
        assert.deepStrictEqual({ ...collected, id: value.id }, value)
      })
  )

  it.effect("is one call to circuit and bulkhead, which ends with the stream", () =>
    Effect.gen(function*() {
      const { counted, model } = yield* setting(whole)
      const first = yield* Effect.forkChild(read(model.stream(hello)), { startImmediately: true })
      const second = yield* Effect.forkChild(read(model.stream(hello)), { startImmediately: true })
      yield* TestClock.adjust("2 seconds")
      assert.deepStrictEqual(yield* counted, { ...nothing, inFlight: 2, waiting: 1 })
      yield* TestClock.adjust("2 seconds")
      assert.strictEqual((yield* Fiber.join(first)).text, "Good day")
      assert.deepStrictEqual(yield* counted, { ...nothing, calls: 1, inFlight: 2 })
      yield* TestClock.adjust("4 seconds")
      assert.strictEqual((yield* Fiber.join(second)).text, "Good day")
      assert.deepStrictEqual(yield* counted, { ...nothing, calls: 2 })
    }))

  it.effect("has let go of its guards when the reader hears of the end", () =>
    Effect.gen(function*() {
      for (const outcome of [whole, cut]) {
        const { counted, model } = yield* setting(outcome)
        const seen = yield* Deferred.make<object>()
        const looking = Effect.flatMap(counted, (now) => Deferred.succeed(seen, now))
        yield* played(Effect.scoped(Effect.gen(function*() {
          const { value } = yield* model.open(hello)
          yield* Effect.exit(Stream.runDrain(value))
          yield* looking
        })))
        const { inFlight } = yield* model.breaker.snapshot
        assert.strictEqual(inFlight, 0)
        assert.deepStrictEqual(yield* Deferred.await(seen), {
          ...nothing,
          calls: 1,
          failed: outcome === cut ? 1 : 0
        })
      }
    }))

  it.effect("tells a failure after its beginning in the stream, counts it, and does not try again", () =>
    Effect.gen(function*() {
      const { counted, model, stats } = yield* setting(cut)
      const { error, text } = yield* played(read(model.stream(hello)))
      assert.strictEqual(text, "Good")
      assert.strictEqual(tagOf(error), "Truncated")
      assert.deepStrictEqual(yield* counted, { ...nothing, calls: 1, failed: 1 })
      assert.strictEqual((yield* stats).started, 1)
    }))

  it.effect("tries again what fails before its beginning, and shows nothing of it", () =>
    Effect.gen(function*() {
      const { counted, model, provider, stats } = yield* setting(cutBeforeContent)
      const chunks: Array<ChatSchema.ChatChunk> = []
      const reading = yield* Effect.forkChild(
        Stream.runForEach(model.stream(hello), (chunk) => Effect.sync(() => void chunks.push(chunk))),
        { startImmediately: true }
      )
      yield* provider.set("m", { outcome: Behaviour.stream({ text: "hi", chunks: 1 }) })
      yield* TestClock.adjust("1 minute")
      yield* Fiber.join(reading)
      assert.deepStrictEqual(chunks.map(ChatStream.text).filter((text) => text !== ""), ["hi"])
      assert.strictEqual(chunks.filter(({ choices }) => choices[0]?.delta?.role === "assistant").length, 1)
      assert.deepStrictEqual(yield* counted, { ...nothing, calls: 2, failed: 1 })
      assert.strictEqual((yield* stats).started, 2)
    }))

  it.effect("says how often was asked, and what of it may be billed", () =>
    Effect.gen(function*() {
      const opened = (model: ChatModel.GuardedModel) =>
        Effect.scoped(Effect.map(
          model.open(hello),
          ({ attempts, possiblyBilledAttempts }) => [attempts, possiblyBilledAttempts]
        ))
      const after = (first: Behaviour.Outcome) =>
        Effect.gen(function*() {
          const { model, provider } = yield* setting(first)
          const opening = yield* Effect.forkChild(opened(model), { startImmediately: true })
          yield* provider.set("m", { outcome: whole })
          yield* TestClock.adjust("1 minute")
          return yield* Fiber.join(opening)
        })
      assert.deepStrictEqual(yield* after(whole), [1, 1])
      assert.deepStrictEqual(yield* after(cutBeforeContent), [2, 2])
      assert.deepStrictEqual(yield* after(Behaviour.overloaded), [2, 1])
    }))

  it.effect("is neither a success nor a failure when its reader stops early", () =>
    Effect.gen(function*() {
      const stopping: ReadonlyArray<(stream: ReturnType<ChatModel.ChatModel["stream"]>) => Effect.Effect<unknown>> = [
        (stream) => Effect.exit(Stream.runDrain(Stream.take(stream, 2))),
        (stream) => Effect.exit(Stream.runForEach(stream, () => Effect.fail("mine"))),
        (stream) => Effect.exit(Stream.runForEach(stream, () => Effect.die("mine"))),
        (stream) => Effect.exit(Effect.timeout(Stream.runDrain(stream), "1500 millis"))
      ]
      for (const stop of stopping) {
        const { counted, model, stats } = yield* setting(whole)
        yield* played(stop(model.stream(hello)))
        assert.deepStrictEqual(yield* counted, nothing)
        const { aborted, inFlight, started } = yield* stats
        assert.deepStrictEqual({ aborted, inFlight, started }, { aborted: 1, inFlight: 0, started: 1 })
      }
    }))

  it.effect("says nothing either when its reader stops after the time in which it had to begin", () =>
    Effect.gen(function*() {
      const long = Behaviour.stream({ text: "Good day ".repeat(100), chunks: 100, pause: "1 second" })
      const { counted, model } = yield* setting(long, { deadline: "30 seconds" })
      yield* played(Stream.runDrain(Stream.take(model.stream(hello), 40)))
      assert.deepStrictEqual(yield* counted, nothing)
    }))

  it.effect("is ended by its scope, read or not", () =>
    Effect.gen(function*() {
      const { counted, model, stats } = yield* setting(whole)
      yield* played(Effect.scoped(model.open(hello)))
      assert.deepStrictEqual(yield* counted, nothing)
      assert.strictEqual((yield* stats).aborted, 1)
    }))

  it.effect("does not hold a slow reader against the provider", () =>
    Effect.gen(function*() {
      const { counted, model } = yield* setting(whole, { breaker: { slowCallDuration: "5 seconds" } })
      const { error } = yield* played(read(Stream.tap(model.stream(hello), () => Effect.sleep("3 minutes"))))
      assert.isUndefined(error)
      assert.deepStrictEqual(yield* counted, { ...nothing, calls: 1 })
    }))

  for (const begun of [true, false]) {
    it.effect(`frees the slot of a reader that ${begun ? "stopped reading" : "never began to read"}, and tells it`, () =>
      Effect.gen(function*() {
        // Not all of it has been sent when the reader is given up.
        const long = Behaviour.stream({ text: "Good day", chunks: 4, pause: "2 minutes" })
        const { counted, model, stats } = yield* setting(
          long,
          { readerTimeout: "4 minutes", attemptTimeout: "1 hour", deadline: "1 hour" },
          { firstContentTimeout: "1 hour", idleTimeout: "1 hour", timeout: "2 hours" }
        )
        const wake = yield* Deferred.make<void>()
        const seen: Array<string> = []
        const reader = yield* Effect.forkChild(
          Effect.scoped(Effect.gen(function*() {
            const { value } = yield* model.open(hello)
            if (!begun) yield* Deferred.await(wake)
            return yield* Effect.flip(Stream.runForEach(value, (chunk) => {
              seen.push(ChatStream.text(chunk))
              return Deferred.await(wake)
            }))
          })),
          { startImmediately: true }
        )
        yield* TestClock.adjust("4 minutes")
        assert.deepStrictEqual(yield* counted, { ...nothing, inFlight: 2 })
        yield* TestClock.adjust("1 minutes")
        assert.deepStrictEqual(yield* counted, nothing)
        assert.strictEqual((yield* stats).aborted, 1)
        yield* TestClock.adjust("1 day")
        yield* Deferred.succeed(wake, undefined)
        const error = yield* Fiber.join(reader)
        assert.isTrue(error._tag === "TimedOut" && error.phase === "reader" && error.blame === "caller", String(error))
        assert.match(String(error), /asked for nothing more within 4m.*raise the readerTimeout/)
        assert.strictEqual(seen.join(""), begun ? "Go" : "")
        assert.strictEqual((yield* played(read(model.stream(hello)))).text, "Good day")
      }))
  }

  it.effect("gives a slow reader its time with every chunk anew, and waits for ever where it is told to", () =>
    Effect.gen(function*() {
      for (const [readerTimeout, pause] of [["1 minute", "25 seconds"], ["Infinity", "8 minutes"]] as const) {
        const { counted, model } = yield* setting(whole, { readerTimeout })
        const { error, text } = yield* played(read(Stream.tap(model.stream(hello), () => Effect.sleep(pause))))
        assert.deepStrictEqual([error, text], [undefined, "Good day"])
        assert.deepStrictEqual(yield* counted, { ...nothing, calls: 1 })
      }
    }))

  const Pauses = Schema.Array(Schema.Literals([0, 1, 30, 59, 60, 76, 100, 4000])).check(
    Schema.isMinLength(1),
    Schema.isMaxLength(6)
  )
  it.effect.prop(
    "gives every reader its time, and no reader more than a quarter beyond it",
    { pauses: Pauses },
    ({ pauses }) =>
      Effect.gen(function*() {
        const outcome = Behaviour.stream({
          text: "x".repeat(pauses.length),
          chunks: pauses.length,
          pause: "1 second",
          role: "absent"
        })
        const { counted, model } = yield* setting(outcome, { readerTimeout: "60 seconds" })
        let at = 0
        const paused = Stream.tap(
          Stream.filter(model.stream(hello), (chunk) => ChatStream.text(chunk) !== ""),
          () => Effect.sleep(`${pauses[at++]!} seconds`)
        )
        const fiber = yield* Effect.forkChild(read(paused), { startImmediately: true })
        yield* TestClock.adjust("10 hours")
        const { error, text } = yield* Fiber.join(fiber)
        const late = pauses.findIndex((pause) => pause > 75)
        assert.deepStrictEqual(
          [tagOf(error), text.length],
          late < 0
            ? [undefined, pauses.length]
            : ["TimedOut", late + 1]
        )
        assert.deepStrictEqual(yield* counted, { ...nothing, calls: late < 0 ? 1 : 0 })
      })
  )

  it.effect("does not take a provider that says nothing for a reader that stands still", () =>
    Effect.gen(function*() {
      const pausing = Behaviour.stream({ text: "Good day", chunks: 2, pause: "10 minutes" })
      const patient = { firstContentTimeout: "1 hour", idleTimeout: "1 hour", timeout: "2 hours" } as const
      const options = { readerTimeout: "1 minute", attemptTimeout: "1 hour", deadline: "1 hour" } as const
      const { model } = yield* setting(pausing, options, patient)
      assert.strictEqual((yield* played(read(model.stream(hello)))).text, "Good day")
    }))

  it.effect("refuses a reader timeout that is none", () =>
    Effect.gen(function*() {
      for (const readerTimeout of [0, -1, Number.NaN, "soon" as never]) {
        const exit = yield* Effect.exit(setting(whole, { readerTimeout }))
        const defect = Exit.isFailure(exit) ? Cause.squash(exit.cause) : undefined
        assert.instanceOf(defect, RangeError)
        assert.match(String(defect), /ChatModel\.make: readerTimeout must be a duration above zero, got /)
      }
    }))

  it.effect("counts a provider that says nothing in the time for an attempt, and gives a stream that speaks all its time", () =>
    Effect.gen(function*() {
      const silent = Behaviour.stream({ end: Behaviour.heartbeatAfter(0, "1 second", "role") })
      const { counted, model, stats } = yield* setting(silent, { attemptTimeout: "2 seconds" })
      const { error } = yield* played(read(model.stream(hello)))
      assert.strictEqual(error?._tag === "DeadlineExceeded" && error.limit, "attempt")
      assert.deepStrictEqual(yield* counted, { ...nothing, calls: 1, failed: 1 })
      const { aborted, inFlight, started } = yield* stats
      assert.deepStrictEqual({ aborted, inFlight, started }, { aborted: 1, inFlight: 0, started: 1 })
      const slow = yield* setting(whole, { attemptTimeout: "2 seconds", deadline: "3 seconds" })
      assert.strictEqual((yield* played(read(slow.model.stream(hello)))).text, "Good day")
    }))

  it.effect("counts a time-out, not an interruption, when the deadline around its opening is the nearer one", () =>
    Effect.gen(function*() {
      const { counted, model } = yield* setting(Behaviour.hang)
      const opening = Effect.scoped(model.open(hello)).pipe(Deadline.within("1 second"))
      const error = yield* played(Effect.flip(opening))
      assert.strictEqual(error._tag === "DeadlineExceeded" && error.limit, "total")
      assert.deepStrictEqual(yield* counted, { ...nothing, calls: 1, failed: 1 })
    }))

  it.effect("tells which clock of the client ran out", () =>
    Effect.gen(function*() {
      const phase = (outcome: Behaviour.Outcome, client: Partial<ChatClient.Options>) =>
        Effect.gen(function*() {
          const { counted, model } = yield* setting(
            outcome,
            { attemptTimeout: "10 minutes", deadline: "1 hour" },
            client
          )
          const { error } = yield* played(read(model.stream(hello)))
          assert.strictEqual((yield* counted).failed, 1)
          return error?._tag === "TimedOut" && error.phase
        })
      const stalls = (after: number) => Behaviour.stream({ end: Behaviour.stallAfter(after) })
      assert.strictEqual(yield* phase(stalls(0), { firstContentTimeout: "5 seconds" }), "first-content")
      assert.strictEqual(yield* phase(stalls(1), { idleTimeout: "5 seconds" }), "idle")
      assert.strictEqual(yield* phase(whole, { timeout: "2 seconds" }), "total")
    }))

  it.effect("is refused by the circuit that its own failures have opened, as whole calls are", () =>
    Effect.gen(function*() {
      const window: CircuitBreaker.Window = { _tag: "LastCalls", calls: 2 }
      const { model, stats } = yield* setting(cut, { breaker: { window, minimumCalls: 2, openFor: "1 day" } })
      const ask = Effect.map(played(read(model.stream(hello))), ({ error }) => tagOf(error))
      assert.deepStrictEqual([yield* ask, yield* ask], ["Truncated", "Truncated"])
      assert.strictEqual(tagOf((yield* read(model.stream(hello))).error), "CircuitOpen")
      assert.strictEqual(tagOf(yield* Effect.flip(model.complete(hello))), "CircuitOpen")
      assert.strictEqual((yield* stats).started, 2)
    }))

  it.effect("passes a defect of its client on as a defect, and lets go of the guards", () =>
    Effect.gen(function*() {
      const client = ChatClient.ChatClient.of({
        ...(yield* setting(whole)).client,
        stream: () => Stream.die("bug")
      })
      const model = yield* modelOf({ model: "m" }).pipe(
        Effect.provideService(ChatClient.ChatClient, client)
      )
      const exit = yield* Effect.exit(Stream.runDrain(model.stream(hello)))
      assert.isTrue(Exit.isFailure(exit) && Cause.hasDies(exit.cause))
      assert.strictEqual((yield* model.breaker.snapshot).inFlight, 0)
    }))

  it.live("gives everything back wherever its reader is interrupted", () =>
    Effect.gen(function*() {
      const made = yield* setting(Behaviour.stream({ text: "Good day", chunks: 2 }))
      const steps = yield* interruptAtEveryStep({
        program: () => Stream.runDrain(made.model.stream(hello)),
        check: (_, step) =>
          Effect.gen(function*() {
            const { failed, inFlight, waiting } = yield* made.counted
            assert.deepStrictEqual(
              { failed, inFlight, waiting },
              { failed: 0, inFlight: 0, waiting: 0 },
              `step ${step}`
            )
            assert.strictEqual((yield* made.stats).inFlight, 0, `step ${step}`)
          })
      })
      assert.isAbove(steps, 50)
    }))

  it.effect("of a model that only completes is its answer in one piece", () =>
    Effect.gen(function*() {
      const { model } = yield* setting(Behaviour.ok("hi"))
      const plain = ChatModel.of({ name: "plain", complete: model.complete })
      const { value } = yield* model.complete(hello)
      const collected = yield* ChatStream.collect(plain.stream(hello))
      assert.deepStrictEqual({ ...collected, id: value.id }, value)
    }))
})

describe("a circuit that recovers", () => {
  it.effect("is closed by streams that speak for longer than it waits for a probe", () =>
    Effect.gen(function*() {
      const outcome = Behaviour.stream({ text: "x".repeat(90), chunks: 90, pause: "1 second" })
      const { model } = yield* setting(outcome, { breaker: { halfOpen: { calls: 1 } } })
      yield* model.breaker.control.trip("1 second")
      yield* TestClock.adjust("1 second")
      const answer = yield* played(read(model.stream(hello)))
      assert.deepStrictEqual({ length: answer.text.length, error: answer.error }, { length: 90, error: undefined })
      const { openings, state } = yield* model.breaker.snapshot
      assert.deepStrictEqual({ openings, state }, { openings: 1, state: "Closed" })
    }))
})
