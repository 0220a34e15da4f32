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
    /**
     * The length of a body in a list is told in the head; that of any other is not known before its end. Pieces after
     * which the connection is `"silent"` may be without end.
     */
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
  /** Whether the work goes on after the client has left. */
  readonly goesOn: boolean
  /** Whether the client has left. An answer that goes on without it sends nothing more. */
  readonly clientLeft: boolean
  /** Says that the client has left. */
  readonly clientLeaves: () => void
  /** Called when the client leaves; at once if it has left. */
  readonly whenClientLeaves: (then: () => void) => void
  /** Does so many milliseconds of work in the slot of the request. */
  readonly work: (millis: number) => Effect.Effect<void>
  readonly end: (how: "answered" | "cut" | "aborted") => void
  /** Says that the response is still under way after it was begun, and that its reader will end the call. */
  readonly handOver: () => void
}

/** Answers a request by script, while `play` sends what goes over the wire. Interruption is the client leaving. */
export type Handle = <A, E>(
  incoming: Incoming,
  play: (wire: Wire, call: Call) => Effect.Effect<A, E>
) => Effect.Effect<A, E>

/** What is asked for. */
export interface Request {
  readonly model: string
  readonly prompt: string
  /** The most tokens that the answer may have; 0 if the request does not say. */
  readonly most: number
  /** Whether the answer is wanted in chunks, and the usage with it. */
  readonly streaming: "no" | "yes" | "with usage"
}

/** What a completion is made of. */
export interface Completion extends Request {
  readonly id: string
  readonly created: number
}
