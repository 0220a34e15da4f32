import { Chaos, Latency, VirtualClock } from "@switchgear/core/testing"
import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect, Exit, Fiber, Stream } from "effect"
import { HttpClient, HttpClientResponse } from "effect/http"
import { expectTypeOf } from "vitest"

/** A call that counts, and the chaos of one rule around it. */
const around = <const Rule extends Chaos.Rule<any, any>>(rule: Rule) =>
  Effect.map(Chaos.make({ rules: [rule] }), (chaos) => {
    const done: Array<number> = []
    const call = Effect.suspend(() => {
      done.push(done.length)
      return Effect.as(Effect.sleep(100), "answer")
    })
    return { chaos, done, call: chaos.inject(call) }
  })

describe("Chaos.after", () => {
  it.effect("loses the answer of a call that was made", () =>
    Effect.gen(function*() {
      const cases = [
        [Chaos.fault("lost"), Exit.fail("lost")],
        [Chaos.outcome(5), Exit.succeed(5)],
        [Chaos.defect("bug"), Exit.die("bug")]
      ] as const
      for (const [inject, exit] of cases) {
        const { call, chaos, done } = yield* around({ inject: Chaos.after<unknown, unknown>(inject) })
        const before = yield* Clock.currentTimeMillis
        assert.deepStrictEqual(yield* Effect.exit(call), exit)
        assert.deepStrictEqual([done, (yield* Clock.currentTimeMillis) - before], [[0], 100])
        assert.deepInclude(yield* chaos.counts, { calls: 1, passed: 0, after: 1, fault: 0, outcome: 0, defect: 0 })
      }
    }).pipe(VirtualClock.play))

  it.effect("loses a failure as well", () =>
    Effect.gen(function*() {
      const chaos = yield* Chaos.make({ rules: [{ inject: Chaos.after(Chaos.fault("lost")) }] })
      assert.deepStrictEqual(yield* Effect.exit(chaos.inject(Effect.fail("own"))), Exit.fail("lost"))
    }))

  it.effect("hangs when the work is done, until the caller leaves", () =>
    Effect.gen(function*() {
      const { call, done } = yield* around({ inject: Chaos.after(Chaos.hang) })
      const fiber = yield* Effect.forkChild(call)
      yield* Effect.sleep("1 hour")
      assert.deepStrictEqual([done, fiber.pollUnsafe()], [[0], undefined])
      yield* Fiber.interrupt(fiber)
    }).pipe(VirtualClock.play))

  it.effect("makes an answer late, and goes on to the next rule", () =>
    Effect.gen(function*() {
      const late = { inject: Chaos.after(Chaos.latency(Latency.constant(1000))) }
      const { call } = yield* around(late)
      assert.strictEqual(yield* call, "answer")
      assert.strictEqual(yield* Clock.currentTimeMillis, 1100)
      const both = yield* Chaos.make({ rules: [late, { inject: Chaos.after(Chaos.fault("lost")) }] })
      assert.strictEqual(yield* Effect.flip(both.inject(Effect.void)), "lost")
      assert.strictEqual(yield* Clock.currentTimeMillis, 2100)
      assert.deepInclude(yield* both.counts, { calls: 1, latency: 1, after: 1 })
    }).pipe(VirtualClock.play))

  it.effect("leaves a call alone that is interrupted while it is made", () =>
    Effect.gen(function*() {
      const { call } = yield* around({ inject: Chaos.after(Chaos.fault("lost")) })
      const fiber = yield* Effect.forkChild(call, { startImmediately: true })
      assert.isTrue(Exit.hasInterrupts(yield* Effect.andThen(Fiber.interrupt(fiber), Fiber.await(fiber))))
    }).pipe(VirtualClock.play))

  it.effect("names a latency inside of it that makes no sense", () =>
    Effect.gen(function*() {
      const exit = yield* Effect.exit(around({ inject: Chaos.after(Chaos.latency(Latency.constant(-1))) }))
      assert.match(String(exit), /Chaos\.make: rules\[0\]\.latency\.duration must be a finite duration/)
    }))
})

describe("Chaos.change", () => {
  it.effect("changes the answer of a call, and leaves its failure", () =>
    Effect.gen(function*() {
      const chaos = yield* Chaos.make({ rules: [{ inject: Chaos.change((answer: string) => answer.length) }] })
      const answer = chaos.inject(Effect.succeed("four"))
      expectTypeOf(answer).toEqualTypeOf<Effect.Effect<string | number>>()
      assert.strictEqual(yield* answer, 4)
      assert.strictEqual(yield* Effect.flip(chaos.inject(Effect.fail("own"))), "own")
      assert.deepInclude(yield* chaos.counts, { calls: 2, after: 2, passed: 0 })
    }))
})

describe("the bursts of a rule", () => {
  const seen = (seed: string, rate?: number) =>
    Effect.gen(function*() {
      const chaos = yield* Chaos.make({
        seed,
        rules: [{ inject: Chaos.fault("down"), bursts: { every: "1 minute", for: "10 seconds" }, rate }]
      })
      const failed: Array<boolean> = []
      for (let second = 0; second < 70_000; second++) {
        failed.push(Exit.isFailure(yield* Effect.exit(chaos.inject(Effect.void))))
        yield* Effect.sleep("1 second")
      }
      return failed
    }).pipe((calls) => VirtualClock.play(calls, { promises: "none" }))

  it.effect("make failures come together, as often and as long as they say", () =>
    Effect.gen(function*() {
      const failed = yield* seen("1")
      const share = failed.filter(Boolean).length / failed.length
      assert.closeTo(share, 1 / 7, 0.02)
      // After a failure, the next call fails in nine of ten cases: the burst goes on for ten seconds more.
      const next = failed.filter((_, index) => index > 0 && failed[index - 1])
      assert.closeTo(next.filter(Boolean).length / next.length, Math.exp(-1 / 10), 0.03)
    }))

  it.effect("repeat for a seed, and are others for another; a rate is that within a burst", () =>
    Effect.gen(function*() {
      const failed = yield* seen("1")
      assert.deepStrictEqual(yield* seen("1"), failed)
      assert.notDeepEqual(yield* seen("2"), failed)
      const half = yield* seen("1", 0.5)
      assert.isTrue(half.every((fails, index) => !fails || failed[index]))
      assert.closeTo(half.filter(Boolean).length / failed.filter(Boolean).length, 0.5, 0.05)
    }))

  it.effect("are checked", () =>
    Effect.gen(function*() {
      const exit = yield* Effect.exit(around({ inject: Chaos.hang, bursts: { every: 0, for: 1 } }))
      assert.match(String(exit), /rules\[0\]\.bursts\.every must be a finite duration above zero, got 0/)
    }))
})

describe("around an HTTP client, chaos", () => {
  const text = "a".repeat(1000)
  const network = HttpClient.make((request) =>
    Effect.succeed(HttpClientResponse.fromWeb(request, new Response(text, { headers: { "x-request-id": "7" } })))
  )
  const over = (inject: Chaos.Change<HttpClientResponse.HttpClientResponse>) =>
    Effect.flatMap(
      Chaos.make({ rules: [{ inject }] }),
      (chaos) => Chaos.httpClient(chaos)(network).get("http://a.test/")
    )

  it.effect("cuts a body after some bytes, with an error", () =>
    Effect.gen(function*() {
      for (const bytes of [0, 10, 1000]) {
        const response = yield* over(Chaos.cutBody(bytes))
        assert.deepStrictEqual([response.status, response.headers["x-request-id"]], [200, "7"])
        let read = 0
        const exit = yield* Effect.exit(
          Stream.runForEach(response.stream, (chunk) => Effect.sync(() => read += chunk.length))
        )
        assert.deepStrictEqual([read, Exit.isFailure(exit)], [bytes, true])
      }
    }))

  it.effect("lets a body arrive at a bandwidth", () =>
    Effect.gen(function*() {
      const response = yield* over(Chaos.bandwidth(100))
      assert.strictEqual(yield* response.text, text)
      assert.strictEqual(yield* Clock.currentTimeMillis, 10_000)
    }).pipe(VirtualClock.play))

  it.effect("flips a bit of every n-th byte", () =>
    Effect.gen(function*() {
      const response = yield* over(Chaos.corruptBody(4))
      assert.strictEqual(yield* response.text, "aaa`".repeat(250))
    }))

  it.effect("loses the response to a request that reached the server", () =>
    Effect.gen(function*() {
      let reached = 0
      const server = HttpClient.tap(network, () => Effect.sync(() => reached++))
      const chaos = yield* Chaos.make({ rules: [{ inject: Chaos.after(Chaos.disconnect()) }] })
      const error = yield* Effect.flip(Chaos.httpClient(chaos)(server).get("http://a.test/"))
      assert.deepStrictEqual([reached, error.reason._tag], [1, "TransportError"])
    }))

  it("takes no number that makes no sense", () => {
    assert.throws(
      () => Chaos.cutBody(-1),
      RangeError,
      "Chaos.cutBody: bytes must be a whole number of at least 0, got -1"
    )
    assert.throws(
      () => Chaos.bandwidth(0),
      RangeError,
      "Chaos.bandwidth: bytesPerSecond must be a number above zero, got 0"
    )
    assert.throws(
      () => Chaos.corruptBody(0),
      RangeError,
      "Chaos.corruptBody: every must be a whole number of at least 1"
    )
  })
})
