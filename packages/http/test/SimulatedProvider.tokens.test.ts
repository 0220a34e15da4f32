import { assert, describe, it } from "@effect/vitest"
import { VirtualClock } from "@switchgear/core/testing"
import { ChatClient } from "@switchgear/http"
import { Behaviour, SimulatedProvider } from "@switchgear/http/testing"
import { Clock, Duration, Effect, Exit, Stream } from "effect"
import { HttpClient } from "effect/http"

const clientOf = (behaviour: Behaviour.Behaviour) =>
  Effect.gen(function*() {
    const provider = yield* SimulatedProvider.make({ models: { m: behaviour } })
    const client = yield* ChatClient.make({ provider: "p", baseUrl: "http://simulated.test/v1", timeout: "1 hour" })
      .pipe(
        Effect.provideService(HttpClient.HttpClient, SimulatedProvider.httpClient(provider))
      )
    return { client, provider }
  })

/** A prompt of a number of tokens. */
const ask = (tokens: number) => ({ model: "m", messages: [{ role: "user" as const, content: "abcd".repeat(tokens) }] })

// 100 tokens of a prompt are read in 100 ms, 10 tokens of an answer written in 200 ms.
const tokens: Behaviour.Tokens = { prefill: 1000, perSecond: 50 }
const outcome = Behaviour.ok("abcd".repeat(10))

/** When each chunk of content comes, and the end. */
const read = (client: ChatClient.ChatClient["Service"], prompt: number) =>
  Effect.gen(function*() {
    const at: Array<number> = []
    yield* client.stream(ask(prompt)).pipe(
      Stream.runForEach((chunk) =>
        Effect.map(Clock.currentTimeMillis, (now) => {
          if (chunk.choices[0]?.delta?.content) at.push(now)
        })
      )
    )
    return [...at, yield* Clock.currentTimeMillis]
  })

describe("a simulated provider of tokens", () => {
  it.effect("takes the time of its tokens before a whole reply", () =>
    Effect.gen(function*() {
      const { client } = yield* clientOf({ tokens, outcome, latency: Behaviour.constant(30) })
      yield* client.complete(ask(100))
      assert.strictEqual(yield* Clock.currentTimeMillis, 330)
      yield* client.complete(ask(1000))
      assert.strictEqual(yield* Clock.currentTimeMillis, 330 + 1230)
    }).pipe(VirtualClock.play))

  it.effect("reads the prompt before the first token of a stream, and writes at an even pace", () =>
    Effect.gen(function*() {
      const { client } = yield* clientOf({ tokens, outcome })
      const at = yield* read(client, 100)
      assert.strictEqual(at.length, 11)
      assert.closeTo(at.at(-1)!, 300, 0.001)
      at.forEach((time, index) => assert.closeTo(time, 100 + (200 / 11) * (index + 1), 0.001))
    }).pipe(VirtualClock.play))

  it.effect("writes at the chunks of a script, and takes no time for an error", () =>
    Effect.gen(function*() {
      const { client, provider } = yield* clientOf({
        tokens,
        outcome: Behaviour.stream({ text: "abcd".repeat(10), chunks: 3 })
      })
      const at = yield* read(client, 100)
      assert.deepStrictEqual(at.map(Math.round), [150, 200, 250, 300])
      yield* provider.set("m", { tokens, outcome: Behaviour.serverError })
      yield* Effect.exit(client.complete(ask(100)))
      assert.closeTo(yield* Clock.currentTimeMillis, 300, 0.001)
    }).pipe(VirtualClock.play))

  it.effect("that batches writes slower for more requests, and keeps others waiting for their first token", () =>
    Effect.gen(function*() {
      const capacity = { concurrency: 1, above: "slows", slots: 2, waiting: 1 } as const
      const { client } = yield* clientOf({ tokens, outcome, capacity })
      const [one, two, waits, refused] = yield* Effect.all(
        [read(client, 100), read(client, 100), read(client, 100), Effect.exit(read(client, 100))],
        { concurrency: "unbounded" }
      )
      // Two share: each is half as fast. The third has all of it to itself.
      assert.closeTo(one[0]!, 200 + 400 / 11, 0.01)
      assert.closeTo(one.at(-1)!, 600, 0.01)
      assert.closeTo(two.at(-1)!, 600, 0.01)
      assert.closeTo(waits[0]!, 600 + 100 + 200 / 11, 0.01)
      assert.closeTo(waits.at(-1)!, 900, 0.01)
      assert.match(String(refused), /Overloaded/)
    }).pipe(VirtualClock.play))

  it.effect("refuses prompts above the tokens of a minute with a 429 that says when it is over, and takes no slot for it", () =>
    Effect.gen(function*() {
      yield* Effect.sleep("15 seconds")
      const { client, provider } = yield* clientOf({
        tokens: { prefill: 1e9, perSecond: 1e9, perMinute: 250 },
        capacity: { concurrency: 1, above: "queue" },
        outcome
      })
      yield* client.complete(ask(100))
      yield* client.complete(ask(100))
      // 220 have been used, with the answers.
      const error = yield* Effect.flip(client.complete(ask(31)))
      assert.strictEqual(error._tag, "ProviderRateLimited")
      assert.deepStrictEqual(error.retryAfter, Duration.seconds(45))
      assert.isTrue(Exit.isSuccess(yield* Effect.exit(client.complete(ask(30)))))
      // An answer counts also above the limit.
      assert.isTrue(Exit.isFailure(yield* Effect.exit(client.complete(ask(1)))))
      yield* Effect.sleep("45 seconds")
      yield* client.complete(ask(240))
      assert.strictEqual((yield* provider.stats("m")).answered, 6)
    }).pipe(VirtualClock.play))

  it.effect("takes the `max_tokens` of a request with its prompt, and of its answer only what is above them", () =>
    Effect.gen(function*() {
      const { client } = yield* clientOf({
        tokens: { prefill: 1e9, perSecond: 1e9, perMinute: 250 },
        outcome
      })
      const isAnswered = (prompt: number, options: object) =>
        Effect.map(Effect.exit(client.complete({ ...ask(prompt), ...options })), Exit.isSuccess)
      assert.isFalse(yield* isAnswered(100, { max_tokens: 151 }))
      assert.isTrue(yield* isAnswered(100, { max_tokens: 100 }))
      // 200 are used, although the answer had 10.
      assert.isFalse(yield* isAnswered(1, { max_completion_tokens: 50 }))
      assert.isTrue(yield* isAnswered(1, { max_completion_tokens: 4 }))
      // 211, of which 6 are those of the answer above its 4.
      assert.isFalse(yield* isAnswered(40, {}))
      assert.isTrue(yield* isAnswered(39, { max_tokens: -5 }))
    }).pipe(VirtualClock.play))

  it.effect("answers by the request, with the time and the tokens of that answer", () =>
    Effect.gen(function*() {
      const { client } = yield* clientOf({
        tokens,
        outcome: Behaviour.mix([[
          1,
          Behaviour.perRequest(({ model, prompt }) =>
            prompt.length > 40 ? Behaviour.ok("abcd".repeat(prompt.length / 40)) : Behaviour.rateLimited(model.length)
          )
        ]])
      })
      const { usage } = yield* client.complete(ask(100))
      assert.strictEqual(usage?.completion_tokens, 10)
      assert.strictEqual(yield* Clock.currentTimeMillis, 300)
      yield* client.complete(ask(1000))
      assert.strictEqual(yield* Clock.currentTimeMillis, 300 + 1000 + 2000)
      assert.strictEqual((yield* Effect.flip(client.complete(ask(10))))._tag, "ProviderRateLimited")
    }).pipe(VirtualClock.play))

  it.effect("names the outcome for a request that makes no sense", () =>
    Effect.gen(function*() {
      const told = (made: unknown) =>
        Effect.gen(function*() {
          const { client } = yield* clientOf({ outcome: Behaviour.perRequest(() => made as Behaviour.Outcome) })
          return String(yield* Effect.exit(client.complete(ask(1))))
        })
      assert.match(yield* told(Behaviour.respond(99)), /the outcome for a request to m: status must be .*, got 99/)
      assert.match(
        yield* told(undefined),
        /the outcome for a request to m: must be an outcome of Behaviour, .* got undefined/
      )
      const exit = yield* Effect.exit(clientOf({ outcome: 5 as never }))
      assert.match(String(exit), /the behaviour of m: must be an outcome of Behaviour, such as ok\(\), got 5/)
    }).pipe(VirtualClock.play))

  it.effect("stands still in the middle of a stream, and goes on where it was", () =>
    Effect.gen(function*() {
      const capacity = { concurrency: 1, above: "slows" } as const
      const { client, provider } = yield* clientOf({ tokens, outcome, capacity })
      const change = (at: number, speed: number) =>
        Effect.delay(provider.set("m", { tokens, outcome, capacity: { ...capacity, speed } }), at)
      const [at] = yield* Effect.all([read(client, 100), change(200, 0), change(20_200, 2)], {
        concurrency: "unbounded"
      })
      assert.isBelow(at[4]!, 200)
      assert.isAbove(at[5]!, 20_200)
      // Half of the writing was left, at twice the speed.
      assert.closeTo(at.at(-1)!, 20_250, 0.01)
    }).pipe(VirtualClock.play))

  for (const [field, value] of [["prefill", 0], ["perSecond", NaN], ["perMinute", -1]] as const) {
    it.effect(`does not take ${value} for ${field}`, () =>
      Effect.gen(function*() {
        const exit = yield* Effect.exit(clientOf({ tokens: { ...tokens, [field]: value } }))
        assert.match(String(exit), new RegExp(`tokens\\.${field} must be a number above 0, got ${value}`))
      }))
  }
})
