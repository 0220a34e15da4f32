/**
 * Undoes the content encoding of responses, which undici leaves as it is. Piece by piece: what a server has flushed is
 * read at once, and no more is unpacked than is read, so that the limits of a reader hold for what comes out.
 */
import * as NodeStream from "@effect/platform-node/NodeStream"
import * as Headers from "effect/http/Headers"
import type * as HttpClientError from "effect/http/HttpClientError"
import type * as HttpClientResponse from "effect/http/HttpClientResponse"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as Stream from "effect/Stream"
import type { Duplex } from "node:stream"
import * as Zlib from "node:zlib"
import { Decoder, type Failure } from "./decoder.ts"

/** A response whose body is plain, if its encoding is one of those known here. Any other is left as it is. */
export const undone = (response: HttpClientResponse.HttpClientResponse): HttpClientResponse.HttpClientResponse => {
  const encoding = response.headers["content-encoding"]
  const decoders = encoding === undefined ? undefined : decodersOf(encoding)
  if (decoders === undefined) return response
  const plain = Stream.suspend(() => {
    const layers = decoders()
    // What came before the connection broke is unpacked first.
    let lost: Failure | undefined
    const packed: Stream.Stream<Uint8Array, unknown> = Stream.catch(response.stream, (error) => {
      lost = { cause: causeOf(error) }
      return Stream.empty
    })
    const unpacked = layers.reduce(
      (body, layer) =>
        NodeStream.pipeThroughDuplex(body, { evaluate: () => layer, onError: (error): unknown => error }),
      packed
    )
    return Stream.concat(
      unpacked,
      Stream.suspend(() => {
        const failure = failureOf(layers, lost)
        return failure === undefined ? Stream.empty : Stream.fail(failure.cause)
      })
    )
  })
  return HttpServerResponse.toClientResponse(
    HttpServerResponse.stream(plain, {
      status: response.status,
      headers: Headers.removeMany(response.headers, ["content-encoding", "content-length"])
    }),
    { request: response.request }
  )
}

/** What a response says of its failed body is said again of the plain one. */
const causeOf = ({ reason }: HttpClientError.HttpClientError): unknown => "cause" in reason ? reason.cause : reason

/** One or more, in the order in which they are undone. */
export type Layers = readonly [Decoder, ...ReadonlyArray<Decoder>]

/** Makes what undoes an encoding, or several in a list; undefined where one of them is not known here. */
export const decodersOf = (encoding: string): (() => Layers) | undefined => {
  const names = encoding.toLowerCase().split(",").map((name) => name.trim())
    .filter((name) => name !== "" && name !== "identity")
  const found = names.flatMap((name) => unpackers.get(name) ?? []).reverse()
  return found.length === 0 || found.length !== names.length || found.length > mostEncodings
    ? undefined
    : () => found.map((make) => new Decoder(make)) as unknown as Layers
}

/**
 * What was wrong with a body that has ended. An error of an encoding counts before the loss of the connection, and of two
 * errors that of the inner encoding: it came of bytes that were there before the outer one failed.
 */
export const failureOf = (layers: Layers, lost: Failure | undefined): Failure | undefined =>
  layers.findLast(({ failure }) => failure !== undefined)?.failure ?? lost ??
    (layers.at(-1)!.isEmpty ? { cause: nothingUnpacked() } : undefined)

/** A packed body of which nothing can be read was cut within its first bytes. */
const nothingUnpacked = (): Error => new Error("The body ended before anything in it could be unpacked.")

/** Nobody packs a reply more than once for good. */
const mostEncodings = 3

// One without its checksum gives what is in it: the reader knows whether that is all.
const cut = { finishFlush: Zlib.constants.Z_SYNC_FLUSH }

const unpackers: ReadonlyMap<string, (first: Buffer) => Duplex> = new Map<string, (first: Buffer) => Duplex>([
  ["gzip", () => Zlib.createGunzip(cut)],
  ["x-gzip", () => Zlib.createGunzip(cut)],
  // It is zlib by its RFC, and without its head from some servers.
  ["deflate", (first) => (first[0]! & 0x0f) === 8 ? Zlib.createInflate(cut) : Zlib.createInflateRaw(cut)],
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
