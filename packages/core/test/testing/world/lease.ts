/**
 * A replicated lease: three replicas grant it by majority, clients that hold it write to a store. With each bug, one of
 * the invariants can break.
 */
import { Latency, World } from "@switchgear/core/testing"
import { Clock, Context, Duration, Effect, Layer, Ref } from "effect"

export type Bug = "no fencing" | "local clocks" | "retried without an id"

const ttl = 3000
/** The share of a lease that its holder uses: clocks may drift by 1%. */
const margin = 0.9
const replicas = ["r1", "r2", "r3"] as const
const majority = 2
const patience = "400 millis"

/** Milliseconds that only go forward. */
const monotonic = Effect.map(Clock.monotonicTimeNanos, (nanos) => Number(nanos) / 1e6)

class Replica extends Context.Service<Replica, {
  readonly highest: Effect.Effect<number>
  /** Grants the lease under this token, and says until when by the replica's wall clock. */
  readonly grant: (token: number, holder: string) => Effect.Effect<number | undefined>
}>()("lease/Replica") {}

const replica = Layer.effect(
  Replica,
  Effect.gen(function*() {
    const node = yield* World.Node
    const highest = yield* node.disk("highest", 0)
    // What it has granted before a crash is not on the disk: it waits until that has ended.
    let holder = ""
    let until = (yield* Ref.get(highest)) === 0 ? 0 : (yield* monotonic) + ttl
    return {
      highest: Ref.get(highest),
      grant: (token, by) =>
        Effect.gen(function*() {
          const now = yield* monotonic
          if (token <= (yield* Ref.get(highest)) || (now < until && by !== holder)) return undefined
          yield* Ref.set(highest, token)
          holder = by
          until = now + ttl
          return (yield* Clock.currentTimeMillis) + ttl
        })
    }
  })
)

interface Write {
  readonly token: number
  readonly id: string
}

class Store extends Context.Service<Store, {
  readonly write: (token: number, id: string) => Effect.Effect<"written" | "stale">
}>()("lease/Store") {}

const noWrites: ReadonlyArray<Write> = []

const store = (bug: Bug | undefined) =>
  Layer.effect(
    Store,
    Effect.gen(function*() {
      const node = yield* World.Node
      const log = yield* node.disk("log", noWrites)
      return {
        write: (token, id) =>
          Ref.modify(log, (writes): ["written" | "stale", ReadonlyArray<Write>] => {
            const newest = writes.at(-1)?.token ?? 0
            if (bug !== "retried without an id" && writes.some((write) => write.id === id)) return ["written", writes]
            if (bug !== "no fencing" && token < newest) return ["stale", writes]
            return ["written", [...writes, { token, id }]]
          })
      }
    })
  )

class Client extends Context.Service<Client, { readonly holds: Effect.Effect<boolean> }>()("lease/Client") {}

const client = (bug: Bug | undefined) =>
  Layer.effect(
    Client,
    Effect.gen(function*() {
      const node = yield* World.Node
      const life = yield* Ref.updateAndGet(yield* node.disk("lives", 0), (lives) => lives + 1)
      const clock = bug === "local clocks" ? Clock.currentTimeMillis : monotonic
      let validUntil = -Infinity
      const holds = Effect.map(clock, (now) => now < validUntil)

      const ask = <A>(use: (replica: Replica["Service"]) => Effect.Effect<A | undefined>) =>
        Effect.map(
          Effect.forEach(
            replicas,
            (name) =>
              node.call(name, Replica, use).pipe(
                Effect.timeout(patience),
                Effect.orElseSucceed(() => undefined)
              ),
            { concurrency: "unbounded" }
          ),
          (answers) => answers.filter((answer) => answer !== undefined)
        )

      const acquire = Effect.gen(function*() {
        const asked = yield* clock
        const highest = yield* ask((replica) => replica.highest)
        if (highest.length < majority) return undefined
        const token = Math.max(...highest) + 1
        const granted = yield* ask((replica) => replica.grant(token, node.name))
        if (granted.length < majority) return undefined
        validUntil = bug === "local clocks" ? Math.min(...granted) : asked + ttl * margin
        return token
      })

      let writes = 0
      const write = (token: number) =>
        Effect.suspend(() => {
          const id = `${node.name} ${life} ${++writes}`
          const once = Effect.flatMap(holds, (holds) =>
            holds
              ? node.call("store", Store, (store) => store.write(token, id))
              : Effect.succeed("stale" as const))
          return once.pipe(
            Effect.timeout(patience),
            Effect.retry({ times: 1 }),
            Effect.orElseSucceed(() => "stale" as const)
          )
        })

      const work = Effect.gen(function*() {
        const token = yield* acquire
        if (token === undefined) return yield* Effect.sleep("500 millis")
        while ((yield* holds) && (yield* write(token)) === "written") yield* Effect.sleep("300 millis")
        yield* Effect.sleep("1 second")
      })
      yield* Effect.forkScoped(Effect.forever(work))
      return { holds }
    })
  )

const oneHolder = World.invariant("at most one client believes that it holds the lease", (view) => () => {
  const holders = ["a", "b"].filter((name) => {
    const client = view.service(name, Client)
    return client !== undefined && view.runSync(name, client.holds)
  })
  return holders.length > 1 ? `${holders.join(" and ")} believe it` : undefined
})

/** The writes that are new since the last event. */
const newWrites = (view: World.View) => {
  let seen = 0
  return () => {
    const writes = view.disk("store", "log", noWrites)
    const before = writes.slice(0, seen)
    const now = writes.slice(seen)
    seen = writes.length
    return { before, now }
  }
}

const inOrder = World.invariant("no write of an older token follows one of a newer token", (view) => {
  const next = newWrites(view)
  let newest = 0
  return () => {
    for (const { id, token } of next().now) {
      if (token < newest) return `${id} was written with token ${token}, after token ${newest}`
      newest = token
    }
    return undefined
  }
})

const once = World.invariant("every write is done once", (view) => {
  const next = newWrites(view)
  return () => {
    const { before, now } = next()
    const again = now.find(({ id }) => before.some((write) => write.id === id))
    return again && `${again.id} was done twice`
  }
})

/** Two clients, three replicas and a store, for half a minute. */
export const world = (bug?: Bug) => ({
  nodes: { a: client(bug), b: client(bug), r1: replica, r2: replica, r3: replica, store: store(bug) },
  invariants: [oneHolder, inOrder, once],
  link: { latency: Latency.uniform(1, 20) },
  for: Duration.seconds(30),
  faults: { lasting: ["1 second", "100 millis", "5 seconds"] as const },
  promises: "none" as const
})

/** All writes of a run. */
export const lastWrites = (options: ReturnType<typeof world> & { readonly script?: World.Script }) =>
  Effect.suspend(() => {
    let writes = noWrites
    const watch = World.invariant("it is watched", (view) => () => {
      writes = view.disk("store", "log", noWrites)
      return undefined
    })
    return Effect.map(World.run({ ...options, invariants: [...options.invariants, watch] }), () => writes)
  })
