/** The connection of a fleet to one Redis, over real servers that this test starts and ends. */
import { assert, describe, it } from "@effect/vitest"
import * as FleetRedis from "@switchgear/http/FleetRedis"
import { Context, Effect, Exit, Layer, Queue, Redacted } from "effect"
import * as Redis from "effect/persistence/Redis"
import { writeFileSync } from "node:fs"
import { createServer } from "node:net"
import { join } from "node:path"
import { all, are, fail, until, worksTogether } from "../../../core/test/cluster/fleet.ts"
import { freePort, redisOnPort, redisProcess } from "../../../core/test/support/redisProcess.ts"
import { cert, key } from "../support/certificate.ts"
import { withServers } from "../../../core/test/support/withServers.ts"
import { logged, node } from "./fleet.ts"
import { relayTo } from "./relay.ts"

const may =
  "+eval +evalsha +publish +subscribe +unsubscribe +time +get +set +del +incr +zadd +zcard +zremrangebyscore" +
  " +pexpire +ping"

const user = ["--user", "fleet", "on", ">a secret/@:", "~{sg1:test:0}:*", "&{sg1:test:0}:*", ...may.split(" ")]

const plain = (port: number) => () => ["--port", String(port), "--bind", "127.0.0.1"]

const url = (port: number) => Redacted.make(`redis://127.0.0.1:${port}`)

/** Fast enough for a test. */
const fast = { connectTimeout: "1 second", pingInterval: "500 millis" } as const

const secret = encodeURIComponent("a secret/@:")

withServers(
  "the connection of a fleet is tried",
  (program) =>
    describe("the connection of a fleet to one Redis", () => {
      it.live("has all that a fleet needs, by a user of its own over TLS", () =>
        Effect.gen(function*() {
          const port = yield* freePort
          yield* redisProcess((folder) => {
            writeFileSync(join(folder, "cert.pem"), cert)
            writeFileSync(join(folder, "key.pem"), key)
            const files = ["--tls-cert-file", join(folder, "cert.pem"), "--tls-key-file", join(folder, "key.pem")]
            const tls = ["--tls-port", String(port), ...files, "--tls-auth-clients", "no"]
            return ["--port", "0", "--bind", "127.0.0.1", ...tls, ...user, "--user", "default", "off"]
          }, program)
          const options = { ...fast, tls: { ca: cert } }
          const byUrl = { ...options, url: Redacted.make(`rediss://fleet:${secret}@127.0.0.1:${port}`) }
          const byOptions = {
            ...options,
            url: Redacted.make(`rediss://127.0.0.1:${port}`),
            username: "fleet",
            password: Redacted.make("a secret/@:")
          }
          const nodes = [yield* node(FleetRedis.layer(byUrl)), yield* node(FleetRedis.layer(byOptions))]
          yield* worksTogether(nodes)
          const redis = nodes[0]!.redis
          assert.isTrue(Exit.isFailure(yield* Effect.exit(redis.send("FLUSHALL"))))
        }).pipe(Effect.scoped), 60_000)

      it.live("is over a socket in a folder, too", () =>
        Effect.gen(function*() {
          const { folder } = yield* redisProcess((
            folder
          ) => ["--port", "0", "--unixsocket", join(folder, "s"), ...user], program)
          const path = Redacted.make(`unix://fleet:${secret}@${join(folder, "s")}`)
          yield* worksTogether([yield* node(FleetRedis.layer({ url: path }))])
        }).pipe(Effect.scoped), 60_000)

      it.live("lets a node start without a server, and join once there is one; the log has one line each way", () =>
        logged((lines) =>
          Effect.gen(function*() {
            const port = yield* freePort
            const began = performance.now()
            const nodes = [yield* node(FleetRedis.layer({ ...fast, url: url(port) }))]
            assert.isBelow(performance.now() - began, 5000)
            yield* fail(nodes[0]!, 10)
            yield* all(nodes, "Open")
            yield* are(nodes, "away")
            // For some attempts more.
            yield* Effect.sleep("1 second")
            const server = yield* redisProcess(plain(port), program)
            yield* are(nodes, "joined")
            yield* all(nodes, "Open")
            yield* server.kill
            yield* are(nodes, "away")
            const ours = lines.filter((line) =>
              line.includes("The Redis of the fleet")
            )
            assert.lengthOf(ours, 3)
            assert.include(ours[0], "is not connected: ECONNREFUSED.")
            assert.include(ours[1], "is connected")
            // What is told of a server that is gone depends on what the system noticed first.
            assert.match(ours[2]!, /is not connected: (SocketClosedUnexpectedlyError|ECONNRESET)\./)
            assert.notInclude(lines.join("\n"), String(port))
          })
        ).pipe(Effect.scoped), 60_000)

      it.live("comes back after a server was killed, and a subscription after it", () =>
        Effect.gen(function*() {
          const { port, ...server } = yield* redisOnPort([], program)
          const nodes = [
            yield* node(FleetRedis.layer({ ...fast, url: url(port) })),
            yield* node(FleetRedis.layer({ ...fast, url: url(port) }))
          ]
          yield* worksTogether(nodes)
          yield* server.kill
          yield* are(nodes, "away")
          const failed = yield* Effect.flip(nodes[0]!.redis.send("PING"))
          assert.include(String(failed.cause), "OFFLINE")
          yield* server.start
          yield* worksTogether(nodes)
        }).pipe(Effect.scoped), 60_000)

      it.live("is made again where a server does not answer, and what it was sent fails", () =>
        Effect.gen(function*() {
          const { port, ...server } = yield* redisOnPort([], program)
          const context = yield* Layer.build(FleetRedis.layer({ ...fast, url: url(port) }))
          const redis = Context.get(context, Redis.Redis)
          const heard = yield* redis.subscribe("channel")
          const exits = yield* server.frozen(
            Effect.all([Effect.exit(redis.send("INCR", "count")), Effect.exit(Queue.take(heard))], {
              concurrency: "unbounded"
            }).pipe(Effect.timeout("20 seconds"))
          )
          for (const exit of exits)
            assert.include(String(exit), "RedisError")
          yield* until(Effect.map(Effect.exit(redis.send("PING")), Exit.isSuccess))
        }).pipe(Effect.scoped), 60_000)

      it.live("is made again where an answer was lost on its way, and each later one would be to another command", () =>
        logged((lines) =>
          Effect.gen(function*() {
            const { port } = yield* redisOnPort([], program)
            const relay = yield* relayTo(port)
            const layer = FleetRedis.layer({ pingInterval: "2 seconds", url: url(relay.port) })
            const redis = Context.get(yield* Layer.build(layer), Redis.Redis)
            let said = 0
            // Where an answer is missing, each one that waits gets that to the next one.
            const isAnswered = Effect.suspend(() => {
              const own = `said ${++said}`
              return redis.send("ECHO", own).pipe(
                Effect.timeout("50 millis"),
                Effect.match({
                  onFailure: () =>
                    false,
                  onSuccess: (answer) =>
                    answer === own
                })
              )
            })
            yield* until(isAnswered)
            yield* relay.loseAnswer
            const isTold = Effect.sync(() =>
              lines.some((line) => line.includes("is not connected: DESYNCHRONIZED."))
            )
            yield* until(Effect.andThen(isAnswered, isTold))
            yield* until(isAnswered)
          })
        ).pipe(Effect.scoped), 60_000)

      it.live("tells a wrong password in one word, and never what it is", () =>
        logged((lines) =>
          Effect.gen(function*() {
            const { port } = yield* redisOnPort([...user, "--user", "default", "off"], program)
            const wrong = Redacted.make(`redis://fleet:wrong-password@127.0.0.1:${port}`)
            const context = yield* Layer.build(FleetRedis.layer({ ...fast, url: wrong }))
            const error = yield* Effect.flip(Context.get(context, Redis.Redis).send("PING"))
            const said = [...lines, String(error), String(error.cause)].join("\n")
            assert.include(said, "is not connected: WRONGPASS.")
            assert.notInclude(said, "wrong-password")
            assert.notInclude(said, String(port))
          })
        ).pipe(Effect.scoped), 60_000)

      it.live("tells nothing of what an old server repeats of the password", () =>
        logged((lines) =>
          Effect.gen(function*() {
            const echo = createServer((socket) =>
              socket.on("data", (data) =>
                socket.write(`-ERR unknown command with args ${String(data).replaceAll(/\s+/g, " ")}\r\n`.repeat(3)))
            )
            yield* Effect.acquireRelease(
              Effect.callback<void>((resume) =>
                void echo.listen(0, "127.0.0.1", () =>
                  resume(Effect.void))
              ),
              () =>
                Effect.sync(() =>
                  echo.close()
                )
            )
            const { port } = echo.address() as { readonly port: number }
            const context = yield* Layer.build(
              FleetRedis.layer({ ...fast, url: Redacted.make(`redis://fleet:hidden@127.0.0.1:${port}`) })
            )
            const redis = Context.get(context, Redis.Redis)
            const heard = yield* redis.subscribe("channel")
            const errors = [yield* Effect.flip(redis.send("PING")), yield* Effect.exit(Queue.take(heard))]
            const said = [...lines, ...errors.map(String)].join("\n")
            assert.include(said, "is not connected: ERR.")
            assert.notInclude(said, "hidden")
          })
        ).pipe(Effect.scoped), 60_000)

      it.live("reserves connections that end with the scope, and fail with the server", () =>
        Effect.gen(function*() {
          const { port, ...server } = yield* redisOnPort([], program)
          const redis = Context.get(yield* Layer.build(FleetRedis.layer({ ...fast, url: url(port) })), Redis.Redis)
          const { send } = yield* redis.reserve
          assert.notStrictEqual(String(yield* send("CLIENT", "ID")), String(yield* redis.send("CLIENT", "ID")))
          yield* server.kill
          assert.isTrue(Exit.isFailure(yield* Effect.exit(send("PING"))))
        }).pipe(Effect.scoped), 60_000)
    })
)
