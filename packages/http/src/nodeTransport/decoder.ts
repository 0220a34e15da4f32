/**
 * Undoes one content encoding of a body. What is wrong with the body does not break the stream: it gives what could be
 * unpacked, ends, and then says what was wrong. So the result depends on the bytes that came, and not on whether a
 * connection was lost before or after an error in them was found.
 */
import { Duplex } from "node:stream"

type Done = (error?: Error | null) => void

/** What a body or its connection was lost by, in an object. */
export interface Failure {
  readonly cause: unknown
}

export class Decoder extends Duplex {
  failure: Failure | undefined
  isEmpty = true
  private readonly make: (first: Buffer) => Duplex
  private inner: Duplex | undefined
  /** Nothing that is written is of use any more: it is wrong, or follows the end of what is packed. */
  private isOver = false
  private hasEnded = false
  /** Tells the writer that what it wrote is taken in. zlib never does after the end of what is packed. */
  private taken: Done | undefined

  /** What undoes the encoding is made when its first bytes are there. */
  constructor(make: (first: Buffer) => Duplex) {
    super()
    this.make = make
  }

  override _write(piece: Buffer, _: BufferEncoding, done: Done): void {
    if (this.isOver) return done()
    this.taken = done
    this.inner ??= this.opened(piece)
    this.inner.write(piece, () => this.tellWriter())
  }

  override _final(done: Done): void {
    if (this.inner === undefined || this.isOver) this.finish()
    else this.inner.on("end", () => this.finish()).end()
    done()
  }

  override _read(): void {
    this.inner?.resume()
  }

  override _destroy(error: Error | null, done: Done): void {
    this.inner?.destroy()
    done(error)
  }

  private opened(first: Buffer): Duplex {
    return this.make(first)
      .on("data", (plain: Buffer) => {
        this.isEmpty = false
        if (!this.push(plain)) this.inner!.pause()
      })
      // It may come before the last of what is written, which is passed over.
      .on("end", () => this.over())
      .on("error", (cause) => {
        this.failure = { cause }
        this.over()
        this.finish()
      })
  }

  private over(): void {
    this.isOver = true
    this.tellWriter()
  }

  private finish(): void {
    if (this.hasEnded) return
    this.hasEnded = true
    this.push(null)
  }

  private tellWriter(): void {
    const { taken } = this
    this.taken = undefined
    taken?.()
  }
}
