/** A provider in a process of its own, so that what it takes is not counted. Tells its port to its parent. */
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { reply } from "../chatReply.ts"

const headers = { "content-type": "application/json", "x-request-id": "req_0123456789abcdef" }

const server = createServer({ keepAliveTimeout: 60_000 }, (incoming, outgoing) => {
  incoming.resume().on("end", () => {
    if (incoming.url!.startsWith("/length/")) {
      outgoing.writeHead(200, { ...headers, "content-length": Buffer.byteLength(reply) }).end(reply)
    } else {
      outgoing.writeHead(200, headers)
      outgoing.write(reply)
      outgoing.end()
    }
  })
})
server.listen(0, "127.0.0.1", () => process.send?.((server.address() as AddressInfo).port))
process.on("disconnect", () => process.exit())
