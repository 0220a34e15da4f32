/** A chat model of one's own functions. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as ChatStream from "../ChatStream.ts"
import type { Answer, ChatModel, OpenAnswer, Request } from "./model.ts"

/**
 * The parts from which {@link of} makes a chat model.
 *
 * @category options
 * @since 0.1.0
 */
export interface Parts<out E> extends Pick<ChatModel<E>, "name" | "isAvailable"> {
  readonly complete: (request: Request) => Effect.Effect<Answer, E>
  /** @default the whole answer in one piece, once it is there */
  readonly open?: ((request: Request) => Effect.Effect<OpenAnswer, E, Scope.Scope>) | undefined
}

/**
 * Makes a chat model from your own functions, for tests or for a provider of another protocol. In a cascade or a ledger
 * they get a frozen copy of the request.
 *
 * @category constructors
 * @since 0.1.0
 */
export const of = <E>(
  { complete, isAvailable, name, open = inOnePiece({ complete }) }: Parts<E>
): ChatModel<E> => ({
  name,
  isAvailable,
  complete,
  open,
  stream: (request) => Stream.unwrap(Effect.map(open(request), ({ value }) => value))
})

const inOnePiece = <E>({ complete }: Pick<Parts<E>, "complete">) => (request: Request): Effect.Effect<OpenAnswer, E> =>
  Effect.map(complete(request), (answer) => ({ ...answer, value: ChatStream.fromReply(answer.value) }))
