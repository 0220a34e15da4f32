/** A bare server that refuses everything: what shedding takes at least, and what this machine does to anybody's times. */
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { measured } from "./measured.ts"

const body = JSON.stringify({ error: { message: "Overloaded", type: "server_error", param: null, code: null } })
const headers = { "content-type": "application/json", "content-length": body.length }

const server = createServer({ keepAliveTimeout: 60_000 }, (incoming, outgoing) => {
  incoming.resume().on("end", () => outgoing.writeHead(503, headers).end(body))
})
server.listen(0, "127.0.0.1", 4096, () => measured(server.address() as AddressInfo))
