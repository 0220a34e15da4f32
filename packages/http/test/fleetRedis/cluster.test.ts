/** Fleets over a Redis Cluster of three masters, which this test starts and ends. */
import { assert, describe, it } from "@effect/vitest"
import * as FleetRedis from "@switchgear/http/FleetRedis"
import { Effect, Layer } from "effect"
import { all, are, fail, until, worksTogether } from "../../../core/test/cluster/fleet.ts"
import { freePort } from "../../../core/test/support/redisProcess.ts"
import { node, withRedis } from "./fleet.ts"
import { once } from "node:events"
import { createServer, type Socket } from "node:net"
import { relayTo } from "./relay.ts"
import { redisCluster, urlOf } from "./redisCluster.ts"

const cluster = Effect.map(redisCluster, ({ masters, ownerOf }) => ({
  masters,
  ownerOf,
  layer: Layer.fresh(
    FleetRedis.layerCluster({
      urls: masters.map(({ port }) => urlOf(port)),
      connectTimeout: "1 second",
      pingInterval: "500 millis"
    })
  )
}))

withRedis(
  "the connection to a Redis Cluster is tried on real servers",
  () =>
    // Each has a cluster of its own, and waits for what its servers find out of each other.
    describe.concurrent("a Redis Cluster of three masters", () => {
      it.live(
        "has fleets on every one of them, whose circuits open together; scripts that are gone are sent again",
        () =>
          Effect.gen(function*() {
            const { layer, masters, ownerOf } = yield* cluster
            const fleets = ["a", "b", "c", "d"]
            assert.strictEqual(new Set(yield* Effect.forEach(fleets, ownerOf)).size, 3)
            const nodes = yield* Effect.forEach(fleets, (fleet) => Effect.all([node(layer, fleet), node(layer, fleet)]))
            const allWork = Effect.forEach(nodes, worksTogether, { concurrency: "unbounded" })
            yield* allWork
            for (const { send } of masters) yield* send("SCRIPT", "FLUSH")
            yield* allWork
          }).pipe(Effect.scoped),
        90_000
      )

      it.live("keeps a fleet of which it has lost another master", () =>
        Effect.gen(function*() {
          const { layer, masters, ownerOf } = yield* cluster
          const owner = yield* ownerOf("test")
          const nodes = [yield* node(layer), yield* node(layer), yield* node(layer)]
          yield* worksTogether(nodes)
          for (const [i, { server }] of masters.entries()) if (i === (owner + 1) % 3) yield* server.kill
          yield* worksTogether(nodes)
        }).pipe(Effect.scoped), 90_000)

      it.live("has a fleet go on by itself without the master of its keys, and join when that is back", () =>
        Effect.gen(function*() {
          const { layer, masters, ownerOf } = yield* cluster
          const owner = masters[yield* ownerOf("test")]!
          const nodes = [yield* node(layer), yield* node(layer)]
          yield* worksTogether(nodes)
          yield* owner.server.kill
          yield* are(nodes, "away")
          for (const one of nodes)
            yield* fail(one, 20)
          yield* all(nodes, "Open")
          yield* owner.server.start
          yield* are(nodes, "joined", nodes.length)
          yield* all(nodes, "Open")
          yield* nodes[1]!.cluster.control("model")!.close
          yield* all(nodes, "Closed")
        }).pipe(Effect.scoped), 90_000)

      it.live("finds the keys of a fleet where they were moved to", () =>
        Effect.gen(function*() {
          const { layer, masters, ownerOf } = yield* cluster
          const from = yield* ownerOf("test")
          const to = (from + 1) % 3
          const nodes = [yield* node(layer), yield* node(layer)]
          yield* worksTogether(nodes)
          const slot = String(yield* masters[0]!.send("CLUSTER", "KEYSLOT", "{sg1:test:0}"))
          const id = (of: number) =>
            masters[of]!.send<string>("CLUSTER", "MYID")
          yield* masters[to]!.send("CLUSTER", "SETSLOT", slot, "IMPORTING", yield* id(from))
          yield* masters[from]!.send("CLUSTER", "SETSLOT", slot, "MIGRATING", yield* id(to))
          const keys = yield* masters[from]!.send<Array<string>>("CLUSTER", "GETKEYSINSLOT", slot, "100")
          assert.isNotEmpty(keys)
          const port = String(masters[to]!.port)
          yield* masters[from]!.send("MIGRATE", "127.0.0.1", port, "", "0", "1000", "KEYS", ...keys)
          for (const one of [to, from]) {
            yield* masters[one]!.send("CLUSTER", "SETSLOT", slot, "NODE", yield* id(to))
          }
          yield* worksTogether(nodes)
        }).pipe(Effect.scoped), 90_000)

      it.live("has a fleet join again after its master has accepted connections and answered none of them", () =>
        Effect.gen(function*() {
          const { layer, masters, ownerOf } = yield* cluster
          const [owner] = masters.splice(yield* ownerOf("test"), 1)
          const relay = yield* relayTo(owner!.port)
          yield* owner!.send("CONFIG", "SET", "cluster-announce-port", String(relay.port))
          for (const { send } of masters) {
            yield* until(Effect.map(send("CLUSTER", "NODES"), (nodes) =>
              String(nodes).includes(`:${relay.port}@`)))
          }
          const nodes = [yield* node(layer), yield* node(layer)]
          yield* worksTogether(nodes)
          yield* relay.loseAnswers
          yield* are(nodes, "away")
          const before = yield* relay.connections
          yield* until(Effect.map(relay.connections, (connections) =>
            connections >= before + nodes.length))
          yield* relay.passAnswers
          yield* worksTogether(nodes)
        }).pipe(Effect.scoped), 120_000)

      it.live("closes the connections that were accepted and never answered, also after its end", () =>
        Effect.gen(function*() {
          const open = new Set<Socket>()
          let made = 0
          const server = createServer((socket) => {
            made++
            open.add(
              socket.on("close", () =>
                open.delete(socket)).on("error", () => {}).resume()
            )
          })
          yield* Effect.acquireRelease(
            Effect.promise(() =>
              once(server.listen(0, "127.0.0.1"), "listening")
            ),
            () =>
              Effect.sync(() =>
                server.close()
              )
          )
          const { port } = server.address() as { readonly port: number }
          const silent = FleetRedis.layerCluster({
            urls: [urlOf(port)],
            connectTimeout: "100 millis",
            pingInterval: "100 millis"
          })
          yield* Effect.scoped(Effect.andThen(Layer.build(silent), until(Effect.sync(() => made - open.size >= 5))))
          yield* until(Effect.sync(() => open.size === 0))
        }).pipe(Effect.scoped), 60_000)

      it.live("is joined by nodes that started without it", () =>
        Effect.gen(function*() {
          const port = yield* freePort
          const away = FleetRedis.layerCluster({ urls: [urlOf(port)], connectTimeout: "1 second" })
          const one = yield* node(Layer.fresh(away))
          yield* are([one], "away")
          yield* fail(one, 10)
          yield* all([one], "Open")
        }).pipe(Effect.scoped), 60_000)
    })
)
