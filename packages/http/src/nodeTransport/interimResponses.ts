/**
 * Leaves out the unasked `100 Continue` of a connection. HTTP lets a server send `100 Continue` and its like at any time
 * before the response, asked for or not; undici takes an unasked one for a broken connection.
 *
 * They are found where a piece of a connection begins with them, which is how servers and proxies send them: one that
 * is cut in two is not found, and the call fails as a lost connection does. No body holds the same bytes: a head has
 * line ends that JSON and event streams do not have within a line.
 */
import * as Undici from "@effect/platform-node/Undici"
import type { Socket } from "node:net"

type Connect = Undici.buildConnector.connector

/** A connector whose connections have no `100 Continue`. */
export const connector = (options: Undici.buildConnector.BuildOptions): Connect => {
  const connect = Undici.buildConnector(options)
  return (target, callback) =>
    connect(target, (...result) => {
      // undici gives no second argument beside an error, whatever its types say.
      if (result[0] === null) leaveOut(result[1])
      callback(...result)
    })
}

const leaveOut = (socket: Socket): void => {
  const read = socket.read.bind(socket)
  socket.read = (size) => {
    let piece: unknown = read(size)
    while (Buffer.isBuffer(piece) && isInterim(piece)) {
      const rest = without100(piece)
      if (rest === piece) break
      piece = rest.length > 0 ? rest : read(size)
    }
    return piece
  }
}

/** A quick look at the first bytes: every piece of every answer passes here. */
const isInterim = (piece: Buffer): boolean => piece[0] === 0x48 && piece[9] === 0x31 && piece[10] === 0x30

/** The piece without each `100` at its beginning. undici reads the others, which may tell that the provider works. */
const without100 = (piece: Buffer): Buffer => {
  const text = piece.toString("latin1", 0, longest)
  const kept: Array<Buffer> = []
  let at = 0
  interim.lastIndex = 0
  for (let match = interim.exec(text); match !== null; match = interim.exec(text)) {
    if (match[1] !== "100") kept.push(piece.subarray(at, interim.lastIndex))
    at = interim.lastIndex
  }
  const rest = Buffer.concat([...kept, piece.subarray(at)])
  return rest.length === piece.length ? piece : rest
}

/** 101 is none: it ends HTTP. */
const interim = /HTTP\/1\.[01] (10[02-9])(?: [ -!#-z]*)?\r\n(?:[!#-9;-~]+:[^\r\n]*\r\n)*\r\n/gy
const longest = 16 * 1024
