/** All nights of the command: three ways of guarding one after the other, and then four faults of Redis at the same time. */
import { Effect, type Scope } from "effect"
import { now } from "./clock.ts"
import type { ProcessFailed, RedisMissing } from "./failures.ts"
import { folder } from "./folder.ts"
import { faultFigures, type Figures, nightFigures, redisFigures, type Told } from "./figures.ts"
import type { Change, Guarding, RedisPlace } from "./messages.ts"
import { type NodeProcesses, nodeProcesses } from "./nodeProcesses.ts"
import { type Provider, provider, type Seen } from "./provider.ts"
import { type RedisServer, redisServer } from "./redisServer.ts"
import { callsPerSecond, longestAfter, longestAway, type Night, nightOf, shares } from "./scenario.ts"

export interface Plan {
  readonly nodes: number
  readonly seed: string
  /** How long a night lasts. */
  readonly seconds: number
}

/** Is told what happens. */
export interface Audience {
  readonly says: (line: string) => void
  readonly begins: (nights: ReadonlyArray<Staged>, startsAt: number) => void
  readonly ends: () => void
  readonly changed: (night: string, node: number, change: Change) => void
}

export interface Staged {
  readonly name: string
  readonly night: Night
  readonly seen: Seen
}

/** What is beside the figures: what the platform's store asks of Redis. */
export interface Results {
  readonly figures: Figures
  readonly storeOpsPerNodePerSecond: number
}

interface Booking {
  readonly name: string
  readonly guarding: Guarding
  readonly night: Night
  readonly after?: number
  readonly redis?: ((node: number) => RedisPlace) | undefined
}

interface Stage {
  readonly plan: Plan
  readonly provider: Provider
  readonly processes: NodeProcesses
  readonly audience: Audience
  /** Has the nodes know what to clear away. */
  readonly bequeath: Effect.Effect<void>
}

/** Time between the word that a night begins and its beginning: all processes have heard of it by then. */
const lead = 300

/** Plays nights at the same time on all nodes. */
const staged = (
  { audience, plan, processes, provider }: Stage,
  nights: ReadonlyArray<Booking>,
  meanwhile: (startsAt: number) => Effect.Effect<void, ProcessFailed | RedisMissing> = () => Effect.void
): Effect.Effect<ReadonlyArray<Told>, ProcessFailed | RedisMissing> =>
  Effect.gen(function*() {
    const share = shares(plan.nodes)
    yield* processes.prepare((node) =>
      nights.map(({ after = 0, guarding, name, night, redis }) => ({
        name,
        guarding,
        night,
        after,
        redis: redis?.(node),
        provider: provider.port,
        callsPerSecond: callsPerSecond * share[node]!,
        seed: `${plan.seed}/${node}`
      }))
    )
    const startsAt = now() + lead
    const seen = nights.map(({ name, night }) => ({ name, night, seen: provider.begin(name, night, startsAt) }))
    audience.begins(seen, startsAt)
    const playing = processes.play(startsAt, (node, night, change) => audience.changed(night, node, change))
    const [played] = yield* Effect.all([playing, meanwhile(startsAt)], { concurrency: "unbounded" })
    audience.ends()
    return seen.map(({ night, seen }, i) => ({ night, startsAt, seen, nodes: played[i]! }))
  })

/** What Redis says it has done for scripts since it was asked to forget that. */
const operations = (server: RedisServer): Effect.Effect<number, ProcessFailed> =>
  Effect.map(
    server.send("INFO commandstats"),
    (text) =>
      Array.from(text.matchAll(/^cmdstat_eval(?:sha)?:calls=(\d+)/gm), ([, calls]) => Number(calls))
        .reduce((a, b) => a + b, 0)
  )

/** Plays a night, and counts what Redis had to do meanwhile. */
const counted = (server: RedisServer, stage: Stage, booking: Booking) =>
  Effect.gen(function*() {
    let before = 0
    const [told] = yield* staged(stage, [booking], () =>
      Effect.map(operations(server), (count) => {
        before = count
      }))
    return [told!, (yield* operations(server)) - before] as const
  })

/** The name that half of the nodes come to their Redis with: who locks it out cuts them off. */
const half = "half"

const isCut = (node: number): boolean => node % 2 === 1

/** A fault: what happens when, in milliseconds since the night began; answers when it is over. */
interface Fault {
  readonly name: keyof Figures["faults"]
  readonly overAfter: number
  readonly happens: (server: RedisServer) => ReadonlyArray<
    readonly [at: number, line: string, effect: Effect.Effect<unknown, ProcessFailed | RedisMissing>]
  >
}

const faultsOf = ({ from, until }: Night): ReadonlyArray<Fault> => {
  // The fleet is open by then.
  const open = from + 1200
  const pause = 0.3 * until
  const down = until / 8
  return [
    {
      name: "paused",
      overAfter: open + pause,
      happens: ({ pause: stop, resume }) => [
        [open, "Redis is stopped (SIGSTOP)", stop],
        [open + pause, "Redis goes on", resume]
      ]
    },
    {
      name: "killed",
      overAfter: open + down,
      happens: ({ kill, start }) => [
        [open, "Redis is killed (SIGKILL)", kill],
        [open + down, "Redis is started again, with nothing in it", start]
      ]
    },
    {
      name: "flushed",
      overAfter: open,
      happens: ({ send }) => [
        [open, "Redis loses all keys and scripts (FLUSHALL, SCRIPT FLUSH)", send("FLUSHALL", "SCRIPT FLUSH")]
      ]
    },
    {
      name: "halfCut",
      overAfter: open + pause,
      happens: ({ send }) => [
        [
          from - 300,
          "every second node is cut off from Redis",
          send(`ACL SETUSER ${half} off`, `CLIENT KILL USER ${half}`)
        ],
        [open + pause, "they can reach Redis again", send(`ACL SETUSER ${half} on`)]
      ]
    }
  ]
}

/** The night of a fault goes on until all nodes must be back. */
const untilBack = (night: Night, faults: ReadonlyArray<Fault>): Night => ({
  ...night,
  until: Math.max(night.until, ...faults.map(({ overAfter }) => overAfter + longestAway))
})

const faulty = (stage: Stage, night: Night, servers: ReadonlyArray<RedisServer>) =>
  Effect.gen(function*() {
    const faults = faultsOf(night)
    const longer = untilBack(night, faults)
    const over = new Map<string, number>()
    yield* servers[3]!.send(`ACL SETUSER ${half} on >${half} ~* &* +@all`)
    const told = yield* staged(
      stage,
      faults.map(({ name }, i) => ({
        name,
        guarding: "fleet",
        night: longer,
        redis: (node) => ({
          port: servers[i]!.port,
          username: name === "halfCut" && isCut(node) ? half : undefined
        })
      })),
      (startsAt) =>
        Effect.forEach(faults, ({ happens, name }, i) =>
          Effect.forEach(happens(servers[i]!), ([at, line, effect]) =>
            Effect.gen(function*() {
              yield* Effect.sleep(Math.max(0, startsAt + at - now()))
              over.set(name, now())
              yield* effect
              // One that was started again has another id.
              yield* stage.bequeath
              stage.audience.says(`${name}: ${line}`)
            })), { concurrency: "unbounded", discard: true })
    )
    const figures = Object.fromEntries(
      faults.map(({ name }, i) => [
        name,
        faultFigures(told[i]!, {
          overAt: over.get(name)!,
          reaches: (node) =>
            name !== "halfCut" || isCut(node)
        })
      ])
    )
    return figures as unknown as Figures["faults"]
  })

export const run = (
  plan: Plan,
  audience: Audience
): Effect.Effect<Results, ProcessFailed | RedisMissing, Scope.Scope> =>
  Effect.gen(function*() {
    audience.says(`Starting Redis and ${plan.nodes} ${plan.nodes === 1 ? "process" : "processes"} ...`)
    const servers = yield* Effect.replicateEffect(redisServer, 5)
    const [server, ...faultServers] = servers as [RedisServer, ...Array<RedisServer>]
    const cache = yield* folder
    const estate = () => ({
      pids: servers.map(({ pid }) => pid()),
      folders: [cache, ...servers.map(({ folder }) => folder)]
    })
    const processes = yield* nodeProcesses(plan.nodes, cache, estate())
    const stage: Stage = {
      plan,
      audience,
      processes,
      provider: yield* provider(plan.seed),
      bequeath: Effect.suspend(() => processes.inherit(estate()))
    }
    const night = nightOf(plan.seconds)
    const redis = () => ({ port: server.port, username: undefined })
    const [local] = yield* staged(stage, [{ name: "local", guarding: "local", night, after: longestAfter }])
    const [store, storeOperations] = yield* counted(server, stage, { name: "store", guarding: "store", night, redis })
    const [fleet, fleetOperations] = yield* counted(server, stage, {
      name: "fleet",
      guarding: "fleet",
      night,
      after: longestAfter,
      redis
    })
    return {
      storeOpsPerNodePerSecond: redisFigures(store, storeOperations).opsPerNodePerSecond,
      figures: {
        local: nightFigures(local!, "many"),
        store: nightFigures(store, "one"),
        fleet: nightFigures(fleet, "many"),
        redis: redisFigures(fleet, fleetOperations),
        faults: yield* faulty(stage, night, faultServers)
      }
    }
  })
