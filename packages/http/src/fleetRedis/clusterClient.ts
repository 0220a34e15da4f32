/** The client of a Redis Cluster. It connects to the nodes that it sends something to, and looks for a key where it has moved. */
import { createCluster } from "redis"
import { common, destroyed, Desynchronized, ignored, type OpenClient, ping, socket } from "./client.ts"
import type { Settings } from "./settings.ts"

export const clusterClient = (settings: Settings): OpenClient => {
  const cluster = createCluster(
    {
      rootNodes: settings.places.map((place) => ({ socket: place })),
      // A node that accepts a connection and never answers on it leaves its client neither connected nor lost. One that is connected is pinged more often.
      defaults: {
        ...common(settings),
        socket: { ...socket(settings), socketTimeout: 2 * settings.pingInterval, reconnectStrategy }
      },
      minimizeConnections: true,
      topologyRefreshOnReconnectionAttemptStrategy: 1000
    } as Parameters<typeof createCluster>[0]
  )
  cluster.on("error", ignored)
  const send = (command: string, args: ReadonlyArray<string>) =>
    cluster.sendCommand(firstKey(command, args), false, [command, ...args])
  return {
    connect: () => cluster.connect(),
    send,
    // Of those that it is connected to: one that is gone is left to the client, which learns from the others where its keys are.
    ping: async () => {
      const pings = await Promise.allSettled(
        cluster.masters.flatMap(({ client }) => client?.isReady === true ? [ping(client)] : [])
      )
      for (const one of pings) if (one.status === "rejected" && one.reason instanceof Desynchronized) throw one.reason
    },
    // A lost node is not the loss of the cluster.
    onLost: ignored,
    destroy: () => destroyed(cluster),
    place: (share) => {
      const { masters } = cluster
      const { host, port } = masters[Math.floor(share * masters.length)]!
      return { host, port }
    }
  }
}

const reconnectStrategy = (retries: number): number => Math.min(50 * 2 ** retries, 1000)

/** Commands that say how many keys they have, before them. */
const counted = new Set(["EVAL", "EVALSHA", "EVAL_RO", "EVALSHA_RO", "FCALL", "FCALL_RO"])

const keyless = new Set(["PING", "TIME", "PUBLISH", "SCRIPT", "INFO", "CLUSTER", "ACL", "CLIENT", "CONFIG", "COMMAND"])

/** The key by which a command finds its node; undefined where any node will do. */
const firstKey = (command: string, args: ReadonlyArray<string>): string | undefined => {
  const name = command.toUpperCase()
  if (keyless.has(name)) return undefined
  return counted.has(name) ? (args[1] === "0" ? undefined : args[2]) : args[0]
}
