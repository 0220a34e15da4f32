import { Effect, type Scope } from "effect"
import { createServer, request } from "node:http"
import * as Net from "node:net"

/** A port of loopback at which nothing listens: it was open a moment ago. */
export const closedPort: Effect.Effect<number> = Effect.scoped(listen(() => Net.createServer()))

/** A server that takes connections and says nothing. */
export const silent: Effect.Effect<number, never, Scope.Scope> = listen(() => Net.createServer())

/** A server that says the same to everybody who speaks to it. */
export const chatty = (text: string): Effect.Effect<number, never, Scope.Scope> =>
  listen(() => Net.createServer((socket) => socket.once("data", () => socket.end(text))))

/** A server that says to each who speaks to it what it is told to say at that moment. */
export const speaking = (says: () => Uint8Array): Effect.Effect<number, never, Scope.Scope> =>
  listen(() => Net.createServer((socket) => socket.once("data", () => socket.end(says()))))

/** A server that resets the connection of everybody who speaks to it. */
export const resetting: Effect.Effect<number, never, Scope.Scope> = listen(() =>
  Net.createServer((socket) => socket.once("data", () => socket.resetAndDestroy()))
)

/**
 * A web server that answers everybody with the same event stream, which it ends a moment after its last event, and counts
 * the connections that were made to it.
 */
export const counted = Effect.fnUntraced(function*(stream: string) {
  let made = 0
  const port = yield* listen(() =>
    createServer({ keepAliveTimeout: 65_000 }, (incoming, outgoing) => {
      incoming.resume().on("end", () => {
        outgoing.writeHead(200, { "content-type": "text/event-stream" }).write(stream)
        setTimeout(() => outgoing.end(), 5)
      })
    }).on("connection", () => made++)
  )
  return { url: `http://127.0.0.1:${port}/v1`, connections: () => made }
})

/** A proxy that forwards plain requests, refuses tunnels, and remembers what it was asked. */
export const proxy = Effect.gen(function*() {
  const seen: Array<string> = []
  const headers: Array<string> = []
  const port = yield* listen(() => {
    const server = createServer((incoming, outgoing) => {
      seen.push(`${incoming.method} ${incoming.url}`)
      const forward = request(incoming.url!, { method: incoming.method!, headers: incoming.headers }, (response) => {
        outgoing.writeHead(response.statusCode!, response.headers)
        response.pipe(outgoing)
      })
      incoming.pipe(forward)
    })
    server.on("connect", (incoming, socket) => {
      seen.push(`CONNECT ${incoming.url}`)
      headers.push(...incoming.rawHeaders)
      socket.end("HTTP/1.1 403 Forbidden\r\n\r\n")
    })
    return server
  })
  return { url: `http://127.0.0.1:${port}`, seen, headers }
})

/** The proxy variables of the environment, as they are to be until the scope closes. */
export const environment = (variables: Readonly<Record<string, string>>) =>
  Effect.acquireRelease(
    Effect.sync(() => {
      const before = names.map((name) => [name, process.env[name]] as const)
      for (const name of names) delete process.env[name]
      Object.assign(process.env, variables)
      return before
    }),
    (before) =>
      Effect.sync(() => {
        for (const [name, value] of before) {
          if (value === undefined) delete process.env[name]
          else process.env[name] = value
        }
      })
  )

const names = ["http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "no_proxy", "NO_PROXY"]

function listen(make: () => Net.Server): Effect.Effect<number, never, Scope.Scope> {
  return Effect.acquireRelease(
    Effect.callback<{ readonly port: number; readonly close: Effect.Effect<void> }>((resume) => {
      const sockets = new Set<Net.Socket>()
      const server = make().on("connection", (socket: Net.Socket) => {
        sockets.add(socket)
        socket.on("error", () => {})
        socket.on("close", () => sockets.delete(socket))
      })
      server.listen(0, "127.0.0.1", () =>
        resume(Effect.succeed({
          port: (server.address() as Net.AddressInfo).port,
          close: Effect.callback<void>((done) => {
            server.close(() => done(Effect.void))
            for (const socket of sockets) socket.destroy()
          })
        })))
    }),
    ({ close }) => close
  ).pipe(Effect.map(({ port }) => port))
}
