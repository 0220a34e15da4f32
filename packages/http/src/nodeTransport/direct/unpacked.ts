/** Undoes the content encoding of a body piece by piece, at the pace of its reader. */
import type * as Undici from "@effect/platform-node/Undici"
import type { Duplex } from "node:stream"
import { nothingUnpacked } from "../contentEncoding.ts"

/** What takes in a body. */
export interface Sink {
  readonly take: (bytes: Uint8Array) => void
  readonly end: () => void
  readonly broke: (cause: unknown) => void
}

export class Unpacked {
  private readonly first: Duplex
  private readonly last: Duplex
  private readonly all: ReadonlyArray<Duplex>
  private readonly controller: Undici.Dispatcher.DispatchController
  /** What the connection was lost by, in an object. */
  private lost: { readonly cause: unknown } | undefined
  private isEmpty = true

  constructor(
    unpackers: ReadonlyArray<() => Duplex>,
    sink: Sink,
    controller: Undici.Dispatcher.DispatchController
  ) {
    this.controller = controller
    this.all = unpackers.map((make) => make())
    this.first = this.all[0]!
    this.last = this.all[this.all.length - 1]!
    this.all.forEach((each, i) => {
      each.on("error", (cause) => {
        this.destroy()
        sink.broke(this.lost === undefined ? cause : this.lost.cause)
      })
      if (i > 0) this.all[i - 1]!.pipe(each)
    })
    this.first.on("drain", () => controller.resume())
    this.last.on("data", (bytes: Uint8Array) => {
      this.isEmpty = false
      sink.take(bytes)
    })
    this.last.on("end", () => {
      if (this.lost !== undefined) sink.broke(this.lost.cause)
      else if (this.isEmpty) sink.broke(nothingUnpacked())
      else sink.end()
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
    for (const each of this.all) each.destroy()
  }
}
