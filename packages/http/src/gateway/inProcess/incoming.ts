/** What is asked of a gateway in the process, as the routes read it. */
import type { IncomingHttpHeaders } from "node:http"
import type { Incoming } from "../server/exchange.ts"

type Listener = (piece: Buffer) => void

export class ProcessIncoming implements Incoming {
  readonly method: string
  readonly url: string
  readonly headers: IncomingHttpHeaders
  complete: boolean
  private body: ReadableStream<Uint8Array> | null
  private reader: ReadableStreamDefaultReader<Uint8Array> | undefined
  private onPiece: Listener | undefined
  private onEnd: (() => void) | undefined
  private onClose: (() => void) | undefined
  private readonly onBroken: (cause: unknown) => void

  /** `onBroken` is called where the body fails before its end. */
  constructor(request: Request, onBroken: (cause: unknown) => void) {
    const { pathname, search } = new URL(request.url)
    this.method = request.method
    this.url = pathname + search
    this.headers = headersOf(request.headers)
    this.body = request.body
    this.complete = request.body === null
    this.onBroken = onBroken
  }

  on(event: "data" | "end" | "close", listener: Listener): this {
    if (event === "data") {
      this.onPiece = listener
      // All that listen to a body begin in one step.
      queueMicrotask(() => void this.read())
    } else if (event === "end") this.onEnd = listener as () => void
    else this.onClose = listener as () => void
    return this
  }

  private async read(): Promise<void> {
    try {
      const reader = this.reader = this.body?.getReader()
      while (reader !== undefined) {
        const { done, value } = await reader.read()
        if (this.body === null) return
        if (done) break
        this.onPiece?.(Buffer.from(value.buffer, value.byteOffset, value.byteLength))
      }
    } catch (cause) {
      return this.onBroken(cause)
    }
    this.body = null
    this.complete = true
    this.onEnd?.()
  }

  /** Nobody reads the rest: its source is told. */
  resume(): void {
    const { body, reader } = this
    this.body = null
    const cancelled = reader === undefined ? body?.cancel() : body && reader.cancel()
    // What its source says to that is for nobody.
    cancelled?.catch(() => undefined)
  }

  /** Nothing more comes. */
  close(): void {
    this.resume()
    this.onClose?.()
  }
}

/** The process asks under the name of its own machine, unless the request has come by a server that tells another one. */
const headersOf = (headers: Headers): IncomingHttpHeaders => {
  const read: Record<string, string> = { host: "localhost" }
  for (const [name, value] of headers) read[name] = value
  return read
}
