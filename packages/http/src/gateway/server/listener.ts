/** A server of Node on an address, which is closed with its scope. */
import { createServer, type RequestListener, type Server } from "node:http"
import type { AddressInfo } from "node:net"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import type { Address, Listen } from "../config/model.ts"

/**
 * The address cannot be listened on.
 *
 * @category errors
 * @since 0.1.0
 */
export class ListenFailed
  extends Schema.TaggedError<ListenFailed>("@switchgear/http/gateway/ListenFailed")("ListenFailed", {
    host: Schema.String,
    port: Schema.Number,
    code: Schema.String
  })
{
  override get message(): string {
    const host = this.host.includes(":") && !this.host.startsWith("[") ? `[${this.host}]` : this.host
    return `Cannot listen on ${host}:${this.port}: ${whys.get(this.code) ?? `${this.code}. Choose another host`}.`
  }
}

const otherPort = "Choose another port, or 0 for any free one"
const otherHost = "Choose a name or an address of this machine, without brackets"

const whys: ReadonlyMap<string, string> = new Map([
  ["EADDRINUSE", `another server has it. ${otherPort}`],
  ["EACCES", `it is not allowed. ${otherPort}`],
  ["ENOTFOUND", `no such host is known. ${otherHost}`],
  ["EAI_AGAIN", `no such host is known. ${otherHost}`],
  ["EADDRNOTAVAIL", `this machine has no such address. ${otherHost}`],
  ["EAFNOSUPPORT", `this machine has no such address. ${otherHost}`],
  ["EINVAL", `this machine has no such address. ${otherHost}`]
])

/** The address that is listened on: its port is never 0. */
export const listen = (
  { host, port }: Address,
  limits: Pick<Listen, "headersTimeout" | "keepAliveTimeout" | "maxConnections" | "requestTimeout">,
  handle: RequestListener
): Effect.Effect<Address, ListenFailed, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.callback<{ readonly server: Server; readonly address: Address }, ListenFailed>((resume) => {
      const server = createServer({
        headersTimeout: wholeMillis(limits.headersTimeout),
        requestTimeout: wholeMillis(limits.requestTimeout),
        keepAliveTimeout: wholeMillis(limits.keepAliveTimeout),
        connectionsCheckingInterval: 1000,
        maxHeaderSize: 16 * 1024
      }, handle)
      // Who may ask is found out before the client is told to send its body.
      server.on("checkContinue", handle)
      // What a client expects besides to be told to go on is no reason to refuse it.
      server.on("checkExpectation", handle)
      server.maxConnections = limits.maxConnections
      server.once("error", (error: NodeJS.ErrnoException) =>
        resume(Effect.fail(new ListenFailed({ host, port, code: error.code ?? "unknown" }))))
      server.listen(port, host, () => {
        const { port } = server.address() as AddressInfo
        resume(Effect.succeed({ server, address: { host, port } }))
      })
    }),
    ({ server }) =>
      Effect.andThen(
        Effect.timeoutOption(closed(server), "1 second"),
        Effect.sync(() =>
          server.closeAllConnections()
        )
      )
  ).pipe(Effect.map(({ address }) => address))

/** Node takes no part of a millisecond. */
const wholeMillis = (duration: Duration.Duration): number => Math.ceil(Duration.toMillis(duration))

/** No connection is accepted any more. Ends when the answers that are being sent are sent, and their connections closed. */
const closed = (server: Server): Effect.Effect<void> =>
  Effect.callback((resume) => {
    server.close(() => resume(Effect.void))
    server.closeIdleConnections()
  })
