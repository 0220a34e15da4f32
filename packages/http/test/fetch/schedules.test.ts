/** Whatever callers, providers and time do: no slot is held too long or twice, and nobody waits for ever. */
import { assert, describe, it } from "@effect/vitest"
import { guardedFetch } from "@switchgear/http/fetch"
import { Effect, Schema } from "effect"
import { role, stop, until, word } from "./served.ts"

const small = (maximum: number) => Schema.Int.check(Schema.isBetween({ minimum: 0, maximum }))

const Program = Schema.Struct({
  concurrency: Schema.Literals([1, 2, 3]),
  queue: Schema.Literals([0, 2, 20]),
  maxAttempts: Schema.Literals([1, 2, 3]),
  attemptTimeout: Schema.Literals([8, 1000]),
  deadline: Schema.Literals([15, 1000]),
  onRefused: Schema.Literals(["respond", "throw"]),
  disposedAt: Schema.Literals([3, 10, 1000, 1000]),
  calls: Schema.Array(Schema.Struct({
    at: small(10),
    path: Schema.Literals(["/v1/chat/completions", "/"]),
    type: Schema.Literals(["text/event-stream", "application/json", "text/plain"]),
    status: Schema.Literals([200, 200, 200, 204, 404, 429, 500, 503]),
    head: Schema.Literals(["at once", "soon", "rejects", "throws", "never"]),
    pieces: small(4),
    pieceIs: Schema.Literals(["role", "word", "stop", "large"]),
    pause: small(3),
    ends: Schema.Literals(["closes", "errors", "hangs"]),
    heeds: Schema.Literals(["aborts", "nothing"]),
    reader: Schema.Literals(["text", "clones", "cancels", "reads one and cancels", "nothing"]),
    aborts: Schema.Literals([0, 2, 6, 12, 1000, 1000, 1000])
  })).check(Schema.isMinLength(1), Schema.isMaxLength(12))
})

type Call = typeof Program.Type["calls"][number]

const sleep = (millis: number) => new Promise((resolve) => setTimeout(resolve, millis))

const texts = { role, word: word("Good"), stop, large: "x".repeat(50_000) }

/** A provider that counts the requests that it works on. */
const providerOf = () => {
  let [active, most] = [0, 0]
  const fetch = async (_: unknown, init: RequestInit | undefined): Promise<Response> => {
    const call: Call = JSON.parse(new Headers(init!.headers).get("x-call")!)
    const signal = init!.signal!
    let isActive = true
    most = Math.max(most, ++active)
    const end = () => {
      if (isActive) active--
      isActive = false
    }
    signal.addEventListener("abort", end)
    const aborted = call.heeds === "nothing" ? new Promise<never>(() => {}) : new Promise<never>((_, reject) => {
      signal.addEventListener("abort", () => reject(signal.reason))
    })
    aborted.catch(() => {})
    if (call.head !== "at once") await Promise.race([aborted, call.head === "never" ? new Promise(() => {}) : sleep(2)])
    if (call.head === "rejects" || call.head === "throws") {
      end()
      throw new TypeError("fetch failed")
    }
    const pieces = Array.from({ length: call.pieces }, () => new TextEncoder().encode(texts[call.pieceIs]))
    const body = call.status === 204 ? null : new ReadableStream<Uint8Array>({
      pull: async (controller) => {
        if (call.pause > 0) await Promise.race([aborted, sleep(call.pause)])
        const piece = pieces.shift()
        // What follows the end of an answer is no work, and holds no slot.
        if (call.pieceIs === "stop") end()
        if (piece !== undefined) return controller.enqueue(piece)
        if (call.ends === "hangs") return await Promise.race([aborted, new Promise<never>(() => {})])
        end()
        if (call.ends === "errors") controller.error(new TypeError("terminated"))
        else controller.close()
      },
      cancel: end
    })
    // What is left of a refusal is none, either.
    if (body === null || call.status >= 400) end()
    return new Response(body, { status: call.status, headers: { "content-type": call.type } })
  }
  return { fetch, active: () => active, most: () => most }
}

const read = async (response: Response, { reader }: Call): Promise<unknown> => {
  switch (reader) {
    case "text":
      return response.text()
    case "clones": {
      const clone = response.clone()
      return Promise.all([response.text(), clone.text()])
    }
    case "cancels":
      return response.body?.cancel()
    case "reads one and cancels": {
      const reader = response.body?.getReader()
      await reader?.read()
      return reader?.cancel()
    }
    case "nothing":
      return undefined
  }
}

const play = async (program: typeof Program.Type): Promise<void> => {
  const { attemptTimeout, calls, concurrency, deadline, disposedAt, maxAttempts, onRefused, queue } = program
  const provider = providerOf()
  const guarded = guardedFetch({
    fetch: provider.fetch,
    bulkhead: { concurrency, queue },
    retry: { maxAttempts, baseDelay: 1 },
    breaker: { failureRate: "off" },
    // A 429 would end what is to be seen here.
    rateLimiter: { maxRetryAfter: 1 },
    attemptTimeout,
    deadline,
    readerTimeout: 40,
    onRefused
  })
  const started = calls.map(async (call) => {
    const abort = new AbortController()
    await sleep(call.at)
    const aborting = setTimeout(() => abort.abort("enough"), Math.min(call.aborts, 120))
    try {
      const response = await guarded(`https://api.test${call.path}`, {
        method: "POST",
        body: JSON.stringify({ model: "gpt", stream: call.type === "text/event-stream" }),
        headers: { "x-call": JSON.stringify(call) },
        signal: abort.signal
      })
      await read(response, call)
    } catch {
      // Why is seen elsewhere.
    } finally {
      if (call.reader !== "nothing") clearTimeout(aborting)
    }
  })
  const disposing = setTimeout(() => void guarded[Symbol.asyncDispose](), disposedAt)
  await Promise.all(started)
  clearTimeout(disposing)
  const target = () => guarded.health().targets["api.test"]
  // Of those that nobody reads, the last is aborted, or its reader's time is over.
  await until(() => (target()?.inFlight ?? 0) === 0)
  assert.strictEqual(target()?.waiting ?? 0, 0)
  await until(() => provider.active() === 0)
  assert.isAtMost(provider.most(), concurrency)
  await guarded[Symbol.asyncDispose]()
}

describe("a guarded fetch under any schedule", () => {
  it.live.prop(
    "holds no slot after the end of a call, never more than there are, and settles all that was asked",
    { program: Program },
    ({ program }) => Effect.promise(() => play(program)),
    { timeout: 120_000, arbitrary: { runs: Number(process.env["SWITCHGEAR_RUNS"] ?? 60) } }
  )
})
