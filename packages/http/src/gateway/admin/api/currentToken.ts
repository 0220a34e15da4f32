/** The name of the token of a request that is handed to the platform. */
import * as Context from "effect/Context"
import type { Scope } from "../model.ts"

export const CurrentToken = Context.Reference<Scope>("@switchgear/http/gateway/admin/api/CurrentToken", {
  defaultValue: () => "read"
})
