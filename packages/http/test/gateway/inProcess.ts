/** The gateway of these tests in the process, in the place of the one at an address. */
import { type OpenedGateway, openGateway, type OpenGatewayOptions } from "@switchgear/http/gateway"
import { Effect, type Scope } from "effect"
import * as Yaml from "effect/encoding/Yaml"
import { overProvider, type Running, running, runningOver, withListen } from "./running.ts"
import { type Provided, providing } from "./spoken.ts"

/** What a client needs of a gateway, wherever that is. */
export type Reached = Pick<Running, "fetch" | "url">

export interface Inside extends Reached {
  readonly gateway: OpenedGateway
}

/** Opens a gateway for as long as the scope is. */
export const opened = (
  source: Parameters<typeof openGateway>[0],
  options?: OpenGatewayOptions
): Effect.Effect<OpenedGateway, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.promise(() => openGateway(source, options)),
    (gateway) => Effect.promise(() => gateway[Symbol.asyncDispose]())
  )

export const insideOver = (
  provider: string,
  more = "",
  options?: OpenGatewayOptions
): Effect.Effect<Inside, never, Scope.Scope> =>
  Effect.map(
    opened(Yaml.parse(withListen(provider, more)) as never, options),
    (gateway) => ({ url: "http://gateway", fetch: gateway.fetch as typeof fetch, gateway })
  )

export const inside = (more = "", options?: OpenGatewayOptions) => overProvider((url) => insideOver(url, more, options))

/** Over servers that speak the APIs besides chat completions. */
export const spokenInside = (more = ""): Effect.Effect<Inside & Provided, never, Scope.Scope> =>
  Effect.gen(function*() {
    const { fileOf, ...providers } = yield* providing(more)
    const gateway = yield* opened(Yaml.parse(fileOf()) as never)
    return { ...providers, url: "http://gateway", fetch: gateway.fetch as typeof fetch, gateway }
  })

/** Where a gateway is. */
export interface Place {
  readonly name: string
  readonly running: (more?: string) => Effect.Effect<Reached & Pick<Running, "provider">, never, Scope.Scope>
  readonly runningOver: (provider: string, more?: string) => Effect.Effect<Reached, never, Scope.Scope>
}

export const atAddress: Place = { name: "at an address", running, runningOver }
export const inProcess: Place = { name: "in the process", running: inside, runningOver: insideOver }
