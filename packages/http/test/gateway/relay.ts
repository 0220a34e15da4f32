/** Stands between a client and a server on loopback. */
import { Effect, type Scope } from "effect"
import { once } from "node:events"
import { type AddressInfo, connect, createServer, type Socket } from "node:net"

export interface Relay {
  readonly port: number
  /** From now on the connections that are there carry nothing, and neither end is told. New ones are as before. */
  readonly cut: () => void
}

export const relayTo = (port: number): Effect.Effect<Relay, never, Scope.Scope> =>
  Effect.map(
    Effect.acquireRelease(
      Effect.promise(async () => {
        const sockets = new Set<Socket>()
        const server = createServer((near) => {
          const far = connect(port, "127.0.0.1")
          for (const [one, other] of [[near, far], [far, near]] as const) {
            sockets.add(one)
            one.on("error", () => {}).on("close", () => sockets.delete(one) && other.destroy())
            one.on("data", (bytes) => other.write(bytes))
          }
        })
        server.listen(0, "127.0.0.1")
        await once(server, "listening")
        return { server, sockets }
      }),
      ({ server, sockets }) =>
        Effect.sync(() => {
          server.close()
          for (const socket of sockets) socket.destroy()
        })
    ),
    ({ server, sockets }) => ({
      port: (server.address() as AddressInfo).port,
      cut: () => {
        for (const socket of sockets) socket.removeAllListeners("data").resume()
      }
    })
  )
