/**
 * The options of a client, made sure of. What makes no sense throws a `RangeError` that names the field.
 */
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

export const validated = (options: Options): Settings => {
  const { accountHost, apiKey, baseUrl, provider } = options
  if (typeof provider !== "string" || !/^\S.{0,99}$/.test(provider)) {
    throw nonsense("provider", "a name of 1 to 100 characters", provider)
  }
  const url = typeof baseUrl === "string" && URL.canParse(baseUrl) ? new URL(baseUrl) : undefined
  if (url === undefined || !/^https?:$/.test(url.protocol)) {
    throw nonsense("baseUrl", "a URL that begins with http:// or https://", baseUrl)
  }
  if (url.username !== "" || url.password !== "") {
    throw new RangeError("ChatClient.make: baseUrl must hold no user name or password, got one (not shown); use apiKey")
  }
  const account = AccountEndpoints.at(accountHost ?? url.host)
  if (accountHost !== undefined && account === undefined) {
    throw nonsense("accountHost", `one of ${Host.literals.join(", ")}`, accountHost)
  }
  const base = `${url.origin}${url.pathname.replace(/\/+$/, "")}`
  return {
    provider,
    host: url.host,
    base,
    query: Array.from(url.searchParams, ([name, value]) => [name, Redacted.make(value)]),
    keys: Keys.keysOf(apiKey),
    parkFor: duration("parkFor", options.parkFor ?? "5 minutes"),
    maxRetryAfter: duration("maxRetryAfter", options.maxRetryAfter ?? "10 minutes"),
    dialects: options.dialects === undefined ? Decide.known : dialectsOf(options.dialects),
    account,
    timeout: duration("timeout", options.timeout ?? "60 seconds"),
    streamTimeouts: {
      firstContent: duration("firstContentTimeout", options.firstContentTimeout ?? "60 seconds"),
      idle: duration("idleTimeout", options.idleTimeout ?? "30 seconds"),
      total: duration("timeout", options.timeout ?? "10 minutes")
    },
    headers: Headers.checked(options.headers, apiKey !== undefined, (field, range, got) => {
      throw new RangeError(`ChatClient.make: ${field} must be ${range}, got ${got}`)
    })
  }
}

/** The dialects with rows of the user, each of which must decide on its own example. */
const dialectsOf = (rows: ReadonlyArray<Dialect>): Decide.Dialects => {
  const dialects = Decide.make(rows, "ChatClient.make")
  rows.forEach((row, i) => {
    if (row.example === undefined) return
    const [status, body] = row.example
    const text = typeof body === "string" ? body : JSON.stringify(body)
    const decided = ChatError.dialectOf({ status, body: text, dialects })
    if (decided !== row) {
      throw new RangeError(
        `ChatClient.make: dialects[${i}].example must be a failure that the row decides, got one that ${
          decided === undefined ? "no row knows" : `another row makes ${decided.class}`
        }`
      )
    }
  })
  return dialects
}

const duration = (field: string, input: Duration.Input): Duration.Duration => {
  const parsed = Duration.fromInput(input)
  if (parsed._tag === "None" || !(Duration.toMillis(parsed.value) > 0) || !Duration.isFinite(parsed.value)) {
    throw nonsense(field, "a positive, finite duration", input)
  }
  return parsed.value
}

const nonsense = (field: string, range: string, value: unknown): RangeError =>
  new RangeError(
    `ChatClient.make: ${field} must be ${range}, got ${
      (typeof value === "string" ? JSON.stringify(value) : String(value)).slice(0, 100)
    }`
  )
