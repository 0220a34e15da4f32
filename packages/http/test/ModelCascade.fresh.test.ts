import { assert, describe, it } from "@effect/vitest"
import { Canned, ChatModel, ChatSchema, ModelCascade } from "@switchgear/http"
import { Effect, Stream } from "effect"
import { TestClock } from "effect/testing"

const request: ChatModel.Request = { messages: [{ role: "user", content: "Roll a die" }], temperature: 1 }

/** A die that gives another number at each call, after a while, for as long as it is there. */
const rolling = (cache?: ModelCascade.Options["cache"], around?: "nested") =>
  Effect.gen(function*() {
    const die = { rolls: 0, isLost: false }
    const model = ChatModel.of<ChatModel.ModelError>({
      name: "die",
      complete: () =>
        Effect.suspend(() => {
          const roll = `${++die.rolls}`
          return Effect.sleep("1 second").pipe(
            Effect.andThen(Effect.suspend(() =>
              die.isLost ? Effect.never : Effect.succeed<ChatModel.Answer>({
                step: "die",
                degradation: "none",
                failures: [],
                attempts: 1,
                possiblyBilledAttempts: 1,
                value: { choices: [{ message: { content: roll }, finish_reason: "stop" }] }
              })
            ))
          )
        })
    })
    const inner = yield* ModelCascade.make({
      models: [{ model }],
      cache,
      canned: Canned.sentences,
      deadline: "5 seconds"
    })
    const cascade = around === "nested" ? yield* ModelCascade.make({ models: [{ model: inner }], cache }) : inner
    const whole = Effect.map(
      cascade.complete(request),
      ({ degradation, value }) => [ChatSchema.text(value), degradation]
    )
    const streamed = Effect.map(
      Stream.runCollect(cascade.stream(request)),
      (chunks) => chunks.map(({ choices }) => choices[0]?.delta?.content ?? "").join("")
    )
    return { die, whole, streamed }
  })

/** Runs it, and lets the seconds pass. */
const passing = <A, E, R>(self: Effect.Effect<A, E, R>) =>
  Effect.flatMap(
    Effect.all([self, Effect.repeat(TestClock.adjust("1 second"), { times: 8 })], { concurrency: "unbounded" }),
    ([value]) => Effect.succeed(value)
  )

describe("a die that is rolled three times by default", () => {
  for (const around of [undefined, "nested"] as const) {
    it.effect(`is three calls, one after the other, whole and streamed${around ?? ""}`, () =>
      Effect.gen(function*() {
        const { die, streamed, whole } = yield* rolling(undefined, around)
        const [first] = yield* passing(whole)
        const second = yield* passing(streamed)
        const [third] = yield* passing(whole)
        assert.deepStrictEqual([first, second, third, die.rolls], ["1", "2", "3", 3])
      }))

    it.effect(`is three calls, also at once${around ?? ""}`, () =>
      Effect.gen(function*() {
        const { die, whole } = yield* rolling(undefined, around)
        const rolls = yield* passing(Effect.all([whole, whole, whole], { concurrency: "unbounded" }))
        assert.deepStrictEqual([rolls.map(([roll]) => roll).sort(), die.rolls], [["1", "2", "3"], 3])
      }))
  }

  it.effect("is kept all the same, for bad times", () =>
    Effect.gen(function*() {
      const { die, whole } = yield* rolling()
      yield* passing(whole)
      die.isLost = true
      assert.deepStrictEqual(yield* passing(whole), ["1", "stale"])
    }))
})

describe("with a time to live, a die that is rolled three times", () => {
  it.effect("is one call, one after the other and at once, until the time is over", () =>
    Effect.gen(function*() {
      const { die, streamed, whole } = yield* rolling({ timeToLive: "1 minute" })
      const rolls = yield* passing(Effect.all([whole, whole, whole], { concurrency: "unbounded" }))
      assert.deepStrictEqual([rolls.map(([roll]) => roll), yield* streamed, die.rolls], [["1", "1", "1"], "1", 1])
      yield* TestClock.adjust("1 minute")
      assert.strictEqual((yield* passing(whole))[0], "2")
    }))
})
