/** What somebody would try who wants a guarded client to fail. */
import { assert, describe, it } from "@effect/vitest"
import { Attempts, Deadline } from "@switchgear/core"
import { HttpGuard } from "@switchgear/http"
import { Effect, Fiber, Option, Stream } from "effect"
import { HttpBody, HttpClient, HttpClientRequest, HttpClientResponse } from "effect/http"
import { TestClock } from "effect/testing"

/** A server that answers by the number of the request. */
const server = (answer: (request: HttpClientRequest.HttpClientRequest, calls: number) => Response) => {
  const requests: Array<HttpClientRequest.HttpClientRequest> = []
  const signals: Array<AbortSignal> = []
  const client = HttpClient.make((request, _url, signal) =>
    Effect.sync(() => {
      signals.push(signal)
      return HttpClientResponse.fromWeb(request, answer(request, requests.push(request)))
    })
  )
  return { client, requests, signals }
}

const quick = { retry: { baseDelay: "10 millis", jitter: "none" } } as const

const url = "http://rates.test/eur"

describe("a request of a guarded client", () => {
  it.effect("with a body that can be read once is sent once, however it was given", () =>
    Effect.gen(function*() {
      const once: ReadonlyArray<() => HttpBody.HttpBody> = [
        () => HttpBody.stream(Stream.encodeText(Stream.make("a"))),
        () => HttpBody.raw(Stream.toReadableStream(Stream.encodeText(Stream.make("a")))),
        () => HttpBody.raw((async function*() {})()),
        () => HttpBody.raw({ pipe: () => {} })
      ]
      const again: ReadonlyArray<() => HttpBody.HttpBody> = [
        () => HttpBody.text("a"),
        () => HttpBody.raw("a"),
        () => HttpBody.raw(new URLSearchParams({ a: "b" })),
        () => HttpBody.raw(new Blob(["a"])),
        () => HttpBody.raw(new Uint8Array(3)),
        () => HttpBody.formData(new FormData())
      ]
      for (const [bodies, calls] of [[once, 1], [again, 2]] as const) {
        for (const body of bodies) {
          const { client, requests } = server((_, calls) => new Response("x", { status: calls < 2 ? 503 : 200 }))
          const guarded = yield* HttpGuard.standard(client, quick)
          const call = yield* Effect.forkChild(guarded.put(url, { body: body() }))
          yield* TestClock.adjust("1 second")
          yield* Fiber.join(call)
          assert.strictEqual(requests.length, calls)
        }
      }
    }))

  it.effect("leaves its server the attempts of those around it, where it makes no further ones itself", () =>
    Effect.gen(function*() {
      const { client, requests } = server(() => new Response("ok"))
      const guarded = yield* HttpGuard.standard(client, { retry: "off" })
      yield* guarded.get(url)
      yield* guarded.get(url).pipe(Attempts.within(5))
      assert.deepStrictEqual(requests.map(({ headers }) => headers["x-attempts-left"]), [undefined, "4"])
    }))

  it.effect("gives up the body of a redirect that the caller follows", () =>
    Effect.gen(function*() {
      const { client, signals } = server((_, calls) =>
        calls === 1
          ? new Response("moved", { status: 302, headers: { location: "http://other.test/" } })
          : new Response("ok")
      )
      const guarded = yield* HttpGuard.standard(client, quick)
      const response = yield* HttpClient.followRedirects(guarded).get(url)
      assert.strictEqual(yield* response.text, "ok")
      assert.deepStrictEqual(signals.map(({ aborted }) => aborted), [true, false])
    }))

  it.effect("that is guarded twice makes the attempts of one", () =>
    Effect.gen(function*() {
      const { client, requests } = server(() => new Response("x", { status: 503 }))
      const guarded = yield* Effect.flatMap(HttpGuard.standard(client, quick), (inner) =>
        HttpGuard.standard(inner, quick))
      const call = yield* Effect.forkChild(guarded.get(url))
      yield* TestClock.adjust("1 minute")
      assert.strictEqual((yield* Fiber.join(call)).status, 503)
      assert.strictEqual(requests.length, 3)
    }))

  it.effect("sends no time that is over, and no more than the deadline leaves, in whatever attempt", () =>
    Effect.gen(function*() {
      const { client, requests } = server(() => new Response("x", { status: 503 }))
      const guarded = yield* HttpGuard.standard(client, { ...quick, deadline: "100 millis" })
      const call = yield* Effect.forkChild(guarded.get(url))
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(call)
      const left = requests.map(({ headers }) => Number(headers["x-switchgear-timeout"]))
      assert.strictEqual(left.length, 3)
      for (const [i, seconds] of left.entries()) assert.isTrue(seconds > 0 && seconds <= (left[i - 1] ?? 0.1))
    }))

  it.effect("keeps what is not its own: statuses without a body, HEAD, schemas, filters", () =>
    Effect.gen(function*() {
      for (const status of [204, 304]) {
        const { client } = server(() => new Response(null, { status }))
        const response = yield* (yield* HttpGuard.standard(client, quick)).get(url)
        assert.strictEqual(response.status, status)
        assert.strictEqual(yield* response.text, "")
      }
      const { client } = server(() => new Response(`{"a":1}`, { headers: { "set-cookie": "k=v", "x-a": "b" } }))
      const guarded = HttpClient.filterStatusOk(yield* HttpGuard.standard(client, quick))
      const response = yield* guarded.get(url)
      assert.deepStrictEqual(yield* response.json, { a: 1 })
      assert.strictEqual(response.headers["x-a"], "b")
      assert.strictEqual(response.cookies.cookies["k"]?.value, "v")
      assert.isTrue(HttpClientResponse.TypeId in response)
      const web = HttpClientResponse.toWeb(yield* guarded.get(url))
      assert.isTrue(Option.isSome(web))
      assert.strictEqual(yield* Effect.promise(() => Option.getOrThrow(web).text()), `{"a":1}`)
    }))

  it.effect("is under no deadline that a hostile answer could move", () =>
    Effect.gen(function*() {
      const hostile = [
        "-1",
        "NaN",
        "1e400",
        "9".repeat(500),
        "Mon, 99 Foo 2026",
        "Thu, 01 Jan 1970 00:00:00 GMT",
        "0",
        ""
      ]
      for (const wait of hostile) {
        const { client, requests } = server(() =>
          new Response("x", { status: 503, headers: { "retry-after": wait, "x-attempts-left": wait } })
        )
        const guarded = yield* HttpGuard.standard(client, quick)
        const call = yield* Effect.forkChild(guarded.get(url))
        yield* TestClock.adjust("30 seconds")
        assert.isDefined(call.pollUnsafe(), wait)
        assert.isAtMost(requests.length, 3)
      }
      assert.isUndefined(yield* Deadline.remaining)
    }))
})
