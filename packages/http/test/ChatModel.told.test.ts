/** A stream that is told to a listener is guarded, billed and kept like one that is read, however it ends. */
import { assert, describe, it } from "@effect/vitest"
import { RateLimiter } from "@switchgear/core"
import { ChatClient, ChatModel, type ChatSchema, CostLedger, ModelCascade, Pricing } from "@switchgear/http"
import { Behaviour, SimulatedProvider } from "@switchgear/http/testing"
import { type Duration, Effect, Fiber, Layer, Stream } from "effect"
import { TestClock } from "effect/testing"
import { vi } from "vitest"
import { asOne } from "./support/told.ts"

type Chunk = ChatSchema.ChatChunk

const { listen } = await vi.importActual<{
  readonly listen: <E>(
    stream: Stream.Stream<Chunk, E>,
    listener: {
      readonly hear: (chunk: Chunk, written: string | undefined, chunks: number) => void
      readonly heard: () => Effect.Effect<void> | undefined
      readonly passer: { readonly pass: (bytes: Uint8Array) => Effect.Effect<void> | undefined }
    },
    writtenOf: (chunk: Chunk) => string | undefined
  ) => Effect.Effect<void, E>
}>("../src/chatStream/source.ts")

const request = { messages: [{ role: "user" as const, content: "Hello" }] }
const text = "A word, a 词, a \"quoted\" one.\n".repeat(20)
const client = ChatClient.layer({ provider: "openai", baseUrl: "http://simulated.test/v1" })

/** Reads or is told the stream, and leaves it after a while. What it was told, and how all counts stand then. */
const heard = (
  way: "read" | "told",
  outcome: Behaviour.Outcome,
  wait?: Effect.Effect<void>,
  after: Duration.Input = "20 seconds"
) =>
  Effect.gen(function*() {
    const model = yield* ChatModel.make({
      model: "gpt-4.1",
      client: yield* ChatClient.ChatClient,
      retry: { maxAttempts: 1 },
      bulkhead: { concurrency: 5 },
      rateLimiter: { limits: [RateLimiter.tokens(1_000_000, "1 minute")] }
    })
    const cascade = yield* ModelCascade.make({ models: [{ model }] })
    const ledger = yield* CostLedger.make({ prices: Pricing.article, primary: "gpt-4.1" })
    const said: Array<string> = []
    let passed = 0
    const counts: Array<number> = []
    const hear = (chunk: Chunk, _written: string | undefined, chunks: number) => {
      said.push(JSON.stringify(chunk))
      counts.push(chunks)
    }
    const call = Effect.scoped(Effect.flatMap(ledger.protect(cascade).open(request), ({ value }) =>
      way === "read"
        ? Stream.runForEach(
          value,
          (chunk) => Effect.andThen(Effect.sync(() => hear(chunk, undefined, 1)), wait ?? Effect.void)
        )
        : listen(value, {
          hear,
          heard: () => wait,
          passer: {
            pass: () => {
              passed++
              return wait
            }
          }
        }, () => undefined)))
    const fiber = yield* Effect.forkChild(Effect.exit(call), { startImmediately: true })
    yield* TestClock.adjust(after)
    yield* stalls.has(outcome) ? Fiber.interrupt(fiber) : Fiber.await(fiber)
    return {
      passed,
      said,
      counts,
      exit: JSON.stringify(fiber.pollUnsafe()),
      bill: yield* ledger.snapshot,
      breaker: yield* model.breaker.snapshot,
      inFlight: (yield* model.bulkhead.snapshot).inFlight,
      limiter: (yield* model.rateLimiter!.snapshot).limits,
      kept: yield* cascade.cache.snapshot
    }
  }).pipe(Effect.provide([
    Layer.provide(
      client,
      Layer.provide(SimulatedProvider.layerHttpClient, SimulatedProvider.layer({ models: { "gpt-4.1": { outcome } } }))
    ),
    // Both begin at the same time.
    TestClock.layer()
  ]))

type Heard = Effect.Success<ReturnType<typeof heard>>

const assertSame = (
  { counts, passed: _, ...told }: Heard,
  { counts: ones, passed: none, said, ...read }: Heard
): void => {
  assert.strictEqual(counts.reduce((sum, count) => sum + count, 0), ones.length)
  assert.strictEqual(none, 0)
  assert.deepStrictEqual(told, { ...read, said: asOne(said, counts) })
}

const stalling = Behaviour.stream({ text, chunks: 150, end: Behaviour.stallAfter(100) })
const stalls = new Set<Behaviour.Outcome>([stalling])

const ends: ReadonlyArray<readonly [string, Behaviour.Outcome]> = [
  ["whole", Behaviour.stream({ text, chunks: 150 })],
  ["whole, with a usage in every chunk", Behaviour.stream({ text, chunks: 40, usage: "every-chunk" })],
  ["whole without a usage", Behaviour.stream({ text, chunks: 90, usage: "never" })],
  ["cut", Behaviour.stream({ text, chunks: 90, end: Behaviour.cutAfter(70) })],
  [
    "an error",
    Behaviour.stream({
      text,
      chunks: 90,
      end: Behaviour.errorAfter(70, { error: { type: "overloaded_error", message: "Overloaded" } })
    })
  ],
  ["garbage", Behaviour.stream({ text, chunks: 90, end: Behaviour.garbageAfter(3) })],
  ["left by its reader", stalling],
  ["cut byte by byte", Behaviour.stream({ text, chunks: 30, bytes: "one-by-one" })]
]

describe("a stream that is told counts as one that is read", () => {
  for (const [name, outcome] of ends) {
    it.effect(name, () =>
      Effect.gen(function*() {
        const read = yield* heard("read", outcome)
        const told = yield* heard("told", outcome)
        const { passed } = told
        assertSame(told, read)
        if (name === "whole" || name.startsWith("left")) assert.isAbove(passed, 50)
      }))
  }

  it.effect("a listener that asks for time is waited for", () =>
    Effect.gen(function*() {
      const wait = Effect.sleep("10 millis")
      const outcome = Behaviour.stream({ text, chunks: 150 })
      const read = yield* heard("read", outcome, wait)
      const told = yield* heard("told", outcome, wait)
      assert.deepStrictEqual(told.said, asOne(read.said, told.counts))
      assert.strictEqual(told.exit, read.exit)
    }))

  it.effect("a listener that stands still ends the call, and is told so when it goes on", () =>
    Effect.gen(function*() {
      const wait = Effect.sleep("10 minutes")
      const outcome = Behaviour.stream({ text, chunks: 150 })
      const read = yield* heard("read", outcome, wait, "25 minutes")
      const told = yield* heard("told", outcome, wait, "25 minutes")
      assert.include(told.exit, "\"phase\":\"reader\"")
      // Those that were held back until the first content.
      assert.strictEqual(told.said.length + told.passed, 2)
      assertSame(told, read)
    }))
})
