/** One connection of a client that costs little: it sends bytes that are there, and of an answer it looks at status and length. */
import { connect, type Socket } from "node:net"

export class Connection {
  private readonly socket: Socket
  private held: Buffer | undefined
  private resolve: ((status: number) => void) | undefined
  private reject: ((error: Error) => void) | undefined
  isOpen = true

  constructor(port: number) {
    this.socket = connect({ port, host: "127.0.0.1", noDelay: true })
    this.socket.on("data", (piece: Buffer) => this.hear(piece))
    this.socket.on("error", (error) => this.fail(error))
    this.socket.on("close", () => this.fail(new Error("The connection was closed before the answer")))
  }

  /** Answers with the status, once the whole of the answer is there. One request at a time. */
  ask(request: Buffer): Promise<number> {
    return new Promise((resolve, reject) => {
      this.resolve = resolve
      this.reject = reject
      this.socket.write(request)
    })
  }

  close(): void {
    this.isOpen = false
    this.socket.destroy()
  }

  private hear(piece: Buffer): void {
    const bytes = this.held === undefined ? piece : Buffer.concat([this.held, piece])
    const headEnd = bytes.indexOf("\r\n\r\n")
    if (headEnd < 0 || !isWhole(bytes, headEnd)) {
      this.held = bytes
      return
    }
    this.held = undefined
    const { resolve } = this
    this.resolve = this.reject = undefined
    resolve?.(Number(bytes.toString("latin1", 9, 12)))
  }

  private fail(error: Error): void {
    this.isOpen = false
    this.reject?.(error)
  }
}

const isWhole = (bytes: Buffer, headEnd: number): boolean => {
  const length = /\r\ncontent-length: *(\d+)/i.exec(bytes.toString("latin1", 0, headEnd))
  return length === null
    ? bytes.toString("latin1", bytes.length - 5) === "0\r\n\r\n"
    : bytes.length >= headEnd + 4 + Number(length[1])
}
