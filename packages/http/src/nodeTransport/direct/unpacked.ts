/** Undoes the content encoding of a body piece by piece, at the pace of its reader. */
import type * as Undici from "@effect/platform-node/Undici"
import { failureOf, type Layers } from "../contentEncoding.ts"
import type { Decoder, Failure } from "../decoder.ts"

/** What takes in a body. */
export interface Sink {
  readonly take: (bytes: Uint8Array) => void
  readonly end: () => void
  readonly broke: (cause: unknown) => void
}

export class Unpacked {
  private readonly layers: Layers
  private readonly first: Decoder
  private readonly last: Decoder
  private readonly controller: Undici.Dispatcher.DispatchController
  private lost: Failure | undefined

  constructor(layers: Layers, sink: Sink, controller: Undici.Dispatcher.DispatchController) {
    this.controller = controller
    this.layers = layers
    this.first = layers[0]
    this.last = layers.reduce((outer, inner) => outer.pipe(inner))
    this.first.on("drain", () => controller.resume())
    this.last.on("data", (bytes: Uint8Array) => sink.take(bytes))
    this.last.on("end", () => {
      const failure = failureOf(layers, this.lost)
      if (failure === undefined) sink.end()
      else sink.broke(failure.cause)
    })
  }

  write(bytes: Uint8Array): void {
    if (!this.first.write(bytes)) this.controller.pause()
  }

  end(): void {
    this.first.end()
  }

  /** What has come before is read first, as far as it can be unpacked. */
  broke(cause: unknown): void {
    this.lost = { cause }
    this.first.end()
  }

  pause(): void {
    this.last.pause()
  }

  resume(): void {
    this.last.resume()
  }

  destroy(): void {
    for (const layer of this.layers) layer.destroy()
  }
}
