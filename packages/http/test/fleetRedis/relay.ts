/** A relay before a server, which loses answers on their way. */
import { Effect } from "effect"
import { once } from "node:events"
import { connect, createServer } from "node:net"

export const relayTo = (target: number) =>
  Effect.gen(function*() {
    let lost = 0
    let connections = 0
    const server = createServer((client) => {
      connections++
      const upstream = connect(target, "127.0.0.1")
      for (const [one, other] of [[client, upstream], [upstream, client]] as const) {
        one.on("error", () => other.destroy())
        one.on("close", () => other.destroy())
      }
      client.pipe(upstream)
      upstream.on("data", (answer) => lost > 0 ? lost-- : client.write(answer))
    })
    yield* Effect.acquireRelease(
      Effect.promise(() => once(server.listen(0, "127.0.0.1"), "listening")),
      () => Effect.sync(() => server.close())
    )
    const { port } = server.address() as { readonly port: number }
    return {
      port,
      /** How many have been made. */
      connections: Effect.sync(() => connections),
      /** The next one is not passed on. */
      loseAnswer: Effect.sync(() => void lost++),
      /** None is passed on any more, or all are again. */
      loseAnswers: Effect.sync(() => lost = Infinity),
      passAnswers: Effect.sync(() => lost = 0)
    }
  })
