/** A body is judged by its content: what counts, what is sent again, and what its reader is told. */
import { assert, describe, it } from "@effect/vitest"
import { guardedFetch, type GuardedFetchOptions } from "@switchgear/http/fetch"
import { role, stop, word } from "./served.ts"

const event = (type: string, fields: object = {}) => `event: ${type}\ndata: ${JSON.stringify({ type, ...fields })}\n\n`

const completed = (text: string, finish: string | null = null) =>
  `data: ${
    JSON.stringify({
      id: "cmpl-1",
      object: "text_completion",
      created: 1,
      model: "gpt",
      choices: [{ text, index: 0, logprobs: null, finish_reason: finish }]
    })
  }\n\n`

/** The streams of an API: how they begin, go on and end, and an error in one. */
const apis = {
  "/v1/chat/completions": {
    begin: role,
    content: word("Good"),
    keepAlive: ": keep-alive\n\n",
    end: stop,
    error: "data: {\"error\":{\"message\":\"busy\",\"type\":\"server_error\",\"code\":null,\"param\":null}}\n\n"
  },
  "/v1/completions": {
    begin: completed(""),
    content: completed("Good"),
    keepAlive: ": keep-alive\n\n",
    end: `${completed("", "stop")}data: [DONE]\n\n`,
    error: "data: {\"error\":{\"message\":\"busy\",\"type\":\"server_error\",\"code\":null,\"param\":null}}\n\n"
  },
  "/v1/responses": {
    begin: event("response.created", { response: { status: "in_progress" } }),
    content: event("response.output_text.delta", { delta: "Good", sequence_number: 1 }),
    keepAlive: event("response.in_progress", { response: {} }),
    end: event("response.completed", { response: { status: "completed", output: [] } }),
    error: event("error", { code: "server_error", message: "busy" })
  },
  "/v1/messages": {
    begin: event("message_start", { message: {} }),
    content: event("content_block_delta", { index: 0, delta: { type: "text_delta", text: "Good" } }),
    keepAlive: event("ping"),
    end: event("message_delta", { delta: { stop_reason: "end_turn" } }) + event("message_stop"),
    error: event("error", { error: { type: "overloaded_error", message: "busy" } })
  }
}

type Ends = "closes" | "hangs" | Error

/** A response of these pieces, each in its turn. */
const responseOf =
  (pieces: ReadonlyArray<string>, ends: Ends, type = "text/event-stream", status = 200) => (signal: AbortSignal) => {
    const left = pieces.map((piece) => new TextEncoder().encode(piece))
    const body = new ReadableStream<Uint8Array>({
      start: (controller) => signal.addEventListener("abort", () => controller.error(signal.reason)),
      pull: (controller) => {
        const piece = left.shift()
        if (piece !== undefined) controller.enqueue(piece)
        else if (ends === "closes") controller.close()
        else if (ends === "hangs") return new Promise(() => {})
        else controller.error(ends)
        return undefined
      }
    })
    return new Response(body, { status, headers: { "content-type": type } })
  }

/** A guarded fetch of what answers in turn, the last one again and again. */
const guardedOf = (
  answers: ReadonlyArray<(signal: AbortSignal) => Response | Promise<Response>>,
  options: GuardedFetchOptions = {}
) => {
  const sent: Array<string> = []
  const guarded = guardedFetch({
    retry: { maxAttempts: 2, baseDelay: 0 },
    ...options,
    fetch: async (_, init) => {
      const answer = answers[Math.min(sent.length, answers.length - 1)]!
      sent.push(String(init!.body))
      return answer(init!.signal!)
    }
  })
  return { guarded, sent, health: () => guarded.health().targets["api.test"]! }
}

const body = JSON.stringify({ model: "gpt", stream: true })

/** The text of a response, and the error at its end. */
const read = async (response: Response): Promise<readonly [text: string, code: string | undefined]> => {
  let text = ""
  try {
    for await (const piece of response.body!) text += new TextDecoder().decode(piece)
    return [text, undefined]
  } catch (error) {
    return [text, (error as { readonly code?: string }).code ?? (error as Error).message]
  }
}

for (const [path, { begin, content, end, error, keepAlive }] of Object.entries(apis)) {
  const url = `https://api.test${path}`
  const post = { method: "POST", body }

  describe(`a stream of ${path}`, () => {
    it("keeps its bytes, cut anywhere, and is a success at its end", async () => {
      const text = begin + keepAlive + content + content + end
      for (let size = 1; size < 40; size += 7) {
        const pieces = Array.from(
          { length: Math.ceil(text.length / size) },
          (_, i) => text.slice(i * size, (i + 1) * size)
        )
        const { guarded, health, sent } = guardedOf([responseOf(pieces, "closes")])
        assert.deepStrictEqual(await read(await guarded(url, post)), [text, undefined])
        const { calls, failed, inFlight } = health()
        assert.deepStrictEqual([calls, failed, inFlight, sent], [1, 0, 0, [body]])
      }
    })

    it("that ends without its end has an error in its body, and counts as a failure", async () => {
      for (const ends of ["closes", new Error("reset")] as const) {
        const { guarded, health, sent } = guardedOf([responseOf([begin, content], ends)])
        const [text, code] = await read(await guarded(url, post))
        assert.deepStrictEqual([text, code], [begin + content, ends === "closes" ? "truncated_reply" : "reset"])
        assert.deepStrictEqual([health().failed, sent.length], [1, 1])
      }
    })

    it("that ends before its first content is asked for again, and its caller sees nothing of it", async () => {
      for (const ends of ["closes", new Error("reset")] as const) {
        const { guarded, health, sent } = guardedOf([
          responseOf([begin, keepAlive], ends),
          responseOf([begin, content, end], "closes")
        ])
        assert.deepStrictEqual(await read(await guarded(url, post)), [begin + content + end, undefined])
        assert.deepStrictEqual([health().calls, health().failed, sent.length], [2, 1, 2])
      }
    })

    it("that tells an error before its first content is asked for again, and then passed on as it came", async () => {
      const { guarded, health, sent } = guardedOf([responseOf([begin, error], "closes")])
      assert.deepStrictEqual(await read(await guarded(url, post)), [begin + error, undefined])
      assert.deepStrictEqual([health().failed, sent.length], [2, 2])
    })

    it("that tells an error after its first content is passed on, and counts as a failure", async () => {
      const { guarded, health, sent } = guardedOf([responseOf([begin, content, error, keepAlive], "closes")])
      assert.deepStrictEqual(await read(await guarded(url, post)), [begin + content + error + keepAlive, undefined])
      assert.deepStrictEqual([health().failed, sent.length], [1, 1])
    })

    it("without content is given up after the time-out of its first content", async () => {
      const { guarded, health, sent } = guardedOf([responseOf([begin, keepAlive, keepAlive], "hangs")], {
        firstContentTimeout: 30
      })
      const response = await guarded(url, post)
      assert.deepStrictEqual([response.status, response.headers.get("x-should-retry")], [504, "false"])
      assert.deepStrictEqual([health().failed, health().inFlight, sent.length], [1, 0, 1])
    })

    it("that falls silent is ended after the idle time-out, keep-alives or not", async () => {
      const alive = (signal: AbortSignal) => {
        const response = responseOf([begin, content], "hangs")(signal)
        const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>()
        void response.body!.pipeTo(writable, { preventClose: true }).catch(() => {})
        return new Response(readable, response)
      }
      for (const answer of [responseOf([begin, content, keepAlive], "hangs"), alive]) {
        const { guarded, health } = guardedOf([answer], { idleTimeout: 30 })
        const [text, code] = await read(await guarded(url, post))
        assert.deepStrictEqual([text.startsWith(begin + content), code], [true, "idle_timeout"])
        assert.deepStrictEqual([health().failed, health().inFlight], [1, 0])
      }
    })
  })
}

describe("a chat completion that says nothing", () => {
  it("is no answer, and ends as it came if it tells its end", async () => {
    const finish = stop.replace("data: [DONE]\n\n", "")
    const post = { method: "POST", body }
    for (const text of [role + stop, role + finish]) {
      const { guarded, health } = guardedOf([responseOf([text], "closes")], { retry: { maxAttempts: 1 } })
      assert.deepStrictEqual(await read(await guarded("https://api.test/v1/chat/completions", post)), [text, undefined])
      assert.strictEqual(health().failed, 1)
    }
    const { guarded } = guardedOf([responseOf([], "closes")], { retry: { maxAttempts: 1 } })
    assert.deepStrictEqual(await read(await guarded("https://api.test/v1/chat/completions", post)), [
      "",
      "malformed_reply"
    ])
  })
})

describe("a chat completion that calls a tool without arguments", () => {
  it("is an answer where the tool takes none, and several choices are one where they were asked for", async () => {
    const call = { index: 0, id: "1", type: "function", function: { name: "now", arguments: "" } }
    const chunk = (fields: object) => `data: ${JSON.stringify({ choices: [{ index: 0, ...fields }] })}\n\n`
    const text = chunk({ delta: { tool_calls: [call] } }) + chunk({ delta: {}, finish_reason: "tool_calls" }) +
      "data: [DONE]\n\n"
    const tools = [{ type: "function", function: { name: "now", parameters: { type: "object", properties: {} } } }]
    const { guarded, health } = guardedOf([responseOf([text], "closes")])
    const response = await guarded("https://api.test/v1/chat/completions", {
      method: "POST",
      body: JSON.stringify({ model: "gpt", stream: true, tools })
    })
    assert.deepStrictEqual(await read(response), [text, undefined])
    assert.deepStrictEqual([health().calls, health().failed], [1, 0])
    const one = guardedOf([responseOf([role + word("Good") + stop.replace("data: [DONE]\n\n", "")], "closes")])
    const two = await one.guarded("https://api.test/v1/chat/completions", {
      method: "POST",
      body: JSON.stringify({ model: "gpt", stream: true, n: 2 })
    })
    await read(two)
    assert.strictEqual(one.health().failed, 1)
  })
})

describe("a body of JSON of a model", () => {
  const url = "https://api.test/v1/chat/completions"
  const post = { method: "POST", body: "{\"model\":\"gpt\"}" }
  const whole =
    "{\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"Good\"},\"finish_reason\":\"stop\"}]}"
  const json = "application/json"

  it("with an error in a 200 counts as a failure, is asked for again, and is passed on as it came", async () => {
    const told = "{\"error\":{\"message\":\"busy\",\"type\":\"server_error\"}}"
    const { guarded, health, sent } = guardedOf([responseOf([told], "closes", json)])
    const response = await guarded(url, post)
    assert.deepStrictEqual([response.status, await response.text()], [200, told])
    assert.deepStrictEqual([health().failed, sent.length], [2, 2])
  })

  it("that breaks off is asked for again", async () => {
    for (const ends of ["closes", new Error("reset")] as const) {
      const { guarded, health, sent } = guardedOf([
        responseOf([whole.slice(0, 30)], ends, json),
        responseOf([whole], "closes", json)
      ])
      assert.strictEqual(await (await guarded(url, post)).text(), whole)
      assert.deepStrictEqual([health().failed, sent.length], [1, 2])
    }
  })
})

describe("a page in the place of an answer", () => {
  const page = "<!doctype html>\n<title>Maintenance</title>\n<p>We are back soon."

  it("counts as a failure and is asked for again, and whoever asked for a stream is told", async () => {
    for (const path of Object.keys(apis)) {
      for (const stream of [true, false]) {
        const { guarded, health, sent } = guardedOf([
          responseOf([page.slice(0, 20), page.slice(20)], "closes", "text/html")
        ])
        const asked = { method: "POST", body: JSON.stringify({ model: "gpt", stream }) }
        const got = await read(await guarded(`https://api.test${path}`, asked))
        const told = path.endsWith("/completions") ? "malformed_reply" : "truncated_reply"
        assert.deepStrictEqual(got, [page, stream ? told : undefined], path)
        assert.deepStrictEqual([health().failed, sent.length], [2, 2])
      }
    }
  })

  it("is passed on where no model was asked", async () => {
    const { guarded, health } = guardedOf([responseOf([page], "closes", "text/html")])
    assert.deepStrictEqual(await read(await guarded("https://api.test/")), [page, undefined])
    assert.strictEqual(health().failed, 0)
  })
})

describe("a stream under another content type", () => {
  it("is judged where a stream was asked for", async () => {
    const { begin, content, end } = apis["/v1/chat/completions"]
    for (const [pieces, code] of [[[begin, content, end], undefined], [[begin, content], "truncated_reply"]] as const) {
      const { guarded } = guardedOf([responseOf(pieces, "closes", "text/plain")])
      const got = await read(await guarded("https://api.test/v1/chat/completions", { method: "POST", body }))
      assert.deepStrictEqual(got, [pieces.join(""), code])
    }
  })
})

describe("a request that no platform sends", () => {
  it("is rejected as by fetch, and says nothing about its target", async () => {
    const used = new Request("https://api.test", { method: "POST", body: "x" })
    await used.text()
    const faulty: ReadonlyArray<Parameters<typeof fetch>> = [
      ["https://api.test", { method: "GET", body: "x" }],
      ["https://api.test", { method: "no method" }],
      ["https://api.test", { headers: { "no name": "x" } }],
      ["https://api.test", { headers: { name: "no\nvalue" } }],
      ["https://api.test", { body: Symbol("none") as never, method: "POST" }],
      ["https://api.test", { body: new ReadableStream(), method: "POST" }],
      ["https://api.test", { body: new ReadableStream(), method: "POST", duplex: "half", keepalive: true } as never],
      ["https://api.test", { credentials: "all" as never }],
      ["https://api.test", { mode: "navigate" }],
      ["https://api.test", { cache: "only-if-cached" }],
      [used]
    ]
    const guarded = guardedFetch({ retry: { maxAttempts: 2 } })
    for (const call of faulty) {
      const [bare, behind] = await Promise.all(
        [fetch, guarded].map((each) => each(...call).catch((error: Error) => [error.name, error.message]))
      )
      assert.deepStrictEqual(behind, bare)
      assert.strictEqual(guarded.health().targets["api.test"]!.calls, 0)
    }
  })
})

describe("a failed response", () => {
  const statuses = [400, 401, 403, 404, 408, 409, 413, 422, 425, 429, 500, 501, 502, 503, 504, 529]
  const counted = [408, 500, 502, 503, 504, 529]
  const again = [408, 409, 425, 429, 500, 502, 503, 529]

  it("counts and is sent again by its status, as everywhere in this library", async () => {
    const got = { counted: [] as Array<number>, again: [] as Array<number> }
    for (const status of statuses) {
      const { guarded, health, sent } = guardedOf([responseOf(["{}"], "closes", "application/json", status)], {
        // A 429 without a wait pauses for a second, which is longer than anybody waits here.
        rateLimiter: { maxWait: "2 seconds" },
        retry: { maxAttempts: 2, baseDelay: 0 }
      })
      const response = await guarded("https://api.test/v1/chat/completions", { method: "POST", body: "{}" })
      assert.strictEqual(response.status, status)
      assert.strictEqual(await response.text(), "{}")
      assert.strictEqual(response.headers.get("x-should-retry"), sent.length === 2 ? "false" : null)
      if (health().failed > 0) got.counted.push(status)
      if (sent.length > 1) got.again.push(status)
    }
    assert.deepStrictEqual(got, { counted, again })
  })

  it("is passed on to its end, however long, and breaks off where it does", async () => {
    const pieces = Array.from({ length: 40 }, (_, i) => String(i).repeat(5000))
    const ends: ReadonlyArray<readonly [Ends, string | undefined]> = [
      ["closes", undefined],
      [new Error("reset"), "reset"],
      ["hangs", "idle_timeout"]
    ]
    for (const [end, code] of ends) {
      const { guarded, health } = guardedOf([responseOf(pieces, end, "text/plain", 500)], {
        idleTimeout: 40,
        retry: { maxAttempts: 1 }
      })
      const response = await guarded("https://api.test")
      assert.deepStrictEqual([response.status, health().failed], [500, 1])
      assert.deepStrictEqual(await read(response), [pieces.join(""), code])
    }
  })

  it("is sent again only where that does no harm", async () => {
    const requests: ReadonlyArray<readonly [path: string, init: RequestInit, requests: number]> = [
      ["/", {}, 2],
      ["/", { method: "PUT", body: "x" }, 2],
      ["/", { method: "DELETE" }, 2],
      ["/", { method: "POST", body: "x" }, 1],
      ["/", { method: "PATCH", body: "x" }, 1],
      ["/", { method: "POST", body: "x", headers: { "idempotency-key": "1" } }, 2],
      ["/v1/embeddings", { method: "POST", body }, 2],
      ["/v1/embeddings", { method: "POST", body: "{}" }, 1],
      ["/v1/messages", { method: "POST", body }, 2],
      ["/v1/threads/1/messages", { method: "POST", body }, 1],
      ["/api/v10/channels/1/messages", { method: "POST", body }, 1],
      ["/v1/responses", { method: "POST", body }, 2],
      ["/forms/1/responses", { method: "POST", body: "{\"answer\":1}" }, 1],
      ["/openai/deployments/d/embeddings", { method: "POST", body: "{}" }, 2],
      ["/v1/responses", { method: "POST", body: "{\"model\": \"gpt\", \"background\": true}" }, 1],
      ["/openai/deployments/d/chat/completions", { method: "POST", body: new TextEncoder().encode("{}") }, 2],
      ["/v1/chat/completions", { method: "POST", body: new Blob(["{}"]).stream(), duplex: "half" } as RequestInit, 1],
      ["/v1/files", { method: "POST", body: new FormData() }, 1]
    ]
    for (const [path, init, requests_] of requests) {
      const { guarded, sent } = guardedOf([responseOf([], "closes", "text/plain", 500)])
      await guarded(`https://api.test${path}`, init)
      assert.strictEqual(sent.length, requests_, `${init.method} ${path}`)
    }
  })

  it("with a wait pauses its target, and is told again when that is over", async () => {
    const limited = () =>
      new Response("{}", { status: 429, headers: { "retry-after": "60", "content-type": "application/json" } })
    const { guarded, health, sent } = guardedOf([limited])
    const url = "https://api.test/v1/chat/completions"
    assert.strictEqual((await guarded(url, { method: "POST", body })).status, 429)
    const refused = await guarded(url, { method: "POST", body })
    assert.strictEqual(refused.status, 429)
    assert.strictEqual((await refused.json() as any).error.code, "rate_limit_exceeded")
    assert.deepStrictEqual(
      ["retry-after", "x-should-retry"].map((name) => refused.headers.get(name)),
      ["60", "false"]
    )
    assert.strictEqual(sent.length, 1)
    assert.isAbove(health().pausedFor!, 59_000)
    guarded.control("api.test").resume()
    await guarded(url, { method: "POST", body })
    assert.strictEqual(sent.length, 2)
  })
})
