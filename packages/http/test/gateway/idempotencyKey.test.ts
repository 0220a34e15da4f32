/** Requests of one client with the same `Idempotency-Key`. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, type Scope } from "effect"
import { control } from "./administered.ts"
import { ask, chat, hello, runningOver, token } from "./running.ts"
import { type Asked, scripted, sendWhole } from "./scripted.ts"
import type { ServerResponse } from "node:http"

const other = "sk-other-1234567"
const file = `clients: [{ name: shop, token: ${token} }, { name: other, token: ${other} }]
admin: { port: 0, token: ${control} }`
const key = { "idempotency-key": "order 7" }

/** What the provider refuses, and how. */
const failures: Record<string, number | undefined> = { fail: 400, down: 500 }

/** A gateway over a provider that answers when it is told to. */
const waiting = Effect.gen(function*() {
  const answers: Array<() => void> = []
  const { asked, url } = yield* scripted(({ body }: Asked, response: ServerResponse) => {
    const number = answers.length + 1
    answers.push(() => {
      const status = failures[body.messages[0].content]
      if (status !== undefined) {
        response.writeHead(status, { "content-type": "application/json" })
        response.end(JSON.stringify({ error: { message: "no", type: "invalid_request_error" } }))
      } else sendWhole(response, { content: `answer ${number}` })
    })
  })
  const { gateway, url: gatewayUrl } = yield* runningOver(url, file)
  const started = (count: number) =>
    Effect.repeat(Effect.delay(Effect.sync(() => asked.length), 5), { until: (length) => length === count })
  const overview = ask(`http://127.0.0.1:${gateway.adminAddress!.port}/admin/overview`, {
    headers: { authorization: `Bearer ${control}` }
  })
  /** Waits until so many requests are there. Their bodies come with them. */
  const there = (count: number) =>
    Effect.repeat(Effect.delay(overview, 20), { until: ({ json }) => json.requests.inFlight === count })
  return { answers, asked, started, there, url: gatewayUrl }
})

const scoped = (effect: Effect.Effect<void, never, Scope.Scope>) => () => Effect.scoped(effect)

describe("a key of a request in flight", () => {
  it.live(
    "gives another request with the same body the same answer, without a call of its own",
    scoped(Effect.gen(function*() {
      const { answers, asked, started, there, url } = yield* waiting
      const first = yield* Effect.forkChild(chat(url, hello, key))
      yield* started(1)
      const second = yield* Effect.forkChild(chat(url, hello, key))
      yield* there(2)
      answers[0]!()
      const [one, two] = [yield* Fiber.join(first), yield* Fiber.join(second)]
      assert.deepStrictEqual([one.status, two.status], [200, 200])
      assert.strictEqual(one.json.choices[0].message.content, "answer 1")
      assert.strictEqual(two.text, one.text)
      assert.notStrictEqual(two.headers.get("x-request-id"), one.headers.get("x-request-id"))
      assert.strictEqual(asked.length, 1)
    }))
  )

  it.live(
    "has it wait no longer than its own client does, and the first one longer: then it gets what it would get alone",
    scoped(Effect.gen(function*() {
      for (
        const [model, status, content] of [
          ["first", 504, undefined],
          ["assistant", 503, undefined],
          ["polite", 200, "We are busy."]
        ] as const
      ) {
        const { answers, asked, started, url } = yield* waiting
        const first = yield* Effect.forkChild(chat(url, { ...hello, model }, key))
        yield* started(1)
        for (const wait of ["0.2", "0.0001"]) {
          const impatient = { "x-switchgear-timeout": wait }
          const second = yield* chat(url, { ...hello, model }, { ...key, ...impatient })
          assert.deepStrictEqual([second.status, second.json.choices?.[0].message.content], [status, content])
        }
        assert.strictEqual(asked.length, 1)
        const alone = yield* chat(url, { ...hello, model }, { "x-switchgear-timeout": "0.2" })
        assert.deepStrictEqual([alone.status, alone.json.choices?.[0].message.content], [status, content])
        answers[0]!()
        assert.strictEqual((yield* Fiber.join(first)).json.choices[0].message.content, "answer 1")
      }
    }))
  )

  it.live(
    "has those who wait longer than the one whose call it is get an answer all the same, by one call more",
    scoped(Effect.gen(function*() {
      const { answers, asked, started, there, url } = yield* waiting
      // A cascade would ask its next model in that time.
      const alone = { ...hello, model: "first" }
      const first = yield* Effect.forkChild(chat(url, alone, { ...key, "x-switchgear-timeout": "0.6" }))
      yield* started(1)
      const others = yield* Effect.forEach(
        ["20", undefined, "30"],
        (wait) =>
          Effect.forkChild(chat(url, alone, wait === undefined ? key : { ...key, "x-switchgear-timeout": wait }))
      )
      yield* there(4)
      assert.strictEqual((yield* Fiber.join(first)).status, 504)
      yield* started(2)
      answers[1]!()
      for (const other of others) {
        const { json, status } = yield* Fiber.join(other)
        assert.deepStrictEqual([status, json.choices[0].message.content], [200, "answer 2"])
      }
      assert.strictEqual(asked.length, 2)
    }))
  )

  it.live(
    "is that of another request where other headers go to the provider",
    scoped(Effect.gen(function*() {
      const { answers, asked, started, url } = yield* waiting
      const send = (beta: string) =>
        ask(`${url}/v1/messages`, {
          method: "POST",
          headers: { ...key, "x-api-key": token, "content-type": "application/json", "anthropic-beta": beta },
          body: JSON.stringify({ ...hello, model: "first", max_tokens: 9 })
        })
      const first = yield* Effect.forkChild(send("a"))
      yield* started(1)
      assert.strictEqual((yield* send("b")).status, 422)
      answers[0]!()
      yield* Fiber.join(first)
      assert.strictEqual(asked.length, 1)
    }))
  )

  it.live(
    "gives it the same error",
    scoped(Effect.gen(function*() {
      const { answers, asked, started, there, url } = yield* waiting
      const failing = { ...hello, model: "first", messages: [{ role: "user", content: "fail" }] }
      const first = yield* Effect.forkChild(chat(url, failing, key))
      yield* started(1)
      const second = yield* Effect.forkChild(chat(url, failing, key))
      yield* there(2)
      answers[0]!()
      const [one, two] = [yield* Fiber.join(first), yield* Fiber.join(second)]
      assert.deepStrictEqual([one.status, two.status], [400, 400])
      assert.strictEqual(two.text, one.text)
      assert.strictEqual(asked.length, 1)
    }))
  )

  it.live(
    "refuses another body, in whatever language, and nobody is told to ask again with it",
    scoped(Effect.gen(function*() {
      const { answers, asked, started, url } = yield* waiting
      const first = yield* Effect.forkChild(chat(url, hello, key))
      yield* started(1)
      for (const language of [undefined, "zh"]) {
        const refused = yield* chat(
          url,
          { ...hello, user: "another" },
          { ...key, ...language !== undefined && { "accept-language": language } }
        )
        assert.strictEqual(refused.status, 422)
        assert.strictEqual(refused.json.error.code, "idempotency_key_reused")
        assert.strictEqual(refused.headers.get("x-should-retry"), "false")
      }
      answers[0]!()
      assert.strictEqual((yield* Fiber.join(first)).status, 200)
      assert.strictEqual(asked.length, 1)
    }))
  )

  it.live(
    "is no key of another client, of a stream, or of a later request",
    scoped(Effect.gen(function*() {
      const { answers, asked, started, url } = yield* waiting
      const calls = [
        yield* Effect.forkChild(chat(url, hello, key)),
        yield* Effect.forkChild(chat(url, hello, { ...key, authorization: `Bearer ${other}` }))
      ]
      yield* started(2)
      yield* Effect.forkChild(chat(url, { ...hello, stream: true }, key))
      yield* started(3)
      answers.forEach((answer) => answer())
      for (const call of calls) assert.strictEqual((yield* Fiber.join(call)).status, 200)
      const later = yield* Effect.forkChild(chat(url, hello, key))
      yield* started(4)
      answers[3]!()
      assert.strictEqual((yield* Fiber.join(later)).json.choices[0].message.content, "answer 4")
      assert.strictEqual(asked.length, 4)
    }))
  )

  it.live(
    "is no key of a request in another language: each gets the canned reply in its own",
    scoped(Effect.gen(function*() {
      const { answers, asked, started, url } = yield* waiting
      const polite = { ...hello, model: "polite", messages: [{ role: "user", content: "down" }] }
      const calls = []
      for (const language of ["en", "zh"]) {
        calls.push(yield* Effect.forkChild(chat(url, polite, { ...key, "accept-language": language })))
        yield* started(calls.length)
      }
      answers.forEach((answer) => answer())
      const said = yield* Effect.forEach(calls, Fiber.join)
      assert.deepStrictEqual(said.map(({ json }) => json.choices[0].message.content), ["We are busy.", "服务繁忙"])
      assert.strictEqual(asked.length, 2)
    }))
  )

  it.live(
    "holds the call while one of them waits, whichever leaves, and no longer",
    scoped(Effect.gen(function*() {
      for (const leaver of [0, 1] as const) {
        const { answers, asked, started, there, url } = yield* waiting
        const calls = [yield* Effect.forkChild(chat(url, hello, key))]
        yield* started(1)
        calls.push(yield* Effect.forkChild(chat(url, hello, key)))
        yield* there(2)
        yield* Fiber.interrupt(calls[leaver]!)
        yield* there(1)
        assert.isFalse(asked[0]!.hasLeft)
        answers[0]!()
        assert.strictEqual((yield* Fiber.join(calls[1 - leaver]!)).json.choices[0].message.content, "answer 1")
        assert.strictEqual(asked.length, 1)
      }
    }))
  )

  it.live(
    "ends the call when both have left, and a third one makes a call of its own",
    scoped(Effect.gen(function*() {
      const { answers, asked, started, there, url } = yield* waiting
      const first = yield* Effect.forkChild(chat(url, hello, key))
      yield* started(1)
      const second = yield* Effect.forkChild(chat(url, hello, key))
      yield* there(2)
      yield* Fiber.interrupt(first)
      yield* Fiber.interrupt(second)
      yield* Effect.repeat(Effect.delay(Effect.sync(() => asked[0]!.hasLeft), 5), { until: (hasLeft) => hasLeft })
      const third = yield* Effect.forkChild(chat(url, hello, key))
      yield* started(2)
      answers[1]!()
      assert.strictEqual((yield* Fiber.join(third)).json.choices[0].message.content, "answer 2")
    }))
  )
})
