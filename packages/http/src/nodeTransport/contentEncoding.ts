/**
 * Undoes the content encoding of responses, which undici leaves as it is. Piece by piece: what a server has flushed is
 * read at once, and no more is unpacked than is read, so that the limits of a reader hold for what comes out.
 */
import * as NodeStream from "@effect/platform-node/NodeStream"
import * as Effect from "effect/Effect"
import * as Headers from "effect/http/Headers"
import type * as HttpClientError from "effect/http/HttpClientError"
import type * as HttpClientResponse from "effect/http/HttpClientResponse"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as Stream from "effect/Stream"
import { type Duplex, Transform, type TransformCallback } from "node:stream"
import * as Zlib from "node:zlib"

/** A response whose body is plain, if its encoding is one of those known here. Any other is left as it is. */
export const undone = (response: HttpClientResponse.HttpClientResponse): HttpClientResponse.HttpClientResponse => {
  const encoding = response.headers["content-encoding"]
  const unpackers = encoding === undefined ? undefined : unpackersOf(encoding)
  if (unpackers === undefined) return response
  // What came before the connection broke is unpacked first.
  let broken: { readonly cause: unknown } | undefined
  const packed = Stream.catch(response.stream, (error) => {
    broken = { cause: causeOf(error) }
    return Stream.empty
  })
  const unpacked = unpackers.reduce(
    (body: Stream.Stream<Uint8Array, unknown>, evaluate) =>
      NodeStream.pipeThroughDuplex(body, { evaluate, onError: (error): unknown => error }),
    packed
  )
  let isEmpty = true
  const plain = Stream.concat(
    Stream.tap(
      Stream.mapError(unpacked, (error) => broken === undefined ? error : broken.cause),
      () => Effect.sync(() => void (isEmpty = false))
    ),
    Stream.suspend(() =>
      broken !== undefined ? Stream.fail(broken.cause) : isEmpty ? Stream.fail(nothingUnpacked()) : Stream.empty
    )
  )
  return HttpServerResponse.toClientResponse(
    HttpServerResponse.stream(plain, {
      status: response.status,
      headers: Headers.removeMany(response.headers, ["content-encoding", "content-length"])
    }),
    { request: response.request }
  )
}

/** A packed body of which nothing can be read was cut within its first bytes. */
export const nothingUnpacked = (): Error => new Error("The body ended before anything in it could be unpacked.")

/** What a response says of its failed body is said again of the plain one. */
const causeOf = ({ reason }: HttpClientError.HttpClientError): unknown => "cause" in reason ? reason.cause : reason

/** In the order in which they are undone. */
export const unpackersOf = (encoding: string): ReadonlyArray<() => Duplex> | undefined => {
  const names = encoding.toLowerCase().split(",").map((name) => name.trim())
    .filter((name) => name !== "" && name !== "identity")
  const found = names.flatMap((name) => unpackers.get(name) ?? []).reverse()
  return found.length === 0 || found.length !== names.length || found.length > mostEncodings ? undefined : found
}

/** Nobody packs a reply more than once for good. */
const mostEncodings = 3

// One without its checksum gives what is in it: the reader knows whether that is all.
const cut = { finishFlush: Zlib.constants.Z_SYNC_FLUSH }

const unpackers: ReadonlyMap<string, () => Duplex> = new Map<string, () => Duplex>([
  ["gzip", () => Zlib.createGunzip(cut)],
  ["x-gzip", () => Zlib.createGunzip(cut)],
  ["deflate", () => new Inflate()],
  ["br", () => Zlib.createBrotliDecompress({ finishFlush: Zlib.constants.BROTLI_OPERATION_FLUSH })],
  // The window that RFC 9659 lets a server use.
  [
    "zstd",
    () =>
      Zlib.createZstdDecompress({
        finishFlush: Zlib.constants.ZSTD_e_flush,
        params: { [Zlib.constants.ZSTD_d_windowLogMax]: 23 }
      })
  ]
])

/** `deflate` is zlib by its RFC, and without its head from some servers. */
class Inflate extends Transform {
  private inner: Transform | undefined

  override _transform(piece: Buffer, encoding: BufferEncoding, callback: TransformCallback): void {
    this.inner ??= this.opened(piece)
    this.inner.write(piece, encoding, callback)
  }

  override _flush(callback: TransformCallback): void {
    if (this.inner === undefined) return callback()
    this.inner.once("end", callback)
    this.inner.resume()
    this.inner.end()
  }

  override _read(size: number): void {
    this.inner?.resume()
    super._read(size)
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    this.inner?.destroy()
    super._destroy(error, callback)
  }

  private opened(piece: Buffer): Transform {
    const inner = (piece[0]! & 0x0f) === 8 ? Zlib.createInflate(cut) : Zlib.createInflateRaw(cut)
    inner.on("data", (plain) => {
      if (!this.push(plain)) inner.pause()
    })
    inner.on("error", (error) => this.destroy(error))
    return inner
  }
}
