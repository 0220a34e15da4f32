/** A bare proxy with undici's client, which parses and writes the JSON of both directions, and pipes streams. */
import * as Undici from "@effect/platform-node/Undici"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { measured } from "./measured.ts"

const upstream = new URL(process.argv[2]!)
const agent = new Undici.Agent({ keepAliveTimeout: 30_000 })

const server = createServer({ keepAliveTimeout: 60_000 }, (incoming, outgoing) => {
  const pieces: Array<Buffer> = []
  incoming.on("data", (piece) => pieces.push(piece))
  incoming.on("end", async () => {
    const asked = JSON.parse(Buffer.concat(pieces).toString())
    const { body } = await agent.request({
      origin: upstream.origin,
      path: upstream.pathname,
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(asked)
    })
    if (asked.stream === true) {
      outgoing.writeHead(200, { "content-type": "text/event-stream" })
      body.pipe(outgoing)
      return
    }
    const answer = JSON.stringify(await body.json())
    outgoing.writeHead(200, { "content-type": "application/json", "content-length": Buffer.byteLength(answer) })
    outgoing.end(answer)
  })
})
server.listen(0, "127.0.0.1", 4096, () => measured(server.address() as AddressInfo))
