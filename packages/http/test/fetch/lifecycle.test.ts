/** A call holds its slot until its body has ended, and nothing longer, however it ends. */
import { assert, describe, it } from "@effect/vitest"
import { guardedFetch, GuardedFetchError } from "@switchgear/http/fetch"
import { Effect, Random } from "effect"
import { events, json, role, type Served, served, stop, until, word } from "./served.ts"

const healthOf = (guarded: ReturnType<typeof guardedFetch>, { host }: Served) => guarded.health().targets[host]!

const large = "x".repeat(300_000)
const ask = { method: "POST", body: "{\"model\":\"gpt\",\"stream\":true}" }
const chat = "/v1/chat/completions"

const textOf = async (response: Response): Promise<string> => {
  let text = ""
  try {
    for await (const piece of response.body!) text += new TextDecoder().decode(piece)
  } catch (error) {
    return `${text} and ${(error as Error).name}`
  }
  return text
}

const failure = (promise: Promise<unknown>): Promise<any> =>
  promise.then(() => assert.fail("it succeeded"), (error) => error)

describe("a call of a guarded fetch", () => {
  it("holds its slot until its body was read", async () => {
    await using provider = await served((response) => response.end(large))
    await using guarded = guardedFetch({ bulkhead: { concurrency: 1, queue: 0 } })
    const response = await guarded(provider.url)
    assert.strictEqual(healthOf(guarded, provider).inFlight, 1)
    assert.strictEqual((await guarded(provider.url)).status, 503)
    assert.strictEqual((await response.text()).length, large.length)
    assert.strictEqual(healthOf(guarded, provider).inFlight, 0)
    assert.strictEqual(provider.heard.length, 1)
  })

  it("holds it until its body is cancelled, half read, and closes the connection", async () => {
    await using provider = await served(events([role, word("Good")], "hang"))
    await using guarded = guardedFetch()
    const response = await guarded(`${provider.url}${chat}`, ask)
    const reader = response.body!.getReader()
    await reader.read()
    assert.strictEqual(healthOf(guarded, provider).inFlight, 1)
    await reader.cancel("enough")
    assert.strictEqual(healthOf(guarded, provider).inFlight, 0)
    await until(() => provider.heard[0]!.hasLeft)
    assert.strictEqual(healthOf(guarded, provider).calls, 0)
  })

  it("ends when a small body has come that nobody reads", async () => {
    await using provider = await served((response) => response.end("small"))
    await using guarded = guardedFetch({ bulkhead: { concurrency: 1 } })
    for (let i = 0; i < 20; i++) assert.strictEqual((await guarded(provider.url)).status, 200)
    await until(() => healthOf(guarded, provider).inFlight === 0)
  })

  it("ends when the reader of a large body stands still", async () => {
    await using provider = await served((response) => response.end(large))
    await using guarded = guardedFetch({ readerTimeout: 40 })
    const response = await guarded(provider.url)
    await until(() => healthOf(guarded, provider).inFlight === 0)
    const error = await failure(response.text())
    assert.instanceOf(error, GuardedFetchError)
    assert.strictEqual(error.code, "reader_timeout")
    assert.strictEqual(healthOf(guarded, provider).failed, 0)
  })

  it("ends when the reader of a large body of a failed response stands still", async () => {
    await using provider = await served((response) => {
      response.writeHead(500)
      response.write(large)
    })
    await using guarded = guardedFetch({ readerTimeout: 40 })
    const response = await guarded(provider.url)
    assert.strictEqual(response.status, 500)
    await until(() => provider.heard[0]!.hasLeft)
    assert.strictEqual((await failure(response.text())).code, "reader_timeout")
  })

  it("is a success when the reader leaves after the end of the answer", async () => {
    await using provider = await served(events([role, word("Good"), stop], "hang"))
    await using guarded = guardedFetch()
    const response = await guarded(`${provider.url}${chat}`, ask)
    const reader = response.body!.getReader()
    while (!new TextDecoder().decode((await reader.read()).value).includes("[DONE]"));
    await reader.cancel()
    const { calls, failed } = healthOf(guarded, provider)
    assert.deepStrictEqual([calls, failed], [1, 0])
  })

  it("that its caller aborts is rejected with his reason, and says nothing about the target", async () => {
    await using provider = await served(() => {})
    await using guarded = guardedFetch()
    const abort = new AbortController()
    const call = guarded(provider.url, { signal: abort.signal })
    await until(() => provider.heard.length === 1)
    abort.abort("no longer")
    assert.strictEqual(await failure(call), "no longer")
    await until(() => provider.heard[0]!.hasLeft)
    const { calls, inFlight } = healthOf(guarded, provider)
    assert.deepStrictEqual([calls, inFlight], [0, 0])
  })

  it("that is aborted while it waits for a slot leaves its place, and is not sent", async () => {
    await using provider = await served(() => {})
    await using guarded = guardedFetch({ bulkhead: { concurrency: 1, queue: 5 } })
    const [first, second] = [new AbortController(), new AbortController()]
    const one = guarded(provider.url, { signal: first.signal })
    await until(() => provider.heard.length === 1)
    const other = guarded(provider.url, { signal: second.signal })
    await until(() => healthOf(guarded, provider).waiting === 1)
    second.abort()
    assert.strictEqual((await failure(other)).name, "AbortError")
    assert.strictEqual(healthOf(guarded, provider).waiting, 0)
    first.abort()
    assert.strictEqual((await failure(one)).name, "AbortError")
    assert.strictEqual(provider.heard.length, 1)
  })

  it("that is aborted in its body has an error in it, and the connection is closed", async () => {
    await using provider = await served(events([role, word("Good")], "hang"))
    await using guarded = guardedFetch()
    const abort = new AbortController()
    const response = await guarded(`${provider.url}${chat}`, { ...ask, signal: abort.signal })
    const text = textOf(response)
    abort.abort()
    assert.include(await text, "and AbortError")
    await until(() => provider.heard[0]!.hasLeft)
    assert.strictEqual(healthOf(guarded, provider).inFlight, 0)
  })

  it("leaves no listener at the signal of its caller", async () => {
    await using provider = await served(json(200, {}))
    await using guarded = guardedFetch()
    const signal = new AbortController().signal
    let listeners = 0
    const { addEventListener, removeEventListener } = signal
    signal.addEventListener = (...args: Parameters<typeof addEventListener>) => {
      listeners++
      return addEventListener.apply(signal, args)
    }
    signal.removeEventListener = (...args: Parameters<typeof removeEventListener>) => {
      listeners--
      return removeEventListener.apply(signal, args)
    }
    for (let i = 0; i < 5; i++) await (await guarded(provider.url, { signal })).text()
    assert.strictEqual(listeners, 0)
  })

  it("is one of a thousand at once, each of which has its answer", async () => {
    await using provider = await served((response, { url }) => response.end(url))
    await using guarded = guardedFetch()
    const asked = Array.from({ length: 1000 }, (_, i) => `/${i}`)
    const got = await Promise.all(asked.map(async (path) => (await guarded(`${provider.url}${path}`)).text()))
    assert.deepStrictEqual(got, asked)
    assert.strictEqual(healthOf(guarded, provider).inFlight, 0)
  })

  it("is ended when the guarded fetch is disposed of, and another one is refused", async () => {
    await using provider = await served(() => {})
    const guarded = guardedFetch()
    const call = failure(guarded(provider.url))
    await until(() => provider.heard.length === 1)
    await guarded[Symbol.asyncDispose]()
    assert.strictEqual((await call).code, "closed")
    assert.strictEqual((await failure(guarded(provider.url))).code, "closed")
    await until(() => provider.heard[0]!.hasLeft)
    assert.deepStrictEqual(guarded.health(), { status: "up", targets: {} })
  })

  it("holds nothing after an abort at any moment of it", { timeout: 60_000 }, async () => {
    await using provider = await served((response, heard) => {
      const parts = [role, word("Good"), word(" day"), large, stop]
      response.writeHead(200, { "content-type": "text/event-stream" })
      const next = () => {
        const part = parts.shift()
        if (part === undefined || heard.hasLeft) return void response.end()
        response.write(part)
        setImmediate(next)
      }
      next()
    })
    await using guarded = guardedFetch({ bulkhead: { concurrency: 4, queue: 400 }, breaker: { failureRate: "off" } })
    const draw = Effect.runSync(Random.next.pipe(Effect.replicateEffect(400), Random.withSeed("moments")))
    const call = async (moment: number, i: number) => {
      const abort = new AbortController()
      setTimeout(() => abort.abort(), moment * 60)
      try {
        const response = await guarded(`${provider.url}${i % 2 === 0 ? chat : ""}`, { ...ask, signal: abort.signal })
        return i % 3 === 0 ? await response.text() : await response.body!.cancel()
      } catch (error) {
        assert.strictEqual((error as Error).name, "AbortError")
      }
    }
    await Promise.all(draw.map(call))
    await until(() => healthOf(guarded, provider).inFlight === 0)
    assert.strictEqual(healthOf(guarded, provider).waiting, 0)
    await until(() => provider.open() === 0)
  })
})
