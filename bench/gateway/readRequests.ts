/** Reads requests with a `content-length` from a socket, one after the other. */
import type { Socket } from "node:net"

export const readRequests = (socket: Socket, heard: (body: string) => void): void => {
  let held: Buffer | undefined
  socket.on("data", (piece: Buffer) => {
    let bytes = held === undefined ? piece : Buffer.concat([held, piece])
    for (;;) {
      const headEnd = bytes.indexOf("\r\n\r\n")
      const length = headEnd < 0 ? undefined : lengthOf(bytes.toString("latin1", 0, headEnd))
      const end = length === undefined ? Infinity : headEnd + 4 + length
      if (bytes.length < end) break
      heard(bytes.toString("latin1", headEnd + 4, end))
      bytes = bytes.subarray(end)
    }
    held = bytes.length === 0 ? undefined : bytes
  })
}

const lengthOf = (head: string): number => {
  const found = /\r\ncontent-length: *(\d+)/i.exec(head)
  if (found === null) throw new Error(`A request without content-length: ${head}`)
  return Number(found[1])
}
