/** The provider of the model on a socket: it is down for a while in each night, and counts who calls it then. */
import { Effect, Random, type Scope } from "effect"
import { once } from "node:events"
import { createServer, type ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"
import { now } from "./clock.ts"
import { failing, latency, type Night } from "./scenario.ts"

/** What the provider has seen of a night. */
export interface Seen {
  calls: number
  /** Calls while it was down that were no probes, and when the last one came, in milliseconds since it went down. */
  bad: number
  lastBad: number
  /** Probes while it was down. */
  probes: number
}

export interface Provider {
  readonly port: number
  /** Plays a night, which begins at that time. */
  readonly begin: (name: string, night: Night, startsAt: number) => Seen
}

interface Playing {
  readonly seen: Seen
  readonly downFrom: number
  readonly downTo: number
}

export const provider = (seed: string): Effect.Effect<Provider, never, Scope.Scope> =>
  Effect.gen(function*() {
    const nights = new Map<string, Playing>()
    const random = yield* Random.withSeed(Random.Random, seed)
    const answer = (path: string, response: ServerResponse): void => {
      const [, name = "", kind] = path.split("/")
      const playing = nights.get(name)
      if (playing === undefined) return void response.writeHead(404).end()
      const { downFrom, downTo, seen } = playing
      const at = now()
      const isDown = at >= downFrom && at < downTo
      seen.calls++
      if (isDown && kind === "probe") seen.probes++
      else if (isDown) {
        seen.bad++
        seen.lastBad = at - downFrom
      }
      const fails = isDown || random.nextDoubleUnsafe() < failing
      const takes = fails
        ? latency.failure
        : Math.min(latency.most, -latency.mean * Math.log(1 - random.nextDoubleUnsafe()))
      setTimeout(() => response.writeHead(fails ? 503 : 200).end(), takes)
    }
    const server = yield* Effect.acquireRelease(
      Effect.promise(async () => {
        const server = createServer({ keepAliveTimeout: 60_000 }, (request, response) => {
          request.resume()
          answer(request.url!, response)
        })
        server.listen(0, "127.0.0.1")
        await once(server, "listening")
        return server
      }),
      (server) =>
        Effect.sync(() => {
          server.close()
          server.closeAllConnections()
        })
    )
    return {
      port: (server.address() as AddressInfo).port,
      begin: (name, night, startsAt) => {
        const seen = { calls: 0, bad: 0, lastBad: 0, probes: 0 }
        nights.set(name, { seen, downFrom: startsAt + night.from, downTo: startsAt + night.to })
        return seen
      }
    }
  })
