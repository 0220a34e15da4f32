/** Hears of each call to a provider that is made for an answer, whether there is an answer or not. */
import * as Context from "effect/Context"
import type * as Exit from "effect/Exit"

/** What a call asks for. */
export interface Attempt {
  readonly model: string
  /** The name of the `ChatModel`, which is that of its step. */
  readonly name: string
  /** A whole reply, or a stream up to its first content. */
  readonly delivery: "reply" | "stream"
}

export interface AttemptObserver {
  /** A model was asked that tells of each of its attempts: what it does not tell of was not made. */
  readonly asked: () => void
  /** An attempt begins. What is given back is called with its exit, and whether the provider may bill it. */
  readonly began: (attempt: Attempt) => (exit: Exit.Exit<unknown, unknown>, mayBeBilled: boolean) => void
}

export const CurrentAttemptObserver = Context.Reference<AttemptObserver | undefined>(
  "@switchgear/http/chatModel/attemptObserver/CurrentAttemptObserver",
  { defaultValue: () => undefined }
)
