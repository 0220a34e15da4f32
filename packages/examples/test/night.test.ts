import { assert, describe, it } from "@effect/vitest"
import { ChatClient } from "@switchgear/http"
import { SimulatedProvider } from "@switchgear/http/testing"
import { Effect, Fiber } from "effect"
import { HttpClient } from "effect/http"
import { TestClock } from "effect/testing"
import type { Connect } from "../double-eleven/lanes.ts"
import * as Night from "../double-eleven/night.ts"
import { assertBounds } from "./support/bounds.ts"

const inMemory: Connect<never, never> = (provider, timeout) =>
  ChatClient.make({ provider: "simulated", baseUrl: "http://simulated.test/v1", timeout }).pipe(
    Effect.provideService(HttpClient.HttpClient, SimulatedProvider.httpClient(provider))
  )

const played = Effect.gen(function*() {
  const night = yield* Night.make(inMemory)
  const play = yield* Effect.forkChild(night.play, { startImmediately: true })
  yield* TestClock.adjust("30 seconds")
  return yield* Fiber.join(play)
})

describe("the night without sockets, in virtual time", () => {
  it.effect("holds what the demo claims", () => Effect.map(played, assertBounds), 30_000)

  it.effect("is the same to the last call when it is played again", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* played, yield* played)
    }), 240_000)
})
