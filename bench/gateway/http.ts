/** A bare proxy on Node's own client and server, which parses and writes the JSON of both directions. */
import { Agent, createServer, request } from "node:http"
import type { AddressInfo } from "node:net"
import { measured } from "./measured.ts"

const upstream = new URL(process.argv[2]!)
const agent = new Agent({ keepAlive: true, maxSockets: 256 })

const server = createServer({ keepAliveTimeout: 60_000 }, (incoming, outgoing) => {
  const pieces: Array<Buffer> = []
  incoming.on("data", (piece) => pieces.push(piece))
  incoming.on("end", () => {
    const body = JSON.stringify(JSON.parse(Buffer.concat(pieces).toString()))
    const headers = { "content-type": "application/json", "content-length": Buffer.byteLength(body) }
    const asking = request(upstream, { method: "POST", agent, headers }, (response) => {
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
server.listen(0, "127.0.0.1", () => measured((server.address() as AddressInfo).port))
