/** A gateway on sockets over servers that speak the APIs besides chat completions, as a test says, byte by byte. */
import { createServer, type IncomingHttpHeaders, type ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"
import { Gateway, GatewayConfig } from "@switchgear/http/gateway"
import { Effect, type Scope } from "effect"
import { ask, type Got, token } from "./running.ts"

/** A request as a provider gets it. */
export interface Heard {
  readonly path: string
  readonly headers: IncomingHttpHeaders
  readonly text: string
  readonly json: any
  /** Whether the gateway has left before the end of its answer. */
  hasLeft: boolean
}

export type Speaks = (response: ServerResponse, heard: Heard) => void

export interface Provided {
  readonly url: string
  /** By which the gateway is asked. */
  readonly fetch: typeof fetch
  /** What a provider says of a model; `one/first` is the model `first` of the provider `one`. */
  readonly set: (model: string, speaks: Speaks) => void
  readonly heard: Array<Heard>
}

export interface Spoken extends Provided {
  readonly gateway: Gateway.Gateway
  /** Takes over a file with another `attemptTimeout` of all models, in seconds. */
  readonly reload: (attemptTimeout: number) => Effect.Effect<void>
}

export const key = "sk-provider-0123456789"
export const otherKey = "sk-provider-9876543210"

const fileOf = (url: string, more: string, attemptTimeout = 5) => `
listen: { port: 0, drainTimeout: 300 millis${/^headAfter/m.test(more) ? ", headAfter: 50 millis" : ""} }
providers:
  one: { baseUrl: ${url}/one, apiKey: [${key}, ${otherKey}], speaks: [chat, embeddings, messages, responses] }
  two: { baseUrl: ${url}/two, speaks: [embeddings, messages, responses] }
  plain: { baseUrl: ${url}/plain, speaks: [chat] }
defaults: { attemptTimeout: ${attemptTimeout} seconds, retry: { maxAttempts: 1 } }
models:
  first: { provider: one }
  second: { provider: two }
  third: { provider: plain }
  near: { provider: one, model: vectors-small }
  other: { provider: two, model: vectors-large }
  fragile: { provider: one, breaker: { minimumCalls: 2, window: { lastCalls: 2 } } }
  limited: { provider: one, rateLimiter: { limits: [{ resource: requests, limit: 100, per: 1 minute }] } }
  far: { provider: two, model: vectors-small }
cascades:
  assistant: { steps: [third, first, second] }
  vectors: { steps: [near, other, far] }
  chatting: { steps: [third] }
  polite: { steps: [first], canned: { en: We are busy. } }
  fresh: { steps: [first], cache: { timeToLive: 1 minute } }
prices:
  first: { input: 2, output: 8, cachedInput: 1 }
  second: { input: 1, output: 4 }
  vectors-small: { input: 1, output: 0 }
${more.replace(/^headAfter.*$/m, "")}`

const oneClient = `clients: [{ name: shop, token: ${token} }]`

type Providers = Pick<Provided, "heard" | "set"> & {
  readonly fileOf: (attemptTimeout?: number) => string
}

/** The providers alone, and the file of a gateway over them. */
export const providing = (more = ""): Effect.Effect<Providers, never, Scope.Scope> =>
  Effect.gen(function*() {
    const heard: Array<Heard> = []
    const scripts = new Map<string, Speaks>()
    const server = createServer((request, response) => {
      const pieces: Array<Buffer> = []
      request.on("data", (piece) => pieces.push(piece))
      request.on("end", () => {
        const text = Buffer.concat(pieces).toString()
        const json = JSON.parse(text)
        const path = request.url ?? ""
        const one: Heard = { path, headers: request.headers, text, json, hasLeft: false }
        heard.push(one)
        response.on("close", () => (one.hasLeft = !response.writableFinished))
        response.on("error", () => {})
        const speaks = scripts.get(`${path.split("/")[1]}/${json.model}`)
        if (speaks === undefined) send(500, { error: { message: "not set", type: "server_error" } })(response, one)
        else speaks(response, one)
      })
    })
    yield* Effect.callback<void>((resume) => void server.listen(0, "127.0.0.1", () => resume(Effect.void)))
    yield* Effect.addFinalizer(() =>
      Effect.sync(() => {
        server.closeAllConnections()
        server.close()
      })
    )
    const { port } = server.address() as AddressInfo
    const others = /^clients:/m.test(more) ? more : `${oneClient}\n${more}`
    return {
      heard,
      set: (model: string, speaks: Speaks) => void scripts.set(model, speaks),
      fileOf: (attemptTimeout?: number) => fileOf(`http://127.0.0.1:${port}`, others, attemptTimeout)
    }
  })

export const speaking = (more = ""): Effect.Effect<Spoken, never, Scope.Scope> =>
  Effect.gen(function*() {
    const { fileOf, heard, set } = yield* providing(more)
    const read = (attemptTimeout?: number) => GatewayConfig.parse(fileOf(attemptTimeout), {})
    const gateway = yield* Effect.flatMap(read(), (config) => Gateway.make(config))
    return {
      url: `http://127.0.0.1:${gateway.address.port}`,
      fetch,
      heard,
      gateway,
      reload: (attemptTimeout: number) => Effect.orDie(Effect.flatMap(read(attemptTimeout), gateway.reload)),
      set
    }
  }).pipe(Effect.orDie)

/** A whole answer. */
export const send =
  (status: number, body: object | string, headers: Readonly<Record<string, string>> = {}): Speaks => (response) => {
    response.writeHead(status, { "content-type": "application/json", ...headers })
    response.end(typeof body === "string" ? body : JSON.stringify(body))
  }

/** A stream as the provider wrote it: without what its event with the usage tells of the answer, which it has once at most. */
export const asWritten = (text: string): string =>
  text.replace(/(data:\s*\{)(?:"x-switchgear-[a-z-]+":"[^"]*",)+/, "$1")

export type Part = string | "cut" | "hang"

/** A stream of parts, each written by itself; `cut` breaks the connection, and `hang` says nothing more. */
export const stream = (...parts: ReadonlyArray<Part>): Speaks => (response) => {
  response.writeHead(200, { "content-type": "text/event-stream" })
  response.flushHeaders()
  const next = (i: number): void => {
    const part = parts[i]
    if (part === undefined) return void response.end()
    if (part === "hang") return
    if (part === "cut") return void response.destroy()
    response.write(part, () => setImmediate(next, i + 1))
  }
  next(0)
}

export const post = (
  url: string,
  path: string,
  body: object | string,
  headers: Record<string, string> = {}
): Effect.Effect<Got> =>
  ask(url + path, {
    method: "POST",
    headers: { authorization: `Bearer ${token}`, "content-type": "application/json", ...headers },
    body: typeof body === "string" ? body : JSON.stringify(body)
  })

/** Waits until the gateway has left a request. */
export const untilLeft = (heard: ReadonlyArray<Heard>): Effect.Effect<void> =>
  Effect.asVoid(
    Effect.repeat(Effect.delay(Effect.sync(() => heard.some(({ hasLeft }) => hasLeft)), 5), { until: (left) => left })
  )

export const untilHeard = (heard: ReadonlyArray<Heard>): Effect.Effect<void> =>
  Effect.asVoid(Effect.repeat(Effect.delay(Effect.sync(() => heard.length), 5), { until: (n) => n > 0 }))

/** A client whose tokens are counted, and come back slowly. */
export const counted =
  `clients: [{ name: shop, token: ${token}, limits: [{ resource: tokens, limit: 1000000, per: 30 days }] }]`

/** The tokens that the first of two equal calls took, by what their heads say is left: each has taken its estimate then. */
export const tokensBetween = (first: Got, second: Got): number => {
  const left = ({ headers }: Got) => Number(headers.get("x-ratelimit-remaining-tokens"))
  return left(first) - left(second)
}
