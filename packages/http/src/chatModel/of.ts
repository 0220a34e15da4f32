/** A chat model of one's own functions. */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as ChatStream from "../ChatStream.ts"
import type { ChatModel } from "./model.ts"

/**
 * The parts from which {@link of} makes a chat model.
 *
 * @category options
 * @since 0.1.0
 */
export interface Parts<out E> extends Pick<ChatModel<E>, "name" | "complete" | "isAvailable"> {
  /** @default the whole answer in one piece, once it is there */
  readonly open?: ChatModel<E>["open"] | undefined
}

/**
 * Makes a chat model from your own functions, for tests or for a provider of another protocol. In a cascade or a ledger
 * they get a frozen copy of the request.
 *
 * @category constructors
 * @since 0.1.0
 */
export const of = <E>(
  { complete, isAvailable, name, open = inOnePiece(complete) }: Parts<E>
): ChatModel<E> => ({
  name,
  isAvailable,
  complete,
  open,
  stream: (request) => Stream.unwrap(Effect.map(open(request), ({ value }) => value))
})

const inOnePiece = <E>(complete: ChatModel<E>["complete"]): ChatModel<E>["open"] => (request) =>
  Effect.map(complete(request), (answer) => ({ ...answer, value: ChatStream.fromReply(answer.value) }))
