/** A Redis Cluster of three masters, which a test starts and ends. */
import * as FleetRedis from "@switchgear/http/FleetRedis"
import { Context, Effect, Exit, Layer, Redacted } from "effect"
import * as Redis from "effect/persistence/Redis"
import { until } from "../../../core/test/cluster/fleet.ts"
import { freePort, redisOnPort } from "../../../core/test/support/redisProcess.ts"

export const urlOf = (port: number) => Redacted.make(`redis://127.0.0.1:${port}`)

/** Slots 0 to 16383, in three parts. */
const parts = [[0, 5460], [5461, 10_922], [10_923, 16_383]] as const

const masterWith = (more: ReadonlyArray<string>) =>
  Effect.gen(function*() {
    const options = [
      "--cluster-enabled",
      "yes",
      "--cluster-config-file",
      "nodes.conf",
      "--cluster-node-timeout",
      "2000"
    ]
    const { bus, port, ...server } = yield* freePort.pipe(
      Effect.flatMap((bus) =>
        Effect.map(
          redisOnPort([...options, "--cluster-port", String(bus), "--cluster-require-full-coverage", "no", ...more]),
          (server) => ({ ...server, bus })
        )
      ),
      // Somebody took one of the ports before the server did.
      Effect.sandbox,
      Effect.retry({ times: 3 }),
      Effect.orDie
    )
    const context = yield* Layer.build(Layer.fresh(FleetRedis.layer({ url: urlOf(port) })))
    const { send } = Context.get(context, Redis.Redis)
    yield* until(Effect.map(Effect.exit(send("PING")), Exit.isSuccess))
    return { port, bus, server, send }
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
