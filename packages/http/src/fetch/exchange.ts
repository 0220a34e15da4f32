/** One request that is sent, and its response. It is aborted when it is left, unless somebody else has taken it over. */

/** The next piece of a body, or its end. */
export type Read = { readonly done: boolean; readonly value?: Uint8Array | undefined }

export class Exchange {
  private readonly controller = new AbortController()
  private reader: ReadableStreamDefaultReader<Uint8Array> | undefined
  private reading: Promise<Read> | undefined
  private isTaken = false

  get signal(): AbortSignal {
    return this.controller.signal
  }

  /** Whether there is a body to read. */
  get isOpen(): boolean {
    return this.reader !== undefined
  }

  /** The body of the response is read from here on. */
  opened(body: ReadableStream<Uint8Array>): void {
    this.reader = body.getReader()
  }

  /** The next piece. A read that nobody has waited for to the end is the next one again. */
  read(): Promise<Read> {
    const reading = this.reading ?? this.reader!.read()
    this.reading = reading
    // Whoever waits hears of it; this one only keeps it from being unhandled.
    reading.then(noop, noop)
    return reading
  }

  /** The piece was taken. */
  taken(): void {
    this.reading = undefined
  }

  /** It lasts longer than the attempt. */
  takeOver(): void {
    this.isTaken = true
  }

  /** Ends with the attempt, if nobody has taken it over. */
  leave(): void {
    if (!this.isTaken) this.abort()
  }

  abort(reason?: unknown): void {
    this.controller.abort(reason)
    // A `fetch` that knows no signals knows this.
    this.reader?.cancel(reason).then(noop, noop)
  }
}

const noop = () => {}
