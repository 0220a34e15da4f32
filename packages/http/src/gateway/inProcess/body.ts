/** The body of an answer that comes piece by piece. */
import * as Effect from "effect/Effect"

/** How many bytes it takes in before its writer waits for its reader: as many as a connection of Node. */
const most = 64 * 1024

export class Body {
  readonly stream: ReadableStream<Uint8Array<ArrayBuffer>>
  private controller!: ReadableByteStreamController
  private isClosed = false
  private onTaken: (() => void) | undefined

  /** `onCancel` is called where its reader wants no more of it. */
  constructor(onCancel: () => void) {
    this.stream = new ReadableStream({
      type: "bytes",
      start: (controller) => {
        this.controller = controller
      },
      pull: () => this.tellTaken(),
      cancel: () => {
        this.isClosed = true
        onCancel()
        this.tellTaken()
      }
    }, { highWaterMark: most })
  }

  /** Adds a piece. Whether another one may follow at once. */
  add(piece: string | Uint8Array): boolean {
    if (this.isClosed) return true
    // The stream takes the memory of a piece for itself: that of others is copied.
    if (piece.length > 0) {
      this.controller.enqueue(typeof piece === "string" ? encoder.encode(piece) : new Uint8Array(piece))
    }
    return this.hasRoom
  }

  private get hasRoom(): boolean {
    return this.isClosed || this.controller.desiredSize! > 0
  }

  /** Ends when its reader has taken so much that another piece may follow. */
  readonly taken: Effect.Effect<void> = Effect.callback((resume) => {
    if (this.hasRoom) return resume(Effect.void)
    this.onTaken = () => resume(Effect.void)
    return Effect.sync(() => (this.onTaken = undefined))
  })

  private tellTaken(): void {
    if (!this.hasRoom) return
    const { onTaken } = this
    this.onTaken = undefined
    onTaken?.()
  }

  end(): void {
    if (this.isClosed) return
    this.isClosed = true
    this.controller.close()
    // A reader that waits with a buffer of its own is told by that alone.
    this.controller.byobRequest?.respond(0)
  }

  fail(error: unknown): void {
    if (this.isClosed) return
    this.isClosed = true
    this.controller.error(error)
  }
}

const encoder = new TextEncoder()
