import { assert, describe, it } from "@effect/vitest"
import { Canned, type ChatModel, ChatSchema, ChatStream } from "@switchgear/http"
import { Behaviour } from "@switchgear/http/testing"
import { Effect, Exit, Fiber, Option, Schema, Stream } from "effect"
import { TestClock } from "effect/testing"
import { vi } from "vitest"
import { all, ask, claude, down, gemini, gpt, hello, names, setting } from "./support/fourModels.ts"

const { authorOf } = await vi.importActual<{ readonly authorOf: (answer: object) => string | undefined }>(
  "../src/chatRequest/providerFields.ts"
)

const says = (text: string): Behaviour.Behaviour => ({ outcome: Behaviour.stream({ text, chunks: 2 }) })

/** What came of opening and reading an answer: the text, where it is from, and how it ended. */
const read = <E extends { readonly _tag: string }>(
  model: ChatModel.ChatModel<E>,
  request: ChatModel.Request = hello
) =>
  Effect.scoped(Effect.gen(function*() {
    const { attempts, degradation, failures, step, value } = yield* model.open(request)
    let text = ""
    const end = yield* Effect.result(Stream.runForEach(value, (chunk) =>
      Effect.sync(() => {
        text += ChatStream.text(chunk)
      })))
    return {
      text,
      step,
      degradation,
      attempts,
      failures: failures.map(({ error, step }) => `${step}: ${error._tag}`),
      end: end._tag === "Success" ? "whole" : end.failure._tag
    }
  }))

/** Runs to the end of all virtual waits. */
const played = <A, E>(effect: Effect.Effect<A, E>) =>
  Effect.gen(function*() {
    const fiber = yield* Effect.forkChild(effect, { startImmediately: true })
    yield* TestClock.adjust("5 minutes")
    return yield* Fiber.join(fiber)
  })

const inBand = { error: { message: "The model is overloaded", type: "overloaded_error" } }

/** Ways to fail before anything was said: also after a role, and inside a 200. */
const beforeContent: ReadonlyArray<readonly [string, Behaviour.Outcome, ChatModel.ModelError["_tag"]]> = [
  ["a fault", Behaviour.serverError, "ProviderFault"],
  ["an error in band after the role", Behaviour.stream({ end: Behaviour.errorAfter(0, inBand) }), "Overloaded"],
  ["a cut after the role", Behaviour.stream({ end: Behaviour.cutAfter(0) }), "Truncated"],
  [
    "garbage after the role",
    Behaviour.stream({ end: Behaviour.garbageAfter(0, "data: <html>\n\n") }),
    "MalformedReply"
  ],
  ["silence after the role", Behaviour.stream({ end: Behaviour.stallAfter(0) }), "DeadlineExceeded"],
  ["heartbeats alone", Behaviour.stream({ end: Behaviour.heartbeatAfter(0, "1 second") }), "DeadlineExceeded"],
  ["an end without anything", Behaviour.respond(200, "", { "content-type": "text/event-stream" }), "MalformedReply"],
  ["a page", Behaviour.htmlError(200), "MalformedReply"],
  ["a spent quota", Behaviour.error(429, { message: "no", code: "insufficient_quota" }), "QuotaExhausted"]
]

describe("ModelCascade.stream", () => {
  it.effect.each(beforeContent)(
    "goes on to the next model after %s, of which the reader sees nothing",
    ([, outcome, tag]) =>
      Effect.gen(function*() {
        const { cascade } = yield* setting({ [gpt]: { outcome }, [claude]: says("hi there") })
        assert.deepStrictEqual(yield* played(read(cascade)), {
          text: "hi there",
          step: claude,
          degradation: "fallback",
          attempts: 2,
          failures: [`${gpt}: ${tag}`],
          end: "whole"
        })
      })
  )

  it.effect("tells in the stream what fails after the first content, and asks no other model", () =>
    Effect.gen(function*() {
      const ends: ReadonlyArray<readonly [Behaviour.StreamEnd, string]> = [
        [Behaviour.cutAfter(1), "Truncated"],
        [Behaviour.errorAfter(1, inBand), "Overloaded"],
        [Behaviour.garbageAfter(1, "data: <html>\n\n"), "MalformedReply"],
        [Behaviour.stallAfter(1), "TimedOut"]
      ]
      for (const [end, tag] of ends) {
        const { asked, cascade } = yield* setting({
          [gpt]: { outcome: Behaviour.stream({ text: "Good day", chunks: 2, end }) }
        })
        const told = yield* played(read(cascade))
        assert.deepStrictEqual([told.text, told.end, told.degradation], ["Good", tag, "none"])
        assert.deepStrictEqual(yield* asked, [1, 0, 0, 0])
        assert.strictEqual((yield* cascade.cache.snapshot).size, 0)
      }
    }))

  it.effect("tells the caller its own mistake at once and asks no other model", () =>
    Effect.gen(function*() {
      const { asked, cascade } = yield* setting({
        [gpt]: { outcome: Behaviour.error(400, { message: "n must be 1", type: "invalid_request_error" }) }
      })
      const exit = yield* Effect.exit(Stream.runDrain(cascade.stream(hello)))
      assert.strictEqual(Exit.isFailure(exit) && (yield* Effect.flip(exit))._tag, "InvalidRequest")
      assert.deepStrictEqual(yield* asked, [1, 0, 0, 0])
    }))

  it.effect("keeps the answer it has streamed to its end, and serves it whole and streamed, fresh and stale", () =>
    Effect.gen(function*() {
      const { asked, cascade, provider } = yield* setting({ [gpt]: says("first") })
      yield* read(cascade)
      const again = yield* read(cascade, { ...hello, stream: true })
      assert.deepStrictEqual(again, {
        text: "first",
        step: "cache",
        degradation: "none",
        attempts: 0,
        failures: [],
        end: "whole"
      })
      const { step, value } = yield* cascade.complete(hello)
      assert.deepStrictEqual([step, ChatSchema.text(value)], ["cache", "first"])
      assert.deepStrictEqual(yield* asked, [1, 0, 0, 0])
      yield* TestClock.adjust("10 minutes")
      yield* Effect.forEach(names, (name) => provider.set(name, down))
      const stale = yield* read(cascade)
      assert.deepStrictEqual([stale.text, stale.degradation, stale.failures.length], ["first", "stale", 4])
    }))

  it.effect("streams from the cache what was asked whole", () =>
    Effect.gen(function*() {
      const { asked, cascade } = yield* setting({ [gpt]: says("first") })
      const { value } = yield* cascade.complete(hello)
      assert.deepStrictEqual(yield* ChatStream.collect(cascade.stream(hello)), value)
      assert.deepStrictEqual(yield* asked, [1, 0, 0, 0])
    }))

  it.effect("knows who wrote an answer from the cache, whole or as a stream, however it was kept", () =>
    Effect.gen(function*() {
      for (const accept of [undefined, () => true]) {
        const { cascade, provider } = yield* setting({ [gpt]: says("first") }, { accept } as never)
        const ofStream = (request: ChatModel.Request) =>
          Effect.map(Stream.runHead(cascade.stream(request)), (chunk) => authorOf(Option.getOrThrow(chunk)))
        const ofWhole = (request: ChatModel.Request) =>
          Effect.map(cascade.complete(request), ({ value }) => authorOf(value))
        const ways = [
          Effect.fnUntraced(function*(request: ChatModel.Request) {
            yield* Stream.runDrain(cascade.stream(request))
          }),
          cascade.complete
        ]
        for (const [i, keep] of ways.entries()) {
          const request = ask(`Hello ${i}`)
          yield* keep(request)
          assert.deepStrictEqual([yield* ofStream(request), yield* ofWhole(request)], ["test", "test"])
        }
        yield* TestClock.adjust("10 minutes")
        yield* Effect.forEach(names, (name) => provider.set(name, down))
        assert.deepStrictEqual([yield* ofStream(ask("Hello 0")), yield* ofWhole(ask("Hello 1"))], ["test", "test"])
      }
    }))

  it.effect("keeps nothing of a stream whose reader has stopped early", () =>
    Effect.gen(function*() {
      const { cascade, provider } = yield* setting({ [gpt]: says("first") })
      yield* Stream.runDrain(Stream.take(cascade.stream(hello), 2))
      assert.strictEqual((yield* cascade.cache.snapshot).size, 0)
      assert.strictEqual((yield* provider.total).inFlight, 0)
    }))

  it.effect("ends in a sentence in the caller's language, which is a stream like any other", () =>
    Effect.gen(function*() {
      const { cascade } = yield* setting(all(down))
      const chinese = yield* read(cascade, ask("我的包裹在哪里？"))
      assert.deepStrictEqual([chinese.text, chinese.degradation, chinese.end], [
        Canned.sentences["zh"],
        "canned",
        "whole"
      ])
      const { model } = yield* ChatStream.collect(cascade.stream(hello))
      assert.strictEqual(model, "canned")
      assert.strictEqual((yield* cascade.cache.snapshot).size, 0)
    }))

  it.effect("gives the sentence at the deadline, and no deadline to a stream that has begun", () =>
    Effect.gen(function*() {
      const silent = yield* setting(all({ outcome: Behaviour.hang }), { deadline: "7 seconds" })
      const fiber = yield* Effect.forkChild(read(silent.cascade), { startImmediately: true })
      yield* TestClock.adjust("7 seconds")
      assert.strictEqual((yield* Fiber.join(fiber)).degradation, "canned")
      assert.strictEqual((yield* silent.provider.total).inFlight, 0)
      const slow = { outcome: Behaviour.stream({ text: "Good day", chunks: 4, pause: "5 seconds" }) }
      const begun = yield* setting({ [gpt]: slow }, { deadline: "7 seconds" })
      const { end, text } = yield* played(read(begun.cascade))
      assert.deepStrictEqual([text, end], ["Good day", "whole"])
    }))

  it.effect("asks no further model when the attempts are spent", () =>
    Effect.gen(function*() {
      const { asked, cascade } = yield* setting(all(down), { attempts: 2 })
      assert.deepStrictEqual((yield* read(cascade)).degradation, "canned")
      assert.deepStrictEqual(yield* asked, [1, 1, 0, 0])
    }))

  it.effect("leaves no call at any provider when its reader is interrupted while models are tried", () =>
    Effect.gen(function*() {
      const { cascade, provider } = yield* setting({ [gpt]: down, [claude]: { outcome: Behaviour.hang } })
      const fiber = yield* Effect.forkChild(read(cascade), { startImmediately: true })
      yield* TestClock.adjust("1 second")
      assert.strictEqual((yield* provider.stats(claude)).inFlight, 1)
      yield* Fiber.interrupt(fiber)
      assert.strictEqual((yield* provider.total).inFlight, 0)
      assert.strictEqual((yield* provider.stats(gemini)).started, 0)
    }))
})

const text = Schema.String
const Call = Schema.Struct({
  id: text,
  type: Schema.Literal("function"),
  function: Schema.Struct({ name: Schema.NonEmptyString, arguments: Schema.Record(text, text) })
})
const Reply = Schema.Struct({
  id: text,
  model: text,
  choices: Schema.NonEmptyArray(Schema.Struct({
    message: Schema.Struct({
      content: Schema.NonEmptyString,
      tool_calls: Schema.optionalKey(Schema.NonEmptyArray(Call))
    }),
    finish_reason: Schema.Literals(["stop", "length", "tool_calls"])
  })),
  usage: Schema.optionalKey(Schema.Struct({ prompt_tokens: Schema.Natural, completion_tokens: Schema.Natural }))
})

it.effect.prop(
  "a reply that is told in chunks is collected to the same reply",
  { reply: Reply },
  ({ reply }) =>
    Effect.gen(function*() {
      const whole = {
        ...reply,
        object: "chat.completion",
        choices: reply.choices.map(({ message, ...choice }, index) => ({
          ...choice,
          index,
          message: {
            role: "assistant",
            ...message,
            ...message.tool_calls && {
              tool_calls: message.tool_calls.map((call, i) => ({
                ...call,
                id: `${i}${call.id}`,
                function: { ...call.function, arguments: JSON.stringify(call.function.arguments) }
              }))
            }
          }
        }))
      }
      const chunks = ChatStream.fromReply(whole as unknown as ChatSchema.ChatReply)
      assert.deepStrictEqual<unknown>(yield* ChatStream.collect(chunks), whole)
    })
)
