/** A gateway with an address for operators. */
import type { Gateway } from "@switchgear/http/gateway"
import { Effect, type Scope } from "effect"
import { ask, type Got, type Running, running } from "./running.ts"

export const control = "admin-control-0123456789"
export const reader = "admin-read-0123456789"

export interface Administered extends Running {
  readonly adminUrl: string
  /** Asks as an operator who may control, unless the headers say otherwise. */
  readonly admin: (path: string, init?: RequestInit) => Effect.Effect<Got>
}

/** `more` is added to the file. */
export const administered = (
  more = "",
  options: Gateway.Options = {}
): Effect.Effect<Administered, never, Scope.Scope> =>
  Effect.map(
    running(`admin: { port: 0, token: ${control}, readToken: ${reader} }\n${more}`, options),
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

export const asReader = { headers: { authorization: `Bearer ${reader}` } }
