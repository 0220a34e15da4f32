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

export interface Own extends Pick<Administered, "admin" | "provider" | "url"> {
  /** Takes over a file with this section for operators. */
  readonly reload: (admin: string) => Effect.Effect<void>
}

/** A gateway without clients, with one model `own` of these options. `more` is added to the file. */
export const withOwnModel = (
  options: string,
  behaviour: SimulatedProvider.Options["models"][string],
  more = "",
  admin = `admin: { port: 0, token: ${control} }`
): Effect.Effect<Own, never, Scope.Scope> =>
  Effect.gen(function*() {
    const provider = yield* SimulatedProvider.make({ models: { own: behaviour } })
    const { url } = yield* SimulatedProvider.serve(provider)
    const read = (admin: string) =>
      GatewayConfig.parse(
        `listen: { port: 0 }
${admin}
providers: { sim: { baseUrl: ${url} } }
models: { own: { provider: sim, ${options} } }
${more}`,
        {}
      )
    const { address, adminAddress, reload } = yield* Effect.flatMap(read(admin), (config) => Gateway.make(config))
    return {
      provider,
      reload: (admin: string) => Effect.orDie(Effect.flatMap(read(admin), reload)),
      url: `http://127.0.0.1:${address.port}`,
      admin: (path: string, init: RequestInit = {}) =>
        ask(`http://127.0.0.1:${adminAddress!.port}${path}`, {
          ...init,
          headers: { authorization: `Bearer ${control}`, ...init.headers }
        })
    }
  }).pipe(Effect.orDie)

export const asReader = { headers: { authorization: `Bearer ${reader}` } }
