/**
 * The pieces of an answer of which a part is on its way, as chunks of HTTP on the connection itself. What is said in one turn
 * of the event loop is one chunk, and a chunk is one text for the connection, where Node writes four: for an answer of many
 * small pieces that is most of what it costs to send it.
 */
import type { ServerResponse } from "node:http"

export class Chunk {
  /** Its bytes, a character each. */
  private text = ""
  private readonly response: ServerResponse
  /** How much the connection takes in. It is asked for once: this is looked at for each piece. */
  private readonly most: number

  /** Node has to have sent the head of the response, as one of chunks, and not its end. */
  constructor(response: ServerResponse) {
    this.response = response
    this.most = response.writableHighWaterMark
  }

  /** Adds a piece. Whether another one may follow at once. */
  add(piece: string | Uint8Array): boolean {
    this.text += bytesOf(piece).toString("latin1")
    const { socket } = this.response
    return socket === null || socket.writableLength + this.text.length < this.most
  }

  /** Sends what was added. Nothing after the end: the next answer on the connection is another one's. */
  send(): void {
    const { response, text } = this
    this.text = ""
    if (text === "" || response.writableEnded || response.destroyed || response.socket === null) return
    response.socket.write(`${text.length.toString(16)}\r\n${text}\r\n`, "latin1")
  }
}

/** A longer piece is given to Node, which does not copy it. */
export const longestPiece = 16 * 1024

const bytesOf = (piece: string | Uint8Array): Buffer =>
  typeof piece === "string"
    ? Buffer.from(piece)
    : Buffer.isBuffer(piece)
    ? piece
    : Buffer.from(piece.buffer, piece.byteOffset, piece.byteLength)
