/** A gateway with an address for operators. */
import { Gateway, GatewayConfig } from "@switchgear/http/gateway"
import { SimulatedProvider } from "@switchgear/http/testing"
import { Effect, type Scope } from "effect"
import { ask, type Got, type Running, running } from "./running.ts"

export const control = "admin-control-0123456789"
export const reader = "admin-read-0123456789"

export interface Administered extends Running {
  readonly adminUrl: string
  /** Asks as an operator who may control, unless the headers say otherwise. */
  readonly admin: (path: string, init?: RequestInit) => Effect.Effect<Got>
}

/** `more` is added to the file, and so is the section `admin`. */
export const administered = (
  more = "",
  options: Gateway.Options = {},
  section = `admin: { port: 0, token: ${control}, readToken: ${reader} }`
): Effect.Effect<Administered, never, Scope.Scope> =>
  Effect.map(
    running(`${section}\n${more}`, options),
    (made) => {
      const adminUrl = `http://127.0.0.1:${made.gateway.adminAddress!.port}`
      return {
        ...made,
        adminUrl,
        admin: (path, init = {}) =>
          ask(`${adminUrl}${path}`, { ...init, headers: { authorization: `Bearer ${control}`, ...init.headers } })
      }
    }
  )

/** A gateway without clients, with one model `own` of these options. `more` is added to the file. */
export const withOwnModel = (
  options: string,
  behaviour: SimulatedProvider.Options["models"][string],
  more = ""
): Effect.Effect<Pick<Administered, "admin" | "provider" | "url">, never, Scope.Scope> =>
  Effect.gen(function*() {
    const provider = yield* SimulatedProvider.make({ models: { own: behaviour } })
    const config = yield* GatewayConfig.parse(
      `listen: { port: 0 }
admin: { port: 0, token: ${control} }
providers: { sim: { baseUrl: ${(yield* SimulatedProvider.serve(provider)).url} } }
models: { own: { provider: sim, ${options} } }
${more}`,
      {}
    )
    const { address, adminAddress } = yield* Gateway.make(config)
    return {
      provider,
      url: `http://127.0.0.1:${address.port}`,
      admin: (path: string, init: RequestInit = {}) =>
        ask(`http://127.0.0.1:${adminAddress!.port}${path}`, {
          ...init,
          headers: { authorization: `Bearer ${control}`, ...init.headers }
        })
    }
  }).pipe(Effect.orDie)

export const asReader = { headers: { authorization: `Bearer ${reader}` } }
