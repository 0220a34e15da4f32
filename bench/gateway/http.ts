/** A bare proxy on Node's own client and server, which parses and writes the JSON of both directions, and pipes streams. */
import { Agent, createServer, request } from "node:http"
import type { AddressInfo } from "node:net"
import { measured } from "./measured.ts"

const upstream = new URL(process.argv[2]!)
const agent = new Agent({ keepAlive: true, maxSockets: 1024 })

const server = createServer({ keepAliveTimeout: 60_000 }, (incoming, outgoing) => {
  const pieces: Array<Buffer> = []
  incoming.on("data", (piece) => pieces.push(piece))
  incoming.on("end", () => {
    const asked = JSON.parse(Buffer.concat(pieces).toString())
    const body = JSON.stringify(asked)
    const headers = { "content-type": "application/json", "content-length": Buffer.byteLength(body) }
    const asking = request(upstream, { method: "POST", agent, headers }, (response) => {
      if (asked.stream === true) {
        outgoing.writeHead(200, { "content-type": "text/event-stream" })
        response.pipe(outgoing)
        return
      }
      const answers: Array<Buffer> = []
      response.on("data", (piece) => answers.push(piece))
      response.on("end", () => {
        const answer = JSON.stringify(JSON.parse(Buffer.concat(answers).toString()))
        outgoing.writeHead(200, { "content-type": "application/json", "content-length": Buffer.byteLength(answer) })
        outgoing.end(answer)
      })
    })
    asking.end(body)
  })
})
server.listen(0, "127.0.0.1", 4096, () => measured(server.address() as AddressInfo))
