/** Servers that answer as no server should: what they send is the caller's as behind the platform's fetch, and holds nothing. */
import { assert, describe, it } from "@effect/vitest"
import { guardedFetch } from "@switchgear/http/fetch"
import { type AddressInfo, createServer, type Socket } from "node:net"
import { vi } from "vitest"
import { role, stop, until, word } from "./served.ts"

/** A server that says these bytes to whoever asks, and closes the connection, unless it goes on. */
const saying = async (head: string, more?: { readonly drip: string; readonly every: number }) => {
  const open = new Set<Socket>()
  const server = createServer((socket) => {
    open.add(socket)
    let timer: NodeJS.Timeout | undefined
    socket.on("error", () => {})
    socket.on("close", () => {
      clearInterval(timer)
      open.delete(socket)
    })
    socket.once("data", () => {
      socket.write(Buffer.from(head, "latin1"))
      if (more === undefined) socket.end()
      else timer = setInterval(() => socket.writableNeedDrain || socket.write(more.drip), more.every)
    })
  })
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`
  return {
    host,
    url: `http://${host}/v1/models`,
    open,
    [Symbol.asyncDispose]: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve())
        for (const socket of open) socket.destroy()
      })
  }
}

const seen = async (call: typeof fetch, url: string) => {
  const response = await call(url)
  const { ok, status, statusText } = response.clone()
  return [response.status, response.statusText, response.ok, ok, status, statusText, await response.text()]
}

describe("a response of a guarded fetch", () => {
  const firstLines = [
    "999 Request denied",
    "700 Odd",
    "200 r\xe9ussi",
    "200 \xe2\x9c\x93 fine",
    "200 a\x01b",
    "503 \xff",
    "200 "
  ]
  for (const line of firstLines) {
    it(`that begins with ${JSON.stringify(line)} is the same as behind fetch`, async () => {
      await using provider = await saying(`HTTP/1.1 ${line}\r\ncontent-length: 4\r\n\r\ntext`)
      await using guarded = guardedFetch()
      assert.deepStrictEqual(await seen(guarded, provider.url), await seen(fetch, provider.url))
      assert.strictEqual(guarded.health().targets[provider.host]!.inFlight, 0)
    })
  }

  it("is what a stub gives, also with headers that are plain fields", async () => {
    const stub = { ok: true, status: 200, headers: { "content-type": "text/plain" }, json: () => Promise.resolve(1) }
    await using guarded = guardedFetch({ fetch: () => Promise.resolve(stub as never) })
    const response: unknown = await guarded("https://api.test")
    assert.strictEqual(response, stub)
  })

  it("is a rejection that says what is wrong, where the fetch inside gives none", async () => {
    for (const nothing of [undefined, null]) {
      await using guarded = guardedFetch({ fetch: () => Promise.resolve(nothing as never) })
      const error: unknown = await guarded("https://api.test").catch((error: unknown) => error)
      assert.instanceOf(error, TypeError)
      assert.strictEqual(error.message, `guardedFetch: fetch must give a Response, and gave ${nothing}`)
    }
  })

  it("may have a body that its status forbids, where the fetch inside is not the platform's", async () => {
    const came = Object.defineProperty(new Response("text"), "status", { value: 204 })
    await using guarded = guardedFetch({ fetch: () => Promise.resolve(came) })
    const response = await guarded("https://api.test")
    assert.deepStrictEqual([response.status, await response.text()], [204, "text"])
  })
})

describe("a failed response of a guarded fetch", () => {
  it("whose body drips is the caller's before the deadline", { timeout: 20_000 }, async () => {
    await using provider = await saying("HTTP/1.1 503 Bad\r\n\r\n", { drip: ".", every: 100 })
    await using guarded = guardedFetch({ deadline: "8 seconds" })
    const response = await guarded(provider.url)
    assert.strictEqual(response.status, 503)
    const reader = response.body!.getReader()
    for (let read = 0; read < 12; read++) assert.match(new TextDecoder().decode((await reader.read()).value), /^\.+$/)
    await reader.cancel()
    await until(() => provider.open.size === 0)
  })
})

/** A stream that begins a little later than its head. */
const late = (text: string) =>
  new Response(
    new ReadableStream({
      pull: async (controller) => {
        await new Promise((resolve) => setTimeout(resolve, 20))
        controller.enqueue(new TextEncoder().encode(text))
        controller.close()
      }
    }),
    { headers: { "content-type": "text/event-stream" } }
  )

describe("a call of a guarded fetch during which the wall clock jumps", () => {
  const hour = 3_600_000
  const whole = role + word("Good") + stop

  for (const jump of [hour, -hour, 400 * 24 * hour]) {
    for (const stream of [true, false]) {
      it(`by ${jump / hour} hours is as any other, ${stream ? "streamed" : "whole"}`, async () => {
        const { now } = Date
        const answers = [role, whole]
        let ahead = 0
        const clock = vi.spyOn(Date, "now").mockImplementation(() => now() + ahead)
        try {
          await using guarded = guardedFetch({
            retry: { maxAttempts: 2, baseDelay: 1 },
            fetch: () => {
              ahead += jump
              return Promise.resolve(late(answers.shift()!))
            }
          })
          const body = JSON.stringify({ model: "gpt", stream })
          const response = await guarded("https://api.test/v1/chat/completions", { method: "POST", body })
          assert.strictEqual(await response.text(), whole)
          const { calls, failed } = guarded.health().targets["api.test"]!
          assert.deepStrictEqual([calls, failed], [2, 1])
        } finally {
          clock.mockRestore()
        }
      })
    }
  }
})
