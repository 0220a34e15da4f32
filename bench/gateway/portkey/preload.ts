/**
 * Runs in Portkey's process before it: binds it to loopback and any free port, keeps its connections as long as the others
 * keep theirs, and tells what it uses.
 */
import { type AddressInfo, type ListenOptions, Server } from "node:net"
import { measured } from "../measured.ts"

const listen: (this: Server, asked: ListenOptions, listening: () => void) => Server = Server.prototype.listen
Server.prototype.listen = function(this: Server) {
  Object.assign(this, { keepAliveTimeout: 60_000 })
  const asked = { port: 0, host: "127.0.0.1", backlog: 4096 }
  return listen.call(this, asked, () => measured(this.address() as AddressInfo))
}
