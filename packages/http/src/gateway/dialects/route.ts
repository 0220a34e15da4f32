/** The routes of the APIs besides chat completions. */
import type { Incoming } from "../server/exchange.ts"
import { bearerOf, type Route } from "../server/route.ts"
import { all } from "./all.ts"
import * as Answer from "./answer.ts"
import * as Asked from "./asked.ts"
import type { Dialect } from "./model.ts"

const routeOf = (dialect: Dialect): Route => ({
  tokenOf: dialect.keyHeader === "x-api-key" ? keyOf : bearerOf,
  words: dialect.words,
  prepare: (body, caller, exchange, listen) => {
    const asked = Asked.read(dialect, body, exchange.request.headers, caller)
    return "plain" in asked ? Answer.of(dialect, asked, caller, exchange, listen) : asked
  }
})

/** Clients of Anthropic's API send a key in a header of their own, or a bearer token. */
const keyOf = (request: Pick<Incoming, "headers">): string | undefined => {
  const key = request.headers["x-api-key"]
  return bearerOf(request) ?? (typeof key === "string" && key !== "" ? key : undefined)
}

export const routes: ReadonlyMap<string, Route> = new Map(
  all.map((dialect) => [`/v1${dialect.path}`, routeOf(dialect)])
)
