/**
 * A body on its way to the caller. A little of it is read ahead, as a connection does: a call ends when its body has come,
 * even if nobody reads it, unless it is large.
 */
import * as Effect from "effect/Effect"

/** Bytes that are read ahead. */
const most = 65_536

export class Body<A> {
  private queue: Array<A> = []
  private size = 0
  /** How many parts have come and gone. */
  moves = 0
  private end: "open" | "ended" | { readonly error: unknown } = "open"
  private onMore: (() => void) | undefined
  private onRoom: (() => void) | undefined
  private readonly sizeOf: (part: A) => number

  constructor(sizeOf: (part: A) => number) {
    this.sizeOf = sizeOf
  }

  /** Takes in a part. Gives what is to be waited for before the next one. */
  offer(part: A): Effect.Effect<void> {
    this.push(part)
    return this.size <= most ? Effect.void : Effect.callback<void>((resume) => {
      this.onRoom = () => resume(Effect.void)
      return Effect.sync(() => (this.onRoom = undefined))
    })
  }

  /** Takes in a part that is there, however much is. */
  push(part: A): void {
    this.moves++
    this.queue.push(part)
    this.size += this.sizeOf(part)
    this.wake()
  }

  /** No more comes. What came is still read. */
  close(): void {
    if (this.end === "open") this.end = "ended"
    this.wake()
  }

  /** What came is still read, and then this error. */
  fail(error: unknown): void {
    if (this.end === "open") this.end = { error }
    this.wake()
  }

  /** As `fail`, but nothing more is read. */
  abort(error: unknown): void {
    if (this.end === "ended" && this.queue.length === 0) return
    this.queue = []
    this.end = { error }
    this.wake()
  }

  /** The next part; undefined at the end. Only one may be waited for. */
  async next(): Promise<A | undefined> {
    while (this.queue.length === 0 && this.end === "open") {
      await new Promise<void>((resolve) => (this.onMore = resolve))
    }
    const part = this.queue.shift()
    if (part === undefined) {
      if (typeof this.end === "object") throw this.end.error
      return undefined
    }
    this.moves++
    this.size -= this.sizeOf(part)
    if (this.size <= most) {
      this.onRoom?.()
      this.onRoom = undefined
    }
    return part
  }

  private wake(): void {
    this.onMore?.()
    this.onMore = undefined
  }
}

/** The body of a response. `leave` is called when its reader wants no more of it, or when nobody can read it any more. */
export const streamOf = (
  body: Body<Uint8Array>,
  leave: (reason?: unknown) => Promise<void>
): ReadableStream<Uint8Array> => {
  const stream = new ReadableStream({
    type: "bytes",
    pull: async (controller: ReadableByteStreamController) => {
      let bytes = await body.next()
      while (bytes?.length === 0) bytes = await body.next()
      if (bytes === undefined) {
        controller.close()
        controller.byobRequest?.respond(0)
        // The stream takes the memory of what it is given, of which others may know.
      } else controller.enqueue(bytes.slice())
    },
    cancel: leave
  })
  unread.register(stream, leave)
  return stream
}

const unread = new FinalizationRegistry<() => Promise<void>>((leave) => void leave())
