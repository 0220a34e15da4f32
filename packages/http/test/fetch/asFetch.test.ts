/** While nothing is refused, a call has the same result as without the guards. */
import { assert, describe, it } from "@effect/vitest"
import { guardedFetch } from "@switchgear/http/fetch"
import { Effect, Schema } from "effect"
import { completion, events, role, type Served, served, stop, word } from "./served.ts"

const answers = {
  text: (response) => response.writeHead(200, { "content-type": "text/plain", "x-a": "1" }).end("good day"),
  cookies: (response) => response.writeHead(201, { "set-cookie": ["a=1", "b=2"] }).end("ok"),
  empty: (response) => response.writeHead(200, { "content-length": "0" }).end(),
  nothing: (response) => response.writeHead(204).end(),
  notModified: (response) => response.writeHead(304, { etag: "\"1\"" }).end(),
  words: (response) => response.writeHead(200, "Fine").end("x"),
  large: (response) => response.writeHead(200).end("0123456789".repeat(20_000)),
  pieces: (response) => {
    response.writeHead(200)
    let left = 5
    const next = () => left-- > 0 ? (response.write("piece"), setTimeout(next, 1)) : response.end()
    next()
  },
  json: (response) =>
    response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(completion("a"))),
  notJson: (response) => response.writeHead(200, { "content-type": "application/json" }).end("{ no"),
  errorInside: (response) =>
    response.writeHead(200, { "content-type": "application/json" }).end("{\"error\":{\"message\":\"busy\"}}"),
  bad: (response) =>
    response.writeHead(400, { "content-type": "application/json" }).end("{\"error\":{\"message\":\"no\"}}"),
  missing: (response) => response.writeHead(404).end("<html>"),
  broken: (response) => response.writeHead(500).end("broken"),
  busy: (response) => response.writeHead(503, { "retry-after": "1" }).end(),
  largeError: (response) => response.writeHead(500).end("0123456789".repeat(20_000)),
  reset: (response) => response.destroy(),
  resetInBody: (response) => {
    response.writeHead(200, { "content-length": "100" }).write("some")
    setTimeout(() => response.destroy(), 5)
  },
  resetInError: (response) => {
    response.writeHead(500, { "content-length": "100" }).write("some")
    setTimeout(() => response.destroy(), 5)
  },
  notHttp: (response) => response.socket!.end("what?\r\n\r\n"),
  stream: events([role, word("Good"), word(" day"), stop]),
  otherStream: events(["data: tick\n\n", "data: tock\n\n"]),
  streamedError: events([role, "data: {\"error\":{\"message\":\"busy\"}}\n\n"]),
  laterError: events([role, word("Good"), "data: {\"error\":{\"message\":\"busy\"}}\n\n", "data: more\n\n"]),
  echo: (response, { body, headers, method }) => {
    const { accept, "content-length": length, "content-type": type, "x-given": given } = headers
    const kind = type?.replace(/boundary=.*/, "")
    // A form has a boundary of its own each time, which is not always told in a header.
    const text = body.replaceAll(/-+formdata[\w-]+/g, "-")
    const size = text === body ? length : undefined
    response.writeHead(200, { "content-type": "application/json" })
    response.end(JSON.stringify({ method, accept, kind, given, size, text }))
  },
  moved: (response) => response.writeHead(302, { location: "/echo" }).end("there"),
  movedAsIs: (response) => response.writeHead(307, { location: "/echo" }).end(),
  loop: (response) => response.writeHead(302, { location: "/loop" }).end()
} satisfies Record<string, Parameters<typeof served>[0]>

type Name = keyof typeof answers

const bytes = new TextEncoder().encode("some bytes")

/** A body, made anew for each call. */
const bodies: Readonly<Record<string, () => RequestInit["body"]>> = {
  none: () => undefined,
  null: () => null,
  text: () => "{\"model\":\"gpt\",\"stream\":true}",
  bytes: () => bytes.slice(),
  view: () => new DataView(bytes.slice().buffer, 2, 4),
  buffer: () => bytes.slice().buffer,
  parameters: () => new URLSearchParams({ a: "1", b: "ä" }),
  form: () => {
    const form = new FormData()
    form.append("text", "value")
    form.append("file", new Blob(["content"], { type: "text/plain" }), "name.txt")
    return form
  },
  blob: () => new Blob(["content"], { type: "text/css" }),
  stream: () => new Blob(["streamed ", "content"]).stream(),
  wrong: () => Symbol("none") as never
}

/** But for those that differ from one moment to the next. */
const headersIn = ({ headers }: Response) =>
  [...headers].filter(([name]) => !["date", "keep-alive", "connection"].includes(name))

/** How the body of a response is read. */
const readings: Readonly<Record<string, (response: Response) => Promise<unknown>>> = {
  text: (response) => response.text(),
  json: (response) => response.json(),
  bytes: async (response) => Buffer.from(await response.arrayBuffer()).toString("latin1"),
  blob: async (response) => {
    const blob = await response.blob()
    return [blob.type, await blob.text()]
  },
  form: async (response) => [...await response.formData()],
  clones: async (response) => {
    const clone = response.clone()
    return [clone.status, clone.url, headersIn(clone), await response.text(), await clone.text()]
  },
  pieces: async (response) => {
    let text = ""
    if (response.body !== null) {
      for await (const piece of response.body)
        text += Buffer.from(piece).toString(
          "latin1"
        )
    }
    return text
  },
  ownMemory: async (response) => {
    const reader = response.body?.getReader({ mode: "byob" })
    let text = ""
    for (let done = reader === undefined; !done;) {
      const read = await reader!.read(new Uint8Array(7))
      done = read.done
      text += Buffer.from(read.value ?? []).toString("latin1")
    }
    return text
  },
  twice: async (response) => [await response.text(), await response.text()],
  cancelled: async (response) => [await response.body?.cancel("enough"), response.bodyUsed]
}

const keysOf = <K extends string>(record: Readonly<Record<K, unknown>>) =>
  Schema.Literals(Object.keys(record) as Array<K>)

const Program = Schema.Struct({
  answer: keysOf<Name>(answers),
  path: Schema.Literals(["", "/v1/chat/completions", "/v1/responses", "/v1/messages"]),
  method: Schema.Literals(["GET", "POST", "PUT", "DELETE", "HEAD", "PATCH", "get", "no such method"]),
  body: keysOf(bodies),
  input: Schema.Literals(["text", "url", "request", "requestAndOptions", "fieldsOfRequest"]),
  headers: Schema.Literals(["none", "object", "pairs", "headers", "wrong"]),
  redirect: Schema.Literals(["follow", "manual", "error"]),
  reading: keysOf(readings)
})

const headersOf = {
  none: undefined,
  object: { "x-given": "1" },
  pairs: [["x-given", "2"]],
  wrong: { "x y": "3" }
} as const

/** All that can be seen of a call. */
const seen = async (fetch: typeof globalThis.fetch, origin: string, program: typeof Program.Type): Promise<unknown> => {
  const { answer, body, headers, input, method, path, reading, redirect } = program
  const url = `${origin}/${answer}${path}?q=1`
  try {
    const options = {
      method,
      redirect,
      body: bodies[body]!(),
      headers: headers === "headers" ? new Headers({ "x-given": "4" }) : headersOf[headers],
      ...body === "stream" && { duplex: "half" }
    } as RequestInit
    const request = input.includes("equest") ? new Request(url, options) : undefined
    const call = input === "text"
      ? fetch(url, options)
      : input === "url"
      ? fetch(new URL(url), options)
      : input === "request"
      ? fetch(request!)
      : input === "requestAndOptions"
      ? fetch(request!, { headers: { "x-given": "5" }, redirect })
      : fetch(url, request as RequestInit)
    const used = request?.bodyUsed
    const response = await call
    const head = [
      used,
      response.status,
      response.statusText,
      response.ok,
      response.type,
      response.redirected,
      response.url,
      response.body === null,
      response instanceof Response,
      headersIn(response)
    ]
    try {
      return [head, await readings[reading]!(response)]
    } catch (error) {
      return [head, shown(error)]
    }
  } catch (error) {
    return shown(error)
  }
}

const shown = (error: unknown) => {
  const { cause, message, name } = error as Error & { cause?: { code?: string } }
  return { name, message: message.replace(/\d+/g, "0"), cause: cause?.code }
}

/** Good answers that are neither JSON nor events. */
const others: ReadonlyArray<Name> = ["text", "cookies", "empty", "nothing", "words", "large", "pieces", "resetInBody"]

/** Whether it is a stream without the end that the API of its path has, which is an error behind the guards. */
const isCut = ({ answer, body, path }: typeof Program.Type): boolean =>
  answer === "otherStream" || answer === "stream" && path !== "/v1/chat/completions" ||
  body === "text" && others.includes(answer)

const byPath = () =>
  served((response, heard) => {
    const [, name = ""] = heard.url.split(/[/?]/)
    answers[name as Name](response, heard)
  })

const disposed = <A extends AsyncDisposable>(make: () => Promise<A>) =>
  Effect.acquireRelease(
    Effect.promise(make),
    (made) => Effect.promise(() => Promise.resolve(made[Symbol.asyncDispose]()))
  )

describe("a guarded fetch that refuses nothing", () => {
  it.live.prop(
    "gives what fetch gives, to every request, by every answer, however it is read",
    { program: Program },
    Effect.fnUntraced(function*({ program: drawn }) {
      const program = isCut(drawn) ? { ...drawn, path: "" as const } : drawn
      const [one, other] = yield* Effect.all([disposed(byPath), disposed(byPath)])
      const guarded = yield* disposed(() => Promise.resolve(guardedFetch()))
      const plain = (text: unknown) => JSON.stringify(text)?.replaceAll(/127\.0\.0\.1:\d+/g, "host")
      const bare = yield* Effect.promise(() => seen(fetch, one.url, program))
      const behind = yield* Effect.promise(() => seen(guarded, other.url, program))
      assert.strictEqual(plain(behind), plain(bare))
      const asked = ({ heard }: Served) => heard.map(({ method, url }) => [method, url])
      assert.deepStrictEqual(asked(other), asked(one))
      for (const { inFlight } of Object.values(guarded.health().targets)) assert.strictEqual(inFlight, 0)
    }, Effect.scoped),
    { timeout: 120_000, arbitrary: { runs: Number(process.env["SWITCHGEAR_RUNS"] ?? 300) } }
  )
})
