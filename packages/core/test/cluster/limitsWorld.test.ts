/**
 * Limits of a fleet in a world in which all can happen between its nodes and their store: see `world.test.ts`. All that calls take is written
 * down, and compared with the bounds of `docs/fleet.md`.
 */
import { describe, it } from "@effect/vitest"
import { RateLimiter } from "@switchgear/core"
import * as Cluster from "@switchgear/core/Cluster"
import * as ClusterStore from "@switchgear/core/ClusterStore"
import { SimulatedRedis, World } from "@switchgear/core/testing"
import { Clock, Context, Effect, Layer, Random, Ref } from "effect"

const runs = Number(process.env.SWITCHGEAR_RUNS ?? 4)

const members = ["a", "b", "c", "d"]

const requests = { perSecond: 50, burst: 10 }
const tokens = { perSecond: 1000, burst: 2000 }

/** Of calls that wait for tokens, in milliseconds. */
const maxWait = 500
const giveBack = 200

type Away = NonNullable<Cluster.Options["away"]>

/** What a call of a node has taken, or with a negative number given back, since it has used less. */
interface Taken {
  readonly resource: "requests" | "tokens"
  readonly units: number
  /** Whether the limit was as `away` says, and how many nodes there were. */
  readonly isAway: boolean
  readonly nodes: number
}

class Limiters extends Context.Service<Limiters, {
  readonly requests: RateLimiter.RateLimiter
  readonly tokens: RateLimiter.RateLimiter
}>()("test/Limiters") {}

/** How many calls of a node pass in a second, before any limit. */
const callsOf = { requests: 40, tokens: 4 }

const pause = (perSecond: number) =>
  Effect.flatMap(Random.next, (share) => Effect.sleep(-1000 / perSecond * Math.log(1 - share)))

const limiters = Layer.effect(
  Limiters,
  Effect.gen(function*() {
    const cluster = yield* Cluster.Cluster
    const node = yield* World.Node
    const taken = yield* Effect.flatMap(node.disk<Array<Taken>>("taken", []), Ref.get)
    const make = (name: string, limit: RateLimiter.Limit, wait: number) =>
      RateLimiter.make({ name, limits: [limit], shared: true, maxWait: node.name < "c" ? 0 : wait })
    const ofRequests = yield* make(
      "calls",
      RateLimiter.requests(requests.perSecond, "1 second", { burst: requests.burst }),
      5000
    )
    const ofTokens = yield* make(
      "model",
      RateLimiter.tokens(tokens.perSecond, "1 second", { burst: tokens.burst }),
      maxWait
    )
    const take = (resource: Taken["resource"], units: number) =>
      Effect.map(cluster.status, ({ limits, nodes }) => {
        const { isAway } = limits.find((limit) => limit.resource === resource)!
        taken.push({ resource, units, isAway, nodes: Math.max(1, nodes) })
      })
    const request = ofRequests.protect(take("requests", 1))
    const spend = Effect.gen(function*() {
      const cost = Math.round(tokens.burst ** (yield* Random.next))
      const reservation = yield* ofTokens.reserve({ tokens: cost })
      yield* take("tokens", cost)
      yield* Effect.sleep(500 * (yield* Random.next))
      const used = Math.round(cost * (0.2 + 1.3 * (yield* Random.next)))
      yield* reservation.settle({ tokens: used })
      if (used < cost) yield* take("tokens", used - cost)
    })
    const impatient = (call: Effect.Effect<void, RateLimiter.RateLimited>) =>
      Effect.flatMap(Random.next, (share) => Effect.timeoutOption(call, share < 0.2 ? 500 * share : "1 hour"))
    const scope = yield* Effect.scope
    const often = (perSecond: number, call: Effect.Effect<void, RateLimiter.RateLimited>) =>
      Effect.forever(Effect.andThen(pause(perSecond), Effect.forkIn(Effect.exit(impatient(call)), scope)))
    yield* Effect.forkIn(often(callsOf.requests, request), scope)
    yield* Effect.forkIn(often(callsOf.tokens, spend), scope)
    return { requests: ofRequests, tokens: ofTokens }
  })
)

/** What happens at the store is written down in the order in which it happens there. */
class Journal extends Context.Service<Journal, {
  /** What went back of limits: where a message arrives again, all of it; otherwise what calls have settled. */
  readonly back: Map<string, number>
  /** What calls have used without a turn of the fleet, as it was told. */
  readonly debts: Map<string, number>
  /** What the clock of the store showed last. */
  readonly wall: () => number
}>()("test/Journal") {}

const store = (options: SimulatedRedis.Options) => {
  const journaled = Layer.effectContext(Effect.gen(function*() {
    const server = yield* SimulatedRedis.Server
    const back = new Map<string, number>()
    const debts = new Map<string, number>()
    const seen = new WeakSet<ClusterStore.BookingCall>()
    const clock = yield* Clock.Clock
    let wall = NaN
    const limits: typeof server.limits = (call) => {
      wall = clock.currentTimeMillisUnsafe()
      for (const [name, message] of call.limits) {
        const sum = back.get(name) ?? 0
        back.set(name, sum + Math.max(0, message.back) + (seen.has(call) ? message.unused : 0))
        debts.set(name, (debts.get(name) ?? 0) + Math.max(0, -message.back))
      }
      seen.add(call)
      return server.limits(call)
    }
    return Context.make(SimulatedRedis.Server, { ...server, limits }).pipe(
      Context.add(Journal, { back, debts, wall: () => wall })
    )
  }))
  return Layer.provide(journaled, SimulatedRedis.layer(options))
}

const member = (away: Away) =>
  limiters.pipe(
    Layer.provideMerge(Cluster.layer({ away })),
    Layer.provideMerge(SimulatedRedis.layerStore("store"))
  )

/** What passes in any span is at most `most` and what comes in during it, at so much a millisecond. */
class Bound {
  private level = 0
  private at = 0
  private readonly most: number
  private readonly rate: number
  /** What may pass as well in each span that has some of that time. */
  private extra: Array<{ readonly until: number; readonly units: number }> = []

  constructor(most: number, perSecond: number) {
    this.most = most
    // Clocks may be fast.
    this.rate = perSecond * 1.02 / 1000
  }

  allow(units: number, until: number): void {
    if (units > 0) this.extra.push({ until, units })
  }

  /** The fleet has that much less. */
  pay(units: number, now: number): void {
    this.level = Math.max(0, this.level - (now - this.at) * this.rate - units)
    this.at = now
  }

  pass(units: number, now: number): string | undefined {
    this.level = Math.max(0, this.level - (now - this.at) * this.rate)
    this.at = now
    for (const { units, until } of this.extra) if (until <= now) this.level = Math.max(0, this.level - units)
    this.extra = this.extra.filter(({ until }) => until > now)
    this.level += units
    const most = this.extra.reduce((sum, { units }) => sum + units, this.most)
    return this.level > most ? `${this.level} passed in a span, and not ${most} at most` : undefined
  }
}

/** The turns that were given out by a store that is not there any more, or whose clock has jumped, and its bucket once more. */
const afresh = ({ burst, perSecond }: typeof requests) => 2 * burst + perSecond * 0.8

const neverMore = (away: Away) =>
  World.invariant("calls take no more than the bound", (view) => {
    const fleet = {
      // One turn more at the end, as of any number of places in a span.
      requests: new Bound(1 + requests.burst + requests.perSecond * giveBack / 1000, requests.perSecond),
      // What the first of those who wait has gathered is on top, on two nodes.
      tokens: new Bound(4 * tokens.burst + tokens.perSecond * giveBack / 1000, tokens.perSecond)
    }
    // Of each node: its part of the bucket and of what comes in, in all absences together, but for what it has told the fleet since.
    const alone = new Map<string, Map<string, Bound>>()
    const debts = new Map<string, number>()
    const lives = new Map<string, unknown>()
    const seen = new Map<string, number>()
    const back = new Map<string, number>()
    let journal: unknown
    let [wall, fast] = [NaN, NaN]
    // A node tries again within that time, and goes by the number of nodes that it has heard of then.
    const fewestNodes = new Map<string, Array<{ readonly nodes: number; readonly at: number }>>()
    const fewest = (name: string, { nodes }: Taken, at: number): number => {
      const lately = [...fewestNodes.get(name) ?? [], { nodes, at }].filter((one) => one.at > at - 6000)
      fewestNodes.set(name, lately)
      return Math.min(...lately.map(({ nodes }) => nodes))
    }
    const boundOf = (name: string, { isAway, resource }: Taken, lately: number): Bound => {
      if (!isAway) return fleet[resource]
      const nodes = away === "open" ? 1 : lately
      const own = alone.get(name) ?? new Map<string, Bound>()
      alone.set(name, own)
      const known = own.get(`${resource} ${nodes}`)
      const { burst, perSecond } = resource === "requests" ? requests : tokens
      // A call may cost more than the share.
      const bound = known ?? new Bound(burst / nodes + (resource === "requests" ? 1 : burst), perSecond / nodes)
      own.set(`${resource} ${nodes}`, bound)
      return bound
    }
    return () => {
      const now = view.now()
      const kept = view.service("store", Journal)
      const isNew = kept !== undefined && kept !== journal
      if (isNew) back.clear()
      if (isNew) debts.clear()
      for (const name of members) {
        const life = view.service(name, Limiters)
        if (life === undefined || life === lives.get(name)) continue
        // It knows of no call before, nor of other nodes.
        lives.set(name, life)
        alone.delete(name)
        fewestNodes.delete(name)
      }
      let isAfresh = isNew && journal !== undefined
      if (isNew) journal = kept
      if (kept !== undefined && kept.wall() !== wall) {
        wall = kept.wall()
        // Its clock has jumped.
        if (wall - now > fast + 100) isAfresh = true
        fast = wall - now
      }
      if (isAfresh) {
        fleet.requests.allow(afresh(requests), now + 3000)
        fleet.tokens.allow(afresh(tokens), now + 3000)
      }
      for (const [resource, name] of [["requests", "calls:requests"], ["tokens", "model:tokens"]] as const) {
        const sum = kept?.back.get(name) ?? 0
        const { burst } = resource === "requests" ? requests : tokens
        const unit = resource === "requests" ? 1 : burst * 1e-6
        fleet[resource].allow((sum - (back.get(name) ?? 0)) * unit, now + maxWait + 1000)
        back.set(name, sum)
        const told = kept?.debts.get(name) ?? 0
        const units = (told - (debts.get(name) ?? 0)) * unit
        debts.set(name, told)
        if (units === 0) continue
        for (const own of alone.values()) {
          for (const [key, bound] of own) if (key.startsWith(resource)) bound.pay(units, now)
        }
      }
      for (const name of members) {
        const all = view.disk<ReadonlyArray<Taken>>(name, "taken", [])
        for (let i = seen.get(name) ?? 0; i < all.length; i++) {
          const taken = all[i]!
          const bound = boundOf(name, taken, fewest(name, taken, now))
          if (taken.units < 0) {
            // Of the fleet, it counts when the store hears of it.
            if (taken.isAway) bound.allow(-taken.units, now)
            continue
          }
          if (taken.isAway && away === "closed") return `${name} was away, and a call passed`
          const problem = bound.pass(taken.units, now)
          if (problem !== undefined) {
            const where = taken.isAway ? `${name}, away of ${taken.nodes}` : "the fleet"
            return `${taken.resource} of ${where}: ${problem}`
          }
        }
        seen.set(name, all.length)
      }
      return undefined
    }
  })

const neverNegative = World.invariant("nothing that is counted is negative", (view) => {
  let looked = 0
  return () => {
    if (view.now() < looked + 20) return undefined
    looked = view.now()
    return negativeOf(view)
  }
})

const negativeOf = (view: World.View): string | undefined => {
  for (const name of members) {
    const own = view.service(name, Limiters)
    const cluster = view.service(name, Cluster.Cluster)
    if (own === undefined || cluster === undefined) continue
    for (const limiter of [own.requests, own.tokens]) {
      const { limits, waiting } = view.runSync(name, limiter.snapshot)
      const { available } = limits[0]!
      // A debt is at most a bucket.
      const least = limits[0]!.resource === "tokens" ? -tokens.burst : 0
      if (available < least - 1e-6 || waiting < 0) return `${name} has ${available}, and ${waiting} wait`
    }
    for (const { booked, givenBack, resource } of view.runSync(name, cluster.status).limits) {
      if (booked < 0 || givenBack < 0) return `${name} has booked ${booked} ${resource}, and gave back ${givenBack}`
    }
  }
  return undefined
}

/** From when on all must be well: the last fault and the last late message have ended. */
const settled = 65_000
const lasts = 75_000

/** Of what comes in during the rest. */
const used = World.invariant("the limits are used after the last fault", (view) => {
  const before = { requests: 0, tokens: 0 }
  const sumOf = (resource: Taken["resource"]) =>
    members.reduce(
      (sum, name) =>
        view.disk<ReadonlyArray<Taken>>(name, "taken", []).reduce(
          (sum, taken) => sum + (taken.resource === resource ? Math.max(0, taken.units) : 0),
          sum
        ),
      0
    )
  let isBegun = false
  return () => {
    const now = view.now()
    if (!isBegun && now >= settled) {
      isBegun = true
      before.requests = sumOf("requests")
      before.tokens = sumOf("tokens")
    }
    if (now < lasts) return undefined
    const share = (sumOf("requests") - before.requests) / (requests.perSecond * (now - settled) / 1000)
    return share < 0.94 ? `only ${share} of the limit of requests is used` : undefined
  }
})

const worldOf = (away: Away, options: SimulatedRedis.Options = {}) => ({
  nodes: { store: store(options), a: member(away), b: member(away), c: member(away), d: member(away) },
  invariants: [neverMore(away), neverNegative, used],
  promises: "none",
  for: lasts + 100
} as const)

describe("limits of a fleet in a world of faults", () => {
  it.live("let no call pass with a turn that was due too long ago, where a node stops and goes on", () => {
    const resumed = Array.from({ length: 10 }, (_, i) => 11_000 + 3000 * i)
    const nothingOld = World.invariant("nothing passes before the store answers", (view) => {
      let before = 0
      return () => {
        const now = view.now()
        const all = view.disk<ReadonlyArray<Taken>>("c", "taken", [])
        const passed = all.filter(({ resource }) => resource === "requests").length
        if (!resumed.some((at) => now >= at && now < at + 20)) before = passed
        return passed === before ? undefined : `${passed - before} calls passed`
      }
    })
    return World.run({
      ...worldOf("closed"),
      invariants: [nothingOld],
      for: 45_000,
      script: resumed.flatMap((at) => [
        { at: at - 1000, pause: "c", for: 1000 },
        { at: at - 1000, partition: "store", for: 1100 }
      ])
    })
  }, 60_000)

  for (const away of ["closed", "local", "open"] as const) {
    it.live(`are used where there are none: ${away}`, () => World.run(worldOf(away)), 60_000)

    it.live(
      `keep their bounds whatever happens to nodes, clocks, messages and the store: ${away}`,
      () =>
        World.check({
          ...worldOf(away, away === "local" ? { copies: "3 seconds" } : {}),
          runs,
          faults: { nodes: ["store", ...members], within: "40 seconds", lasting: [1000, 100, 5000], atMost: 8 }
        }),
      30_000 + 4000 * runs
    )
  }
})
