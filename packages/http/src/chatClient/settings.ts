/** The options of a client, made sure of. */
import type { OptionsOf } from "@switchgear/core/runtime"
import * as Duration from "effect/Duration"
import * as Redacted from "effect/Redacted"
import { Host } from "../Account.ts"
import * as ChatError from "../ChatError.ts"
import * as Decide from "../dialects/decide.ts"
import type { Dialect } from "../dialects/model.ts"
import * as AccountEndpoints from "./accountEndpoints.ts"
import * as Headers from "./headers.ts"
import * as Keys from "./keys.ts"
import type { Options } from "./options.ts"
import type * as StreamTimeouts from "./streamTimeouts.ts"

export interface Settings {
  readonly provider: string
  readonly host: string
  /** The base URL without its query and without a slash at its end. */
  readonly base: string
  /** The query of the base URL, which may hold a key: no span shows it. */
  readonly query: ReadonlyArray<readonly [name: string, value: Redacted.Redacted]>
  readonly keys: Keys.Keys
  readonly parkFor: Duration.Duration
  readonly maxRetryAfter: Duration.Duration
  readonly dialects: Decide.Dialects
  readonly account: AccountEndpoints.Endpoint | undefined
  readonly timeout: Duration.Duration
  readonly streamTimeouts: StreamTimeouts.Limits
  readonly headers: Readonly<Record<string, string>>
}

export const validated = (options: Options, check: OptionsOf): Settings => {
  const { accountHost, apiKey, baseUrl, provider } = options
  if (typeof provider !== "string" || !/^\S.{0,99}$/.test(provider)) {
    return check.refuse("provider", "a name of 1 to 100 characters", provider)
  }
  const url = typeof baseUrl === "string" && URL.canParse(baseUrl) ? new URL(baseUrl) : undefined
  if (url === undefined || !/^https?:$/.test(url.protocol)) {
    // A query may hold a key.
    const shown = typeof baseUrl === "string" ? baseUrl.split("?", 1)[0]!.slice(0, 100) : baseUrl
    return check.refuse("baseUrl", "a URL that begins with http:// or https://", shown)
  }
  if (url.username !== "" || url.password !== "") {
    return check.withhold("baseUrl", "a URL without a user name or a password", "one (not shown); use apiKey")
  }
  const account = AccountEndpoints.at(accountHost ?? url.host)
  if (accountHost !== undefined && account === undefined) {
    return check.refuse("accountHost", `one of ${Host.literals.join(", ")}`, accountHost)
  }
  const base = `${url.origin}${url.pathname.replace(/\/+$/, "")}`
  if (base.endsWith("/chat/completions")) {
    return check.refuse("baseUrl", "the address before /chat/completions, such as https://api.openai.com/v1", base)
  }
  return {
    provider,
    host: url.host,
    base,
    query: Array.from(url.searchParams, ([name, value]) => [name, Redacted.make(value)]),
    keys: Keys.keysOf(apiKey, check),
    parkFor: duration(check, "parkFor", options.parkFor ?? "5 minutes"),
    maxRetryAfter: duration(check, "maxRetryAfter", options.maxRetryAfter ?? "10 minutes"),
    dialects: options.dialects === undefined ? Decide.known : dialectsOf(options.dialects, check),
    account,
    timeout: duration(check, "timeout", options.timeout ?? "60 seconds"),
    streamTimeouts: {
      firstContent: duration(check, "firstContentTimeout", options.firstContentTimeout ?? "60 seconds"),
      idle: duration(check, "idleTimeout", options.idleTimeout ?? "30 seconds"),
      total: duration(check, "timeout", options.timeout ?? "10 minutes")
    },
    headers: Headers.checked(
      options.headers,
      apiKey !== undefined,
      (field, range, got) => check.withhold(field, range, got)
    )
  }
}

/** The dialects with rows of the user, each of which must decide on its own example. */
const dialectsOf = (rows: ReadonlyArray<Dialect>, check: OptionsOf): Decide.Dialects => {
  const dialects = Decide.make(rows, check.where)
  rows.forEach((row, i) => {
    if (row.example === undefined) return
    const [status, body] = row.example
    const text = typeof body === "string" ? body : JSON.stringify(body)
    const decided = ChatError.dialectOf({ status, body: text, dialects })
    if (decided !== row) {
      check.withhold(
        `dialects[${i}].example`,
        "a failure that the row decides",
        `one that ${decided === undefined ? "no row knows" : `another row makes ${decided.class}`}`
      )
    }
  })
  return dialects
}

const duration = (check: OptionsOf, field: string, input: Duration.Input): Duration.Duration =>
  Duration.millis(check.positive(field, input))
