/** What a row of the dialects is, and the facts of a failure that rows are compared with. */
import * as Schema from "effect/Schema"

/**
 * The class that a row gives to a failure: the tag of its error.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Class = Schema.Literals([
  "InvalidRequest",
  "ContextTooLong",
  "ContentBlocked",
  "Unauthorized",
  "Forbidden",
  "ModelNotFound",
  "QuotaExhausted",
  "ProviderRateLimited",
  "Overloaded",
  "ProviderFault",
  "ConnectFailed"
])

/**
 * What the schema `Class` decodes to.
 *
 * @category schemas
 * @since 0.1.0
 */
export type Class = typeof Class.Type

const listOf = <S extends Schema.Constraint>(one: S) => Schema.Union([one, Schema.NonEmptyArray(one)])

const Status = Schema.Int.check(Schema.isBetween({ minimum: 400, maximum: 599 }))
const Word = Schema.String.check(Schema.isPattern(/[^\s*_-]/), Schema.isMaxLength(200))
const Wording = Schema.String.check(Schema.isMaxLength(200))

/**
 * One row: on which conditions a failure has which class. All conditions that are stated must hold; of a list, one of
 * its values.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Dialect = Schema.Struct({
  /** The tag of the error. */
  class: Class,
  /** The HTTP status, from 400 to 599. */
  status: Schema.optional(listOf(Status)),
  /** The provider's `code`. Case, `_` and `-` make no difference, and `*` stands for any characters. */
  code: Schema.optional(listOf(Word)),
  /** The provider's `type`, written as a `code` is. */
  type: Schema.optional(listOf(Word)),
  /** The gRPC status that Google sends, such as `RESOURCE_EXHAUSTED`. */
  grpcStatus: Schema.optional(listOf(Word)),
  /** A `reason`, quota id or inner code in the details of the error, written as a `code` is. */
  reason: Schema.optional(listOf(Word)),
  /** Words of the provider's sentence. `*` stands for up to 120 characters. At least 4 letters. */
  says: Schema.optional(listOf(Wording)),
  /** Asked after all wordings, for a code that a provider uses for many failures. */
  order: Schema.optional(Schema.Literal("last")),
  /** Of `QuotaExhausted`: whether the quota is that of the account, or of the one model. @default "account" */
  scope: Schema.optional(Schema.Literals(["account", "model"])),
  /** Whether the same model is worth another attempt. @default as the error has it */
  retries: Schema.optional(Schema.Literals(["yes", "no"])),
  /** The class instead, where the provider asks to wait for an hour or more. */
  longWait: Schema.optional(Class),
  /** Whose dialect it is, for readers. */
  provider: Schema.optional(Schema.String),
  /** A failure that the row is for: its status and its body. It is checked that the row gives it its class. */
  example: Schema.optional(Schema.Tuple([Schema.Int, Schema.Unknown])),
  /** Where the row comes from, for readers. */
  source: Schema.optional(Schema.String)
})

/**
 * What the schema `Dialect` decodes to.
 *
 * @category schemas
 * @since 0.1.0
 */
export type Dialect = typeof Dialect.Type

/**
 * A row of the library, which has an example and a source.
 *
 * @category models
 * @since 0.1.0
 */
export interface Row extends Dialect {
  readonly provider: string
  readonly example: readonly [status: number, body: unknown]
  readonly source: string
}

/** What is known of a failure. */
export interface Facts {
  /** Absent inside a reply that claims to be a success and names no status. */
  readonly status: number | undefined
  readonly code?: string | undefined
  readonly type?: string | undefined
  readonly grpcStatus?: string | undefined
  readonly reasons: ReadonlyArray<string>
  readonly text?: string | undefined
}

/** The conditions on words, from the one that tells most. */
export const wordKinds = ["code", "reason", "type", "grpcStatus", "says"] as const

export type WordKind = (typeof wordKinds)[number]

/** The status that a class has where nobody names one. */
export const statusOf: Record<Class, number> = {
  InvalidRequest: 400,
  ContextTooLong: 400,
  ContentBlocked: 400,
  Unauthorized: 401,
  Forbidden: 403,
  ModelNotFound: 404,
  QuotaExhausted: 429,
  ProviderRateLimited: 429,
  Overloaded: 503,
  ProviderFault: 500,
  ConnectFailed: 407
}

export const list = <A>(value: A | ReadonlyArray<A> | undefined): ReadonlyArray<A> =>
  value === undefined ? [] : Array.isArray(value) ? value : [value as A]
