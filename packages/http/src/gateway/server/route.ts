/** A path that is asked by POST: who may ask is checked, and answered, by the same record. */
import type * as Effect from "effect/Effect"
import type { ChatFailure } from "../../ChatFailure.ts"
import type { Listen } from "../config/model.ts"
import type { Words } from "../dialects/model.ts"
import type { Caller } from "../service/callers.ts"
import type { Exchange, Incoming } from "./exchange.ts"
import type { Reply } from "./refusals.ts"

/** An answer that can be sent. */
export interface Answering {
  /** The model or the cascade that is asked for. */
  readonly model: string
  /** What goes to the provider besides the body. */
  readonly headers: Readonly<Record<string, string>>
  /** Fails before anything was sent, or after the head of a stream. */
  readonly send: Effect.Effect<unknown, ChatFailure>
  /** What a stream is told that has begun and fails. */
  readonly failed: (reply: Reply) => string
  /** Whether it is sent in one piece, which others can be given, too. */
  readonly delivery: "reply" | "stream"
}

export interface Route {
  readonly tokenOf: (request: Pick<Incoming, "headers">) => string | undefined
  /** In which refusals are told. */
  readonly words: Words
  /** Reads a body; gives what is wrong with it, or the answer. */
  readonly prepare: (body: string, caller: Caller, exchange: Exchange, listen: Listen) => Answering | Reply
}

/** The bearer token. */
export const bearerOf = ({ headers }: Pick<Incoming, "headers">): string | undefined =>
  /^Bearer +(\S+)$/i.exec(headers.authorization ?? "")?.[1]
