/** A Redis Cluster of three masters, which a test starts and ends. */
import * as FleetRedis from "@switchgear/http/FleetRedis"
import { Context, Effect, Layer, Redacted } from "effect"
import * as Redis from "effect/persistence/Redis"
import { until } from "../../../core/test/cluster/fleet.ts"
import { freePort, redisProcess } from "../../../core/test/support/redisProcess.ts"

export const urlOf = (port: number) => Redacted.make(`redis://127.0.0.1:${port}`)

/** Slots 0 to 16383, in three parts. */
const parts = [[0, 5460], [5461, 10_922], [10_923, 16_383]] as const

const masterWith = (more: ReadonlyArray<string>) =>
  Effect.gen(function*() {
    const port = yield* freePort
    const bus = yield* freePort
    const server = yield* redisProcess((
      folder
    ) => [
      "--port",
      String(port),
      "--bind",
      "127.0.0.1",
      "--cluster-enabled",
      "yes",
      "--cluster-port",
      String(bus),
      "--cluster-config-file",
      `${folder}/nodes.conf`,
      "--cluster-node-timeout",
      "2000",
      "--cluster-require-full-coverage",
      "no",
      ...more
    ])
    const context = yield* Layer.build(Layer.fresh(FleetRedis.layer({ url: urlOf(port) })))
    return { port, bus, server, send: Context.get(context, Redis.Redis).send }
  })

/** A cluster that knows of all of its nodes. */
export const redisClusterWith = (more: ReadonlyArray<string>) =>
  Effect.gen(function*() {
    const master = masterWith(more)
    const masters = yield* Effect.all([master, master, master], { concurrency: 3 })
    for (const [i, [from, to]] of parts.entries()) {
      yield* masters[i]!.send("CLUSTER", "ADDSLOTSRANGE", String(from), String(to))
      yield* masters[i]!.send("CLUSTER", "SET-CONFIG-EPOCH", String(i + 1))
    }
    for (const { bus, port } of masters.slice(1)) {
      yield* masters[0]!.send("CLUSTER", "MEET", "127.0.0.1", String(port), String(bus))
    }
    for (const { send } of masters) {
      yield* until(
        Effect.map(
          send<string>("CLUSTER", "INFO"),
          (info) => info.includes("cluster_state:ok") && info.includes("cluster_slots_ok:16384")
        )
      )
    }
    const ownerOf = (fleet: string) =>
      Effect.map(
        masters[0]!.send<number>("CLUSTER", "KEYSLOT", `{sg1:${fleet}:0}`),
        (slot) => parts.findIndex(([from, to]) => slot >= from && slot <= to)
      )
    return { masters, ownerOf }
  })

export const redisCluster = redisClusterWith([])
