/** Gateways that are a fleet, over a real Redis that is stopped, killed and started again with nothing in it. */
import { assert, describe, it } from "@effect/vitest"
import { Behaviour } from "@switchgear/http/testing"
import { Effect, type Scope } from "effect"
import { control } from "./administered.ts"
import {
  all,
  allAre,
  type Gateway,
  gatewayOver,
  logged,
  ofTheStore,
  processOver,
  saysNothingOf,
  section,
  seenBy,
  simulated,
  stateOf,
  statesOf,
  three,
  until
} from "./gatewayFleet.ts"
import { password, redisServer } from "./redisServer.ts"
import { withRedis } from "../fleetRedis/fleet.ts"
import { relayTo } from "./relay.ts"
import { chat, hello } from "./running.ts"

const fails = (gateway: Gateway, count: number) =>
  Effect.forEach(Array.from({ length: count }), () => chat(gateway.url, { ...hello, model: "first" }), {
    discard: true
  })

const served = (gateways: ReadonlyArray<Gateway>) =>
  Effect.map(
    Effect.forEach(gateways, ({ url }) => chat(url, { ...hello, model: "second" })),
    (answers) => answers.map(({ status }) => status)
  )

/** One that has heard of the others before it serves: on a machine that is busy, half a second may be too short for that. */
const joinedInTime = <G extends Gateway>(start: Effect.Effect<G, never, Scope.Scope>) =>
  Effect.flatMap(
    Effect.repeat(
      Effect.flatMap(start, (gateway) => Effect.map(seenBy(gateway), ({ state }) => ({ gateway, state }))),
      { until: ({ state }) => state === "joined", times: 20 }
    ),
    ({ gateway, state }) => Effect.as(Effect.sync(() => assert.strictEqual(state, "joined")), gateway)
  )

withRedis("gateways are a fleet on a real server", () => {
  // Each has a Redis of its own, and waits for it.
  describe.concurrent("gateways that are a fleet", () => {
    it.live(
      "open a circuit together by the failures of one, and close it together",
      () =>
        Effect.scoped(Effect.gen(function*() {
          const { gateways, one, provider } = yield* three
          yield* provider.set("first", { outcome: Behaviour.serverError })
          yield* fails(one, 12)
          yield* all(gateways, "Open")
          assert.deepStrictEqual(yield* served(gateways), [200, 200, 200])
          yield* one.admin("/admin/circuits/first", { command: "close" })
          yield* all(gateways, "Closed")
        })),
      60_000
    )

    it.live(
      "open it by failures that a round-robin has spread over them, of which none alone has enough",
      () =>
        Effect.scoped(Effect.gen(function*() {
          const { gateways, provider } = yield* three
          yield* provider.set("first", { outcome: Behaviour.serverError })
          for (let call = 0; call < 27; call++) yield* fails(gateways[call % 3]!, 1)
          for (let call = 0; call < 24; call++) {
            yield* Effect.sleep("50 millis")
            yield* fails(gateways[call % 3]!, 1)
          }
          yield* all(gateways, "Open")
        })),
      60_000
    )

    it.live(
      "say that one of them alone does not reach a model, which the others do",
      () =>
        Effect.scoped(Effect.gen(function*() {
          const redis = yield* redisServer
          const [here, there] = [yield* simulated, yield* simulated]
          const sick = yield* gatewayOver(here.url, redis.url)
          const other = yield* gatewayOver(there.url, redis.url)
          yield* fails(other, 30)
          yield* Effect.sleep("600 millis")
          yield* here.provider.set("first", { outcome: Behaviour.serverError })
          yield* fails(sick, 20)
          yield* until(Effect.map(seenBy(sick), ({ dissent }) => dissent.includes("first")))
          assert.deepStrictEqual(yield* statesOf([sick, other]), ["Open", "Closed"])
          const { json } = yield* sick.admin("/admin/overview")
          assert.strictEqual(json.health.status, "degraded")
          assert.deepInclude(
            json.health.reasons.find(({ kind }: { kind: string }) => kind === "Cluster"),
            { reason: "dissent", count: 1, critical: false }
          )
          assert.match((yield* sick.admin("/metrics")).text, /^switchgear_cluster_dissent\{[^}]*\} 1$/m)
          assert.deepInclude((yield* sick.admin("/actuator/health")).json.components.cluster, { status: "UP" })
          yield* sick.admin("/admin/circuits/first", { command: "close" })
          yield* until(Effect.map(seenBy(sick), ({ dissent }) => dissent.length === 0))
        })),
      60_000
    )

    it.live(
      "follow what an operator does on the page of one, but for what is for that one alone",
      () =>
        Effect.scoped(Effect.gen(function*() {
          const { gateways, last, one, two } = yield* three
          const { json } = yield* two.admin("/admin/circuits/first", { command: "open" })
          assert.strictEqual(json.state, "ForcedOpen")
          yield* all(gateways, "ForcedOpen")
          for (const { admin } of gateways) {
            assert.strictEqual((yield* admin("/admin/models")).json[0].circuit.reason, "manual")
          }
          yield* last.admin("/admin/circuits/first", { command: "close" })
          yield* all(gateways, "Closed")
          yield* one.admin("/admin/circuits/first", { command: "trip", seconds: 60 })
          yield* all(gateways, "Open")
          yield* two.admin("/actuator/circuitbreakers/first", { updateState: "CLOSE" })
          yield* all(gateways, "Closed")
          yield* one.admin("/admin/circuits/first", { command: "disable" })
          assert.deepStrictEqual(yield* statesOf(gateways), ["Disabled", "Closed", "Closed"])
          yield* two.admin("/admin/circuits/first", { command: "open" })
          yield* all([two, last], "ForcedOpen")
          assert.strictEqual(yield* stateOf(one), "Disabled")
          yield* one.admin("/admin/circuits/first", { command: "open" })
          assert.strictEqual(yield* stateOf(one), "ForcedOpen")
          yield* two.admin("/admin/circuits/first", { command: "close" })
          yield* all(gateways, "Closed")
        })),
      60_000
    )

    it.live(
      "tell one that is ended and started again of open circuits before its first call",
      () =>
        Effect.scoped(Effect.gen(function*() {
          const { last, one, redis, two, upstream } = yield* three
          yield* one.admin("/admin/circuits/first", { command: "trip", seconds: 60 })
          yield* all([one, two, last], "Open")
          yield* last.end
          const again = yield* joinedInTime(gatewayOver(upstream, redis.url, "", section(redis.url, "", "5 seconds")))
          assert.strictEqual(yield* stateOf(again), "Open")
          assert.deepInclude(yield* seenBy(again), { fleet: "prod", state: "joined", because: null })
          const { json, status } = yield* chat(again.url, { ...hello, model: "first" })
          assert.deepStrictEqual([status, json.error.code], [503, "circuit_open"])
        })),
      60_000
    )

    it.live(
      "go on by themselves while Redis is killed, each command for the gateway that is told, and join again",
      () =>
        logged((lines) =>
          Effect.scoped(Effect.gen(function*() {
            const { gateways, last, one, redis, two } = yield* three
            yield* allAre(gateways, "joined")
            yield* one.admin("/admin/circuits/first", { command: "open" })
            yield* all(gateways, "ForcedOpen")
            yield* redis.kill
            yield* allAre(gateways, "away")
            assert.deepStrictEqual(yield* served(gateways), [200, 200, 200])
            assert.deepStrictEqual(yield* statesOf(gateways), ["ForcedOpen", "ForcedOpen", "ForcedOpen"])
            const told = yield* Effect.forEach(
              ["/admin/overview", "/actuator/health", "/metrics", "/admin/events"],
              (path) => one.admin(path)
            )
            const [overview, actuator, metrics] = told
            assert.include(["degraded", "down"], overview!.json.health.status)
            assert.deepInclude(
              overview!.json.health.reasons.find(({ kind }: { kind: string }) => kind === "Cluster"),
              { name: "cluster", reason: "away", critical: false }
            )
            yield* until(Effect.map(seenBy(one), ({ because }) => because === "ECONNREFUSED"))
            assert.strictEqual(actuator!.status, 200)
            assert.deepInclude(actuator!.json.components.cluster, { status: "AWAY" })
            assert.deepInclude(actuator!.json.components.cluster.details, { state: "away", fleet: "prod" })
            assert.strictEqual((yield* one.admin("/actuator/health/cluster")).status, 200)
            assert.strictEqual((yield* one.admin("/actuator/health/cluster/state")).status, 404)
            assert.match(metrics!.text, /^switchgear_cluster_away\{[^}]*\} 1$/m)
            yield* two.admin("/admin/circuits/second", { command: "open" })
            assert.deepStrictEqual(
              yield* Effect.forEach(gateways, (one) => stateOf(one, 1)),
              ["Closed", "ForcedOpen", "Closed"]
            )
            yield* redis.start
            yield* allAre(gateways, "joined")
            assert.deepStrictEqual(yield* statesOf(gateways), ["ForcedOpen", "ForcedOpen", "ForcedOpen"])
            yield* until(
              Effect.map(
                Effect.forEach(gateways, (one) => stateOf(one, 1)),
                (states) => states.every((state) => state === "ForcedOpen")
              )
            )
            yield* last.admin("/admin/circuits/first", { command: "close" })
            yield* all(gateways, "Closed")
            yield* last.admin("/admin/circuits/second", { command: "close" })
            yield* until(
              Effect.map(
                Effect.forEach(gateways, (one) => stateOf(one, 1)),
                (states) => states.every((state) => state === "Closed")
              )
            )
            const count = (text: string) => ofTheStore(lines).filter((line) => line.includes(text)).length
            // One each way, of each gateway.
            assert.deepStrictEqual([count("does not answer"), count("answers again")], [3, 3])
            saysNothingOf(redis, [...lines, ...told.map(({ text }) => text)])
          }))
        ),
      60_000
    )

    it.live(
      "start without Redis and serve, and join it when it comes",
      () =>
        logged((lines) =>
          Effect.scoped(Effect.gen(function*() {
            const redis = yield* redisServer
            yield* redis.kill
            const { url } = yield* simulated
            const gateway = yield* gatewayOver(url, redis.url)
            yield* allAre([gateway], "away")
            assert.deepStrictEqual(yield* served([gateway]), [200])
            assert.deepInclude(yield* seenBy(gateway), { lastSync: null, because: "ECONNREFUSED", nodes: 0 })
            assert.strictEqual((yield* gateway.admin("/admin/overview")).json.health.status, "degraded")
            yield* redis.start
            yield* allAre([gateway], "joined")
            assert.deepInclude(yield* seenBy(gateway), { because: null, nodes: 1 })
            assert.strictEqual((yield* gateway.admin("/admin/overview")).json.health.status, "up")
            assert.strictEqual(ofTheStore(lines).length, 2)
            saysNothingOf(redis, lines)
          }))
        ),
      60_000
    )

    it.live(
      "start, serve and stop over a Redis that accepts connections and answers nothing",
      () =>
        Effect.scoped(Effect.gen(function*() {
          const redis = yield* redisServer
          const { url } = yield* simulated
          const early = yield* gatewayOver(url, redis.url)
          yield* allAre([early], "joined")
          yield* redis.pause
          const gateway = yield* gatewayOver(url, redis.url)
          assert.deepStrictEqual(yield* served([early, gateway]), [200, 200])
          yield* allAre([early, gateway], "away")
          yield* gateway.end
          const third = yield* gatewayOver(url, redis.url)
          yield* early.end
          yield* redis.resume
          yield* allAre([third], "joined")
        })),
      60_000
    )

    it.live(
      "join again after a network that was cut without a word to either end, also to what others tell",
      () =>
        Effect.scoped(Effect.gen(function*() {
          const redis = yield* redisServer
          const { url } = yield* simulated
          const relay = yield* relayTo(redis.port)
          const through = redis.url.replace(`:${redis.port}`, `:${relay.port}`)
          const own = section(`{ url: "${through}", pingInterval: 4 seconds }`, ", heartbeat: 2 seconds")
          const far = yield* gatewayOver(url, redis.url, "", own)
          const near = yield* gatewayOver(url, redis.url)
          yield* allAre([far, near], "joined")
          relay.cut()
          yield* allAre([far], "away")
          yield* near.admin("/admin/circuits/first", { command: "open" })
          yield* allAre([far], "joined")
          yield* all([far, near], "ForcedOpen")
          // It hears of changes again, and not only by asking, which it does seldom.
          yield* until(Effect.gen(function*() {
            yield* near.admin("/admin/circuits/first", { command: "close" })
            yield* all([far, near], "Closed")
            const { syncs } = yield* seenBy(far)
            yield* near.admin("/admin/circuits/first", { command: "open" })
            yield* all([far, near], "ForcedOpen")
            return (yield* seenBy(far)).syncs === syncs
          }))
        })),
      60_000
    )

    it.live(
      "are processes: one that is killed and started again refuses its first call by what the others know",
      () =>
        Effect.scoped(Effect.gen(function*() {
          const redis = yield* redisServer
          const { url } = yield* simulated
          const one = processOver(url, section(redis.url))
          const [first, second, last] = yield* Effect.all([one, one, one], { concurrency: 3 })
          const processes = [first, second, last]
          const statuses = Effect.forEach(processes, ({ url }) => chat(url, { ...hello, model: "first" }), {
            concurrency: 3
          })
          assert.deepStrictEqual((yield* statuses).map(({ status }) => status), [200, 200, 200])
          yield* first.admin("/admin/circuits/first", { command: "open" })
          yield* until(Effect.map(statuses, (all) => all.every(({ status }) => status === 503)))
          last.command.process.kill("SIGKILL")
          yield* last.command.ended
          const again = yield* joinedInTime(one)
          const { json, status } = yield* chat(again.url, { ...hello, model: "first" })
          assert.deepStrictEqual([status, json.error.code], [503, "circuit_open"])
          yield* again.admin("/admin/circuits/first", { command: "close" })
          yield* until(
            Effect.map(
              Effect.forEach([first, second, again], ({ url }) => chat(url, { ...hello, model: "first" })),
              (all) => all.every(({ status }) => status === 200)
            )
          )
          for (const { command } of [...processes, again]) saysNothingOf(redis, [command.printed()])
        })),
      60_000
    )

    it.live(
      "tell a wrong password by the word of Redis, and have it nowhere",
      () =>
        logged((lines) =>
          Effect.scoped(Effect.gen(function*() {
            const redis = yield* redisServer
            const { url } = yield* simulated
            const gateway = yield* gatewayOver(url, redis.url.replace(password, `${password}-wrong`))
            yield* allAre([gateway], "away")
            assert.deepInclude(yield* seenBy(gateway), { because: "WRONGPASS" })
            saysNothingOf(redis, [...lines, (yield* gateway.admin("/admin/overview")).text])
          }))
        ),
      60_000
    )

    it.live(
      "stay one fleet over another file: a circuit of other options goes on, another section waits for a start",
      () =>
        logged((lines) =>
          Effect.scoped(Effect.gen(function*() {
            const { gateways, one, redis, two } = yield* three
            yield* two.admin("/admin/circuits/first", { command: "open" })
            yield* all(gateways, "ForcedOpen")
            const { syncs } = yield* seenBy(one)
            yield* one.reload("defaults: { breaker: { minimumCalls: 12 } }")
            assert.strictEqual(yield* stateOf(one), "ForcedOpen")
            assert.isAtLeast((yield* seenBy(one)).syncs, syncs)
            assert.deepStrictEqual(lines.filter((line) => line.includes("next start")), [])
            yield* two.admin("/admin/circuits/first", { command: "close" })
            yield* all(gateways, "Closed")
            yield* until(
              Effect.map(seenBy(two), ({ rulesDiffer }) => {
                const first = rulesDiffer.find(({ name }: { readonly name: string }) => name === "first")
                return first?.difference === "minimumCalls 12, here 10"
              })
            )
            const waits = () =>
              lines.filter((line) => line.includes("says of cluster is taken at the next start")).length
            yield* one.reload("", section(redis.url, ", span: 2 seconds"))
            assert.strictEqual(waits(), 1)
            // Also where the file has no fleet any more.
            yield* one.reload("defaults: { breaker: { minimumCalls: 13 } }", `admin: { port: 0, token: ${control} }`)
            assert.strictEqual(waits(), 2)
            yield* one.admin("/admin/circuits/first", { command: "open" })
            yield* all(gateways, "ForcedOpen")
          }))
        ),
      60_000
    )
  })
})
