/**
 * What goes over the wire: a head and pieces of a body with pauses, or a connection that is cut. The real server and
 * the client in memory play the same description.
 */
import type * as Effect from "effect/Effect"

export type Wire =
  | {
    readonly _tag: "Answer"
    readonly status: number
    readonly headers: Readonly<Record<string, string>>
    /** The length of a body in a list is told in the head; that of any other is not known before its end. */
    readonly pieces: Iterable<Piece>
    /** Whether the connection is closed after the pieces although there should be more, or stays open and silent. */
    readonly end: "complete" | "cut" | "silent"
  }
  | { readonly _tag: "Cut" }

/** A part of the body, sent after a pause in milliseconds. */
export interface Piece {
  readonly pause: number
  readonly bytes: Uint8Array
}

/** A request as it arrives, by socket or in memory. */
export interface Incoming {
  readonly method: string
  readonly path: string
  readonly authorization: string | undefined
  readonly body: string
}

/** A request being answered. It ends once; later ends change nothing. */
export interface Call {
  readonly end: (how: "answered" | "cut" | "aborted") => void
  /** Says that the response is still under way after it was begun, and that its reader will end the call. */
  readonly handOver: () => void
}

/** Answers a request by script, while `play` sends what goes over the wire. Interruption is the client leaving. */
export type Handle = <A, E>(
  incoming: Incoming,
  play: (wire: Wire, call: Call) => Effect.Effect<A, E>
) => Effect.Effect<A, E>

/** What a completion is made of. */
export interface Completion {
  readonly id: string
  readonly model: string
  readonly created: number
  readonly prompt: string
  /** Whether the answer is wanted in chunks, and the usage with it. */
  readonly streaming: "no" | "yes" | "with usage"
}
