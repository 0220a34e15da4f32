/** A gateway on sockets, over a provider on sockets. */
import { Gateway, GatewayConfig } from "@switchgear/http/gateway"
import { Behaviour, SimulatedProvider } from "@switchgear/http/testing"
import { Effect, type Scope } from "effect"

export const token = "sk-shop-0123456789"

export interface Running {
  readonly url: string
  /** By which it is asked. */
  readonly fetch: typeof fetch
  readonly provider: SimulatedProvider.SimulatedProvider["Service"]
  readonly gateway: Gateway.Gateway
  readonly reload: (more: string) => Effect.Effect<void, GatewayConfig.ConfigInvalid>
}

/** What every file of these tests says. */
const fileOf = (provider: string, more: string): string => `
providers:
  sim: { baseUrl: ${provider}, speaks: [chat, embeddings, messages, responses] }
models:
  first: { provider: sim, attemptTimeout: 5 seconds, retry: { maxAttempts: 1 } }
  second: { provider: sim, attemptTimeout: 5 seconds, retry: { maxAttempts: 1 } }
cascades:
  assistant: { steps: [first, second] }
  polite: { steps: [first], canned: { en: "We are busy.", zh: "服务繁忙" } }
prices:
  first: { input: 2, output: 8 }
  second: { input: 1, output: 4 }
${more}`

/** It has one client with {@link token} and any free port, unless `more` says otherwise. */
export const withListen = (provider: string, more: string): string =>
  fileOf(
    provider,
    `${/^listen:/m.test(more) ? "" : "listen: { port: 0 }\n"}${/^clients:/m.test(more) ? "" : oneClient}\n${more}`
  )

const oneClient = `clients: [{ name: shop, token: ${token} }]`

/** `more` is added to the file; it has one client with {@link token} unless `more` says otherwise. */
export const running = (more = "", options: Gateway.Options = {}): Effect.Effect<Running, never, Scope.Scope> =>
  overProvider((url) => runningOver(url, more, options))

/** Over a provider with two models. */
export const overProvider = <A>(
  over: (url: string) => Effect.Effect<A, never, Scope.Scope>
): Effect.Effect<A & Pick<Running, "provider">, never, Scope.Scope> =>
  Effect.gen(function*() {
    const provider = yield* SimulatedProvider.make({
      models: { first: { outcome: Behaviour.ok("Good day") }, second: { outcome: Behaviour.ok("Good evening") } }
    })
    const { url } = yield* SimulatedProvider.serve(provider)
    return { provider, ...(yield* over(url)) }
  }).pipe(Effect.orDie)

/** The same over a provider that is there already. */
export const runningOver = (
  provider: string,
  more = "",
  options: Gateway.Options = {}
): Effect.Effect<Omit<Running, "provider">, never, Scope.Scope> =>
  Effect.gen(function*() {
    const read = (more: string) => GatewayConfig.parse(withListen(provider, more), {})
    const gateway = yield* Effect.flatMap(read(more), (config) => Gateway.make(config, options))
    return {
      url: `http://127.0.0.1:${gateway.address.port}`,
      fetch,
      gateway,
      reload: (more: string) => Effect.flatMap(read(more), gateway.reload)
    }
  }).pipe(Effect.orDie)

/** A response, read whole. */
export interface Got {
  readonly status: number
  readonly headers: Headers
  readonly text: string
  readonly json: any
}

export const ask = (url: string, init: RequestInit = {}): Effect.Effect<Got> =>
  Effect.promise(async (signal) => {
    const response = await fetch(url, { signal, ...init })
    const text = await response.text()
    let json: unknown
    try {
      json = JSON.parse(text)
    } catch {
      json = undefined
    }
    return { status: response.status, headers: response.headers, text, json }
  })

export const chat = (url: string, body: object | string, headers: Record<string, string> = {}): Effect.Effect<Got> =>
  ask(`${url}/v1/chat/completions`, {
    method: "POST",
    headers: { authorization: `Bearer ${token}`, "content-type": "application/json", ...headers },
    body: typeof body === "string" ? body : JSON.stringify(body)
  })

export const hello = { model: "assistant", messages: [{ role: "user", content: "Hello" }] }
