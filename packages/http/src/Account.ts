/**
 * What is left on an account, as its provider tells it: see `ChatClient.account`.
 *
 * | Host                                         | Asked                       | Currency                       |
 * | -------------------------------------------- | --------------------------- | ------------------------------ |
 * | `api.deepseek.com`                           | `GET /user/balance`         | in the answer                  |
 * | `openrouter.ai`                              | `GET /api/v1/credits`       | dollars                        |
 * | `api.moonshot.cn`, `api.moonshot.ai`         | `GET /v1/users/me/balance`  | yuan at `.cn`, dollars at `.ai` |
 * | `api.siliconflow.cn`, `api.siliconflow.com`  | `GET /v1/user/info`         | yuan at `.cn`, dollars at `.com` |
 *
 * OpenAI, Anthropic and Google tell no balance to an API key.
 *
 * **Gotchas**
 *
 * A balance lags behind what is being spent, so it is for a gauge and an alarm. What stops spending is a budget, see
 * `CostLedger`. OpenRouter tells the balance to a management key only, with which no model can be asked.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"

/**
 * The providers that tell a balance, by the host of their API.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Host = Schema.Literals([
  "api.deepseek.com",
  "openrouter.ai",
  "api.moonshot.cn",
  "api.moonshot.ai",
  "api.siliconflow.cn",
  "api.siliconflow.com"
])

/**
 * What the schema `Host` decodes to.
 *
 * @category schemas
 * @since 0.1.0
 */
export type Host = typeof Host.Type

/**
 * An amount of money in one currency. All numbers are in its main unit: dollars, yuan.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Balance = Schema.Struct({
  /** Three letters, such as `USD`. */
  currency: Schema.String,
  /** What is left to spend. Below zero it is owed. */
  remaining: Schema.Finite,
  /** The part of what is left that was given, as a voucher or for a trial. */
  granted: Schema.optional(Schema.Finite),
  /** The part of what is left that was paid for. Below zero it is owed. */
  toppedUp: Schema.optional(Schema.Finite),
  /** What was spent so far. */
  used: Schema.optional(Schema.Finite)
})

/**
 * What the schema `Balance` decodes to.
 *
 * @category schemas
 * @since 0.1.0
 */
export type Balance = typeof Balance.Type

/**
 * The account that a key belongs to.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Account = Schema.Struct({
  /** The name the client was given for the provider. */
  provider: Schema.String,
  /** The key whose account it is, by its label or its place: `key 1`. */
  key: Schema.optional(Schema.String),
  /** Whether calls can be made with what is left. Absent where the provider does not say. */
  available: Schema.optional(Schema.Boolean),
  balances: Schema.Array(Balance)
})

/**
 * What the schema `Account` decodes to.
 *
 * @category schemas
 * @since 0.1.0
 */
export type Account = typeof Account.Type

/**
 * The provider has no account to read by API key, or not at this address. Nothing is wrong with the key.
 *
 * @category errors
 * @since 0.1.0
 */
export class AccountNotOffered
  extends Schema.TaggedError<AccountNotOffered>("@switchgear/http/Account/AccountNotOffered")("AccountNotOffered", {
    provider: Schema.String,
    host: Schema.String
  })
{
  get isRetryable(): boolean {
    return false
  }

  override get message(): string {
    return `${this.provider} tells no account balance to an API key at ${this.host}. Read it on the provider's own pages, or, if the address stands for another host, name that in accountHost: ${
      Host.literals.join(", ")
    }.`
  }
}
