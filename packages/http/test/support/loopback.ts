import { Effect, type Scope } from "effect"
import { createServer, request } from "node:http"
import * as Net from "node:net"
import * as Tls from "node:tls"

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

/** A request as a server of connections sees it. */
export interface Incoming {
  readonly socket: Net.Socket
  /** Resets the connection, also where it speaks TLS. */
  readonly reset: () => void
  /** The number of the request on its connection, and the number of the connection, both from 1. */
  readonly ofConnection: number
  readonly connection: number
  readonly head: string
}

/**
 * A server that sees requests together with their connections, and does with each what it is told to do. With a
 * certificate it speaks TLS.
 */
export const connections = Effect.fnUntraced(function*(
  onRequest: (incoming: Incoming) => void,
  certificate?: Pick<Tls.SecureContextOptions, "cert" | "key">
) {
  const seen = { connections: 0, requests: 0, open: 0 }
  const port = yield* listen(() =>
    Net.createServer((raw) => {
      const socket = certificate === undefined
        ? raw
        : new Tls.TLSSocket(raw, { isServer: true, secureContext: Tls.createSecureContext(certificate) })
      socket.on("error", () => {})
      const connection = ++seen.connections
      let [text, ofConnection] = ["", 0]
      seen.open++
      socket.on("close", () => seen.open--)
      socket.on("data", (bytes) => {
        text += bytes.toString("latin1")
        const end = text.indexOf("\r\n\r\n")
        const length = Number(/content-length: (\d+)/i.exec(text)?.[1] ?? 0)
        if (end < 0 || text.length < end + 4 + length) return
        const head = text.slice(0, end)
        text = ""
        seen.requests++
        onRequest({ socket, reset: () => raw.resetAndDestroy(), ofConnection: ++ofConnection, connection, head })
      })
    })
  )
  return { url: `${certificate === undefined ? "http" : "https"}://127.0.0.1:${port}/v1`, seen }
})

/** A proxy that makes a tunnel to one port of loopback, whatever it is asked for, and gives each tunnel it makes. */
export const tunnels = Effect.fnUntraced(function*(port: number) {
  const asked: Array<string> = []
  const open: Array<{ readonly client: Net.Socket; readonly server: Net.Socket }> = []
  const at = yield* listen(() =>
    createServer().on("connect", (incoming, client: Net.Socket) => {
      asked.push(incoming.url!)
      const server = Net.connect(port, "127.0.0.1", () => {
        client.write("HTTP/1.1 200 Connection established\r\n\r\n")
        server.pipe(client)
        client.pipe(server)
      })
      for (const [one, other] of [[client, server], [server, client]] as const) {
        one.on("error", () => {})
        one.on("close", () => other.destroy())
      }
      open.push({ client, server })
    })
  )
  return { url: `http://127.0.0.1:${at}`, asked, open }
})

/** Answers a request with JSON, and keeps the connection. */
export const answer = (socket: Net.Socket, json: unknown, status = "200 OK"): void => {
  const body = JSON.stringify(json)
  socket.write(
    `HTTP/1.1 ${status}\r\ncontent-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`
  )
}

/** A SOCKS proxy that leads everybody to somebody who says this. */
export const socks = (text: string): Effect.Effect<number, never, Scope.Scope> =>
  listen(() =>
    Net.createServer((socket) => {
      const replies = [Buffer.from([5, 0]), Buffer.from([5, 0, 0, 1, 0, 0, 0, 0, 0, 0]), Buffer.from(text)]
      socket.on("data", () => {
        const reply = replies.shift()
        if (reply !== undefined) socket.write(reply)
      })
    })
  )

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
