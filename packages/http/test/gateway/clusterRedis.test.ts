/** Gateways that meet at a Redis Cluster, and at a Redis with TLS, each as a user that may do what a fleet needs and no more. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { writeFileSync } from "node:fs"
import { createConnection } from "node:net"
import { join } from "node:path"
import { freePort, redisProcess } from "../../../core/test/support/redisProcess.ts"
import { withRedis } from "../fleetRedis/fleet.ts"
import { redisClusterWith } from "../fleetRedis/redisCluster.ts"
import { cert, key } from "../support/certificate.ts"
import {
  all,
  allAre,
  type Gateway,
  gatewayOver,
  logged,
  section,
  seenBy,
  simulated,
  stateOf,
  until
} from "./gatewayFleet.ts"
import { password as ownPassword, type RedisServer, redisServer } from "./redisServer.ts"
import { chat, hello, token } from "./running.ts"

const password = "hunter2 /@:"

/** As docs/fleet.md has it. */
const may =
  "~{sg1:prod:0}:* &{sg1:prod:0}:* +eval +evalsha +publish +subscribe +unsubscribe +time +get +set +del +incr +zadd +zcard +zremrangebyscore +pexpire +ping +cluster|slots"

const user = ["--user", "gateway", "on", `>${password}`, ...may.split(" ")]

const client = `clients: [{ name: shop, token: ${token}, limits: [{ resource: requests, limit: 10, per: 1 day }] }]`

const call = ({ url }: Gateway) => Effect.map(chat(url, { ...hello, model: "second" }), ({ status }) => status)

interface Seen {
  readonly because: string | null
  readonly limits: ReadonlyArray<{ readonly isAway: boolean }>
}

/** Has the server do something, as a user that may. */
const commanded = ({ port }: RedisServer, command: string) =>
  Effect.callback<void>((resume) => {
    const socket = createConnection({ port, host: "127.0.0.1" })
    socket.on("close", () => resume(Effect.void)).resume()
    socket.write(`AUTH ${ownPassword}\r\n${command}\r\nQUIT\r\n`)
  })

/** A circuit and a limit are one for both. */
const worksTogether = (one: Gateway, other: Gateway) =>
  Effect.gen(function*() {
    yield* allAre([one, other], "joined")
    yield* one.admin("/admin/circuits/first", { command: "open" })
    yield* all([one, other], "ForcedOpen")
    yield* other.admin("/admin/circuits/first", { command: "close" })
    yield* all([one, other], "Closed")
  })

const saysNoSecret = (lines: ReadonlyArray<string>) => {
  for (const line of lines) for (const secret of ["hunter2", "redis://", "rediss://"]) assert.notInclude(line, secret)
}

withRedis(
  "gateways say why a real server refuses them",
  () =>
    describe.concurrent("a gateway whose user may not run a command, or whose Redis hangs,", () => {
      const within = (command: string, told: (seen: Seen) => void) =>
        logged((lines) =>
          Effect.scoped(Effect.gen(function*() {
            const redis = yield* redisServer
            const { url } = yield* simulated
            const one = yield* gatewayOver(url, redis.url, client, section(redis.url))
            yield* allAre([one], "joined")
            yield* commanded(redis, `ACL SETUSER default ${command}`)
            // Calls go on meanwhile.
            yield* until(Effect.andThen(call(one), Effect.map(seenBy(one), ({ state }) => state === "away")))
            for (let i = 0; i < 8; i++) {
              yield* call(one)
              yield* Effect.sleep("100 millis")
            }
            told(yield* seenBy(one))
            const { components: { cluster } } = (yield* one.admin("/actuator/health")).json
            assert.deepStrictEqual([cluster.status, cluster.details.because], ["AWAY", "NOPERM"])
            saysNoSecret(lines)
          }))
        )

      it.live("says so, also of a command within a script", () =>
        within("-set", (seen) => {
          assert.strictEqual(seen.because, "NOPERM")
          assert.isTrue(seen.limits[0]!.isAway)
        }), 60_000)

      it.live("says so where what it asks else is answered", () =>
        within("-zadd", (seen) => {
          assert.strictEqual(seen.because, "NOPERM")
          assert.isFalse(seen.limits[0]!.isAway)
        }), 60_000)

      it.live("says of one that answers nothing that it is away because of the time that takes", () =>
        Effect.scoped(Effect.gen(function*() {
          const redis = yield* redisServer
          const { url } = yield* simulated
          // The connection is there: it is looked at long after.
          const place = `{ url: "${redis.url}", pingInterval: 1 hour }`
          const one = yield* gatewayOver(url, redis.url, "", section(place))
          yield* allAre([one], "joined")
          yield* redis.frozen(Effect.gen(function*() {
            yield* allAre([one], "away")
            assert.strictEqual((yield* seenBy(one)).because, "timeout")
          }))
          yield* until(Effect.map(seenBy(one), ({ because, state }) =>
            state === "joined" && because === null))
        })), 60_000)
    })
)

withRedis(
  "gateways write over what they have not written on a real server",
  () =>
    describe.concurrent("a key of a circuit that somebody else has written", () => {
      for (
        const [what, command] of [["text", "SET KEY garbage"], ["type", "DEL KEY\r\nHSET KEY field value"]] as const
      ) {
        it.live(`is written over, and no circuit is away for it: another ${what}`, () =>
          Effect.scoped(Effect.gen(function*() {
            const redis = yield* redisServer
            const { url } = yield* simulated
            // Redis has the time that a machine that is busy needs.
            const patient = section(redis.url, "", "5 seconds")
            const one = yield* gatewayOver(url, redis.url, client, patient)
            const other = yield* gatewayOver(url, redis.url, client, patient)
            yield* allAre([one, other], "joined")
            yield* commanded(redis, command.replaceAll("KEY", "{sg1:prod:0}:c:second"))
            yield* worksTogether(one, other)
            yield* one.admin("/admin/circuits/second", { command: "open" })
            yield* until(Effect.map(stateOf(other, 1), (state) =>
              state === "ForcedOpen"))
            for (const gateway of [one, other]) {
              const { because, state, timeouts } = yield* seenBy(gateway)
              assert.deepStrictEqual([because, state, timeouts], [null, "joined", 0])
            }
          })), 60_000)
      }
    })
)

withRedis("gateways meet at a Redis Cluster of real servers", () =>
  describe.concurrent("gateways of a fleet", () => {
    it.live("meet at a Redis Cluster, also when it has lost a master that has nothing of theirs", () =>
      logged((lines) =>
        Effect.scoped(Effect.gen(function*() {
          const { masters, ownerOf } = yield* redisClusterWith(user)
          const { url } = yield* simulated
          const urls = masters.map(({ port }) =>
            `redis://127.0.0.1:${port}`
          )
          const redis = `{ urls: ${
            JSON.stringify(urls)
          }, username: gateway, password: "${password}", connectTimeout: 1 second, pingInterval: 1 second }`
          const own = section(redis)
          const one = yield* gatewayOver(url, "", client, own)
          const other = yield* gatewayOver(url, "", client, own)
          yield* worksTogether(one, other)
          const owner = yield* ownerOf("prod")
          yield* masters[(owner + 1) % 3]!.server.kill
          yield* worksTogether(one, other)
          const calls = yield* Effect.forEach(
            Array.from({ length: 24 }, (_, i) => i),
            (i) => call(i % 2 === 0 ? one : other)
          )
          assert.isAtMost(calls.filter((status) => status === 200).length, 10)
          assert.isAtLeast(calls.filter((status) => status === 200).length, 8)
          yield* masters[owner]!.server.kill
          yield* allAre([one, other], "away")
          yield* until(Effect.map(seenBy(one), ({ because }) => /^\w+$/.test(because)))
          assert.include([200, 429], yield* call(one))
          saysNoSecret([...lines, (yield* one.admin("/admin/overview")).text])
        }))
      ), 60_000)

    it.live("meet at a Redis with TLS, by a certificate that the file has", () =>
      logged((lines) =>
        Effect.scoped(Effect.gen(function*() {
          const port = yield* freePort
          yield* redisProcess((folder) => {
            writeFileSync(join(folder, "cert.pem"), cert)
            writeFileSync(join(folder, "key.pem"), key)
            const files = ["--tls-cert-file", join(folder, "cert.pem"), "--tls-key-file", join(folder, "key.pem")]
            // It asks for a certificate of its clients.
            const tls = ["--tls-port", String(port), ...files, "--tls-ca-cert-file", join(folder, "cert.pem")]
            return ["--port", "0", "--bind", "127.0.0.1", ...tls, ...user, "--user", "default", "off"]
          })
          const { url } = yield* simulated
          const over = (certificates: object) => {
            const redis = { url: `rediss://127.0.0.1:${port}`, username: "gateway", password, tls: certificates }
            return gatewayOver(url, "", client, section(JSON.stringify(redis)))
          }
          const certificates = { ca: cert, cert, key, serverName: "models.test" }
          const [one, other] = [yield* over(certificates), yield* over(certificates)]
          yield* worksTogether(one, other)
          const { ca: _, ...trusting } = certificates
          const stranger = yield* over(trusting)
          yield* allAre([stranger], "away")
          assert.deepInclude(yield* seenBy(stranger), { because: "DEPTH_ZERO_SELF_SIGNED_CERT" })
          const told = yield* Effect.forEach([one, stranger], ({ admin }) =>
            admin("/admin/overview"))
          saysNoSecret([
            ...lines,
            ...told.map(({ text }) =>
              text
            )
          ])
        }))
      ), 60_000)
  }))
