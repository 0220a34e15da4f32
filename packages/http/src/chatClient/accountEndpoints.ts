/**
 * Where providers tell what is left on an account, and what they say there.
 */
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as SchemaTransformation from "effect/SchemaTransformation"
import type { Account, Host } from "../Account.ts"
import * as ChatError from "../ChatError.ts"
import { parseJson } from "../chatError/parseJson.ts"

export type Said = Pick<Account, "available" | "balances">

export interface Endpoint {
  /** The address, for the one that stands before `/chat/completions`. */
  readonly url: (base: string) => string
  /** What an answer says, if it is one. */
  readonly read: (json: unknown) => Result.Result<Said, unknown>
}

/** From the text of a successful response to what it says, or to the error it turns out to be. */
export const decode = (
  { read }: Endpoint,
  response: ChatError.FailedResponse
): Result.Result<Said, ChatError.ChatError> => {
  const json = parseJson(response.body)
  const error = Result.isSuccess(json) ? ChatError.fromReply(response, json.success) : undefined
  if (error !== undefined) return Result.fail(error)
  return Result.mapError(Result.flatMap(json, read), () =>
    new ChatError.MalformedReply({
      provider: response.provider,
      model: response.model,
      status: response.status,
      found: Result.isFailure(json) ? "text that is not JSON" : "JSON that tells no balance"
    }))
}

const endpoint = <S extends Schema.ConstraintDecoder<unknown>>(
  url: Endpoint["url"],
  answer: S,
  said: (answer: S["Type"]) => Said
): Endpoint => {
  const decode = Schema.decodeUnknownResult(answer)
  return { url, read: (json) => Result.map(decode(json), said) }
}

/** A number, or a text that is one and nothing else: no empty text, no hexadecimal, no infinity. */
const Amount = Schema.Union([
  Schema.Finite,
  Schema.String.check(Schema.isPattern(/^-?\d{1,15}(\.\d{1,15})?$/)).pipe(
    Schema.decodeTo(Schema.Finite, SchemaTransformation.numberFromString)
  )
])

const Currency = Schema.String.check(Schema.isPattern(/^[A-Z]{3}$/))

const deepseek = endpoint(
  // Its API is served with and without a version, its balance only without.
  (base) => `${base.replace(/\/(v1|beta)$/, "")}/user/balance`,
  Schema.Struct({
    is_available: Schema.Boolean,
    balance_infos: Schema.Array(Schema.Struct({
      currency: Currency,
      total_balance: Amount,
      granted_balance: Schema.optional(Amount),
      topped_up_balance: Schema.optional(Amount)
    }))
  }),
  ({ balance_infos, is_available }) => ({
    available: is_available,
    balances: balance_infos.map(({ currency, granted_balance, topped_up_balance, total_balance }) => ({
      currency,
      remaining: total_balance,
      granted: granted_balance,
      toppedUp: topped_up_balance
    }))
  })
)

const openrouter = endpoint(
  (base) => `${base}/credits`,
  Schema.Struct({ data: Schema.Struct({ total_credits: Amount, total_usage: Amount }) }),
  ({ data }) => ({
    // A difference of two decimal fractions is exact to the micro-dollar again once it is rounded to it.
    balances: [{
      currency: "USD",
      remaining: Math.round((data.total_credits - data.total_usage) * 1e6) / 1e6,
      used: data.total_usage
    }]
  })
)

const moonshot = (currency: string) =>
  endpoint(
    (base) => `${base}/users/me/balance`,
    Schema.Struct({
      data: Schema.Struct({
        available_balance: Amount,
        voucher_balance: Schema.optional(Amount),
        cash_balance: Schema.optional(Amount)
      })
    }),
    ({ data }) => ({
      // No model answers at zero or below, says its manual.
      available: data.available_balance > 0,
      balances: [{
        currency,
        remaining: data.available_balance,
        granted: data.voucher_balance,
        toppedUp: data.cash_balance
      }]
    })
  )

const siliconflow = (currency: string) =>
  endpoint(
    (base) => `${base}/user/info`,
    Schema.Struct({
      data: Schema.Struct({
        totalBalance: Amount,
        balance: Schema.optional(Amount),
        chargeBalance: Schema.optional(Amount)
      })
    }),
    ({ data }) => ({
      balances: [{ currency, remaining: data.totalBalance, granted: data.balance, toppedUp: data.chargeBalance }]
    })
  )

const hosts: Readonly<Record<Host, Endpoint>> = {
  "api.deepseek.com": deepseek,
  "openrouter.ai": openrouter,
  "api.moonshot.cn": moonshot("CNY"),
  "api.moonshot.ai": moonshot("USD"),
  "api.siliconflow.cn": siliconflow("CNY"),
  "api.siliconflow.com": siliconflow("USD")
}

/** The endpoint that is found at a host. */
export const at = (host: string): Endpoint | undefined => Object.hasOwn(hosts, host) ? hosts[host as Host] : undefined
