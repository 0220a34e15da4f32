/**
 * What tells of the world again and again, such as a socket: time does not wait for it. The program waits for an answer
 * from when it connects or writes until something comes.
 */
import { hearCalls } from "./calls.ts"
import { currentResource } from "./node.ts"
import { ofProgram } from "./owners.ts"
import type { Piece } from "./pendingWork.ts"
import { type Running, wake } from "./running.ts"
import { StackTrace, type Trace } from "./trace.ts"

/** The kinds that there are, as they are told. */
export const sources: ReadonlyMap<string, string> = new Map([
  ["TCPWRAP", "a connection over TCP"],
  ["TLSWRAP", "a connection over TLS"],
  ["PIPEWRAP", "a connection over a local socket"],
  ["UDPWRAP", "a UDP socket"],
  ["HTTP2SESSION", "a session of HTTP/2"],
  ["FSEVENTWRAP", "fs.watch"],
  ["STATWATCHER", "fs.watchFile"],
  ["SIGNALWRAP", "a signal"]
])

interface Source extends Running {
  readonly piece: SourcePiece
  readonly resource: object
  /** How much has come. */
  bytes: number | undefined
}

type Method = (this: unknown, ...args: Array<unknown>) => unknown

class SourcePiece implements Piece {
  readonly wait = "none"
  readonly races = false
  /** Whether the program waits for an answer: then no time must pass. */
  millis: 0 | undefined
  isClosed = false
  readonly what: string
  readonly begun: Trace

  constructor(what: string, begun: Trace) {
    this.what = what
    this.begun = begun
  }

  readonly isOver = (): boolean => this.isClosed
}

/** By the resources that call back: their own, and those of their connecting. */
let known = new WeakMap<object, Source>()
let hasSources = false

export const forgetSources = (): void => {
  known = new WeakMap()
  hasSources = false
}

/** Those of requests and of child processes are told as such, and the output of this process is heard by nobody in it. */
const toldOtherwise =
  /node:(_http_|https|(internal\/)?child_process|internal\/(deps\/undici|bootstrap))|[/\\]node_modules[/\\](\.pnpm[/\\])?undici[@/\\]/

export const beginSource = (what: string, resource: object): void => {
  const works = ofProgram()
  if (works.length === 0) return
  // What is tried next when one address does not answer, and a session over a connection, are of the same call.
  const begun = new StackTrace(hasSources ? known.get(currentResource()!)?.piece.begun : undefined)
  // A connection to a server of the program is of its client.
  if (begun.place === undefined || begun.lines.some((line) => toldOtherwise.test(line))) return
  const piece = new SourcePiece(what, begun)
  const source: Source = { piece, works, resource, bytes: 0 }
  known.set(resource, source)
  hasSources = true
  hearCalls()
  for (const work of works) work.begin(piece)
  const ask = () => {
    piece.millis = 0
    for (const work of works) work.begin(piece)
  }
  for (const name of connects) {
    before(resource, name, (request) => {
      known.set(request as object, source)
      ask()
    })
  }
  for (const name of writes) before(resource, name, ask)
  before(resource, "close", () => {
    piece.isClosed = true
  })
}

const connects = ["connect", "connect6"]

const writes = [
  "writeBuffer",
  "writev",
  "writeUtf8String",
  "writeAsciiString",
  "writeLatin1String",
  "writeUcs2String"
]

const before = (resource: object, name: string, call: (first: unknown) => void): void => {
  const owner = resource as Record<string, Method | undefined>
  const original = owner[name]
  if (typeof original !== "function") return
  owner[name] = function(...args) {
    call(args[0])
    return original.apply(this, args)
  }
}

const bytesOf = (resource: object): number | undefined => (resource as { readonly bytesRead?: number }).bytesRead

/** Something calls back: a source may have something to tell, or a connection stand. */
export const hearSource = (): void => {
  if (!hasSources) return
  const resource = currentResource()!
  const source = known.get(resource)
  if (source === undefined || source.piece.isClosed) return
  const bytes = bytesOf(source.resource)
  // An end without a byte is no answer.
  const isNews = resource !== source.resource || bytes === undefined || bytes !== source.bytes
  source.bytes = bytes
  if (!isNews) return
  wake(source)
  for (const work of source.works) work.hear(source.piece)
  source.piece.millis = undefined
}
