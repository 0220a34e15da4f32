/**
 * Leaves out the interim responses of a connection. HTTP lets a server send `100 Continue` and its like at any time
 * before the response, asked for or not; undici takes an unasked one for a broken connection.
 *
 * They are found where a piece of a connection begins with them, which is how servers and proxies send them: one that
 * is cut in two is not found, and the call fails as a lost connection does. No body holds the same bytes: a head has
 * line ends that JSON and event streams do not have within a line.
 */
import * as Undici from "@effect/platform-node/Undici"
import type { Socket } from "node:net"

type Connect = Undici.buildConnector.connector

/** A connector whose connections have no interim responses. */
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
      const end = lengthOf(piece)
      if (end === 0) break
      piece = end < piece.length ? piece.subarray(end) : read(size)
    }
    return piece
  }
}

/** A quick look at the first bytes: every piece of every answer passes here. */
const isInterim = (piece: Buffer): boolean => piece[0] === 0x48 && piece[9] === 0x31 && piece[10] === 0x30

/** The length of the interim response at the beginning of a piece; 0 where it is none. 101 is none: it ends HTTP. */
const lengthOf = (piece: Buffer): number => interim.exec(piece.toString("latin1", 0, longest))?.[0].length ?? 0

const interim = /^HTTP\/1\.[01] 10[02-9](?: [ -!#-z]*)?\r\n(?:[!#-9;-~]+:[^\r\n]*\r\n)*\r\n/
const longest = 16 * 1024
