/**
 * The provider behind all proxies, on plain sockets, so that it is not what limits them. The model that is asked for says how
 * it answers: `slow` after 100 ms on average, `hanging` never, any other at once. Streamed where the request says so, with one event where
 * it wants no more than one token.
 */
import { type AddressInfo, createServer, type Socket } from "node:net"
import { reply } from "../chatReply.ts"
import { measured } from "./measured.ts"
import { readRequests } from "./readRequests.ts"
import { chunkAt, events, interval } from "./streamed.ts"

const headOf = (...lines: ReadonlyArray<string>) =>
  ["HTTP/1.1 200 OK", "x-request-id: req_0123456789abcdef", "connection: keep-alive", ...lines, "", ""].join("\r\n")

const whole = Buffer.from(headOf("content-type: application/json", `content-length: ${reply.length}`) + reply)

const framed = (text: string) => `${Buffer.byteLength(text).toString(16)}\r\n${text}\r\n`
const chunks = Array.from({ length: events }, (_, index) => Buffer.from(framed(chunkAt(index))))
const head = headOf("content-type: text/event-stream; charset=utf-8", "transfer-encoding: chunked")
const first = Buffer.from(head + chunks[0]!.toString())
const end = Buffer.from(`${framed("data: [DONE]\n\n")}0\r\n\r\n`)

const brief = Buffer.concat([first, end])

// From 50 to 150 ms. If all took as long, they would go in step, and a call that queues would wait for a whole one.
let calls = 0
const slowly = (): number => 50 + calls++ * 37 % 101

const stream = (socket: Socket): void => {
  let next = 1
  socket.write(first)
  const timer = setInterval(() => {
    if (next < events) return void socket.write(chunks[next++]!)
    stop()
    socket.write(end)
  }, interval)
  const stop = () => {
    clearInterval(timer)
    socket.removeListener("close", stop)
  }
  socket.once("close", stop)
}

const server = createServer({ noDelay: true }, (socket) => {
  socket.on("error", () => socket.destroy())
  readRequests(socket, (body) => {
    if (body.includes("\"hanging\"")) return
    if (body.includes("\"max_tokens\":1")) socket.write(brief)
    else if (body.includes("\"stream\":true")) stream(socket)
    else if (body.includes("\"slow\"")) setTimeout(() => socket.writable && socket.write(whole), slowly())
    else socket.write(whole)
  })
})
server.listen(0, "127.0.0.1", 4096, () => measured(server.address() as AddressInfo))
