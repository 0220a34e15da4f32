/** Gateways that are a fleet, over a real Redis that is stopped, killed and started again with nothing in it. */
import { assert, describe, it } from "@effect/vitest"
import { Behaviour, SimulatedProvider } from "@switchgear/http/testing"
import { Effect, Exit, Logger, Schedule, Scope } from "effect"
import { control } from "./administered.ts"
import { isMissing, mayBeMissing, password, type RedisServer, redisServer } from "./redisServer.ts"
import { relayTo } from "./relay.ts"
import { started } from "./startedCommand.ts"
import { ask, chat, type Got, hello, runningOver } from "./running.ts"

/** What is asked of operators' addresses. */
const adminOf = (url: string): Gateway["admin"] => {
  const headers = { authorization: `Bearer ${control}`, "content-type": "application/json" }
  return (path, body) =>
    ask(
      `${url}${path}`,
      body === undefined
        ? { headers }
        : { method: "POST", headers, body: JSON.stringify({ reason: "test", ...body }) }
    )
}

interface Gateway {
  readonly url: string
  readonly admin: (path: string, body?: object) => Effect.Effect<Got>
  readonly reload: (more: string, section?: string) => Effect.Effect<void>
  /** Without waiting for anything of it. */
  readonly end: Effect.Effect<void>
}

/** The longest waits for Redis that a slow machine needs. */
const section = (redis: string, more = "") =>
  `cluster: { redis: "${redis}", fleet: prod, timeout: 400 millis, interval: 400 millis${more} }
admin: { port: 0, token: ${control} }`

const gatewayOver = (
  provider: string,
  redis: string,
  more = ""
): Effect.Effect<Gateway, never, Scope.Scope> =>
  Effect.gen(function*() {
    const scope = yield* Scope.make()
    yield* Effect.addFinalizer(() => Scope.close(scope, Exit.void))
    const file = (more: string, own = section(redis)) => `${own}\nlisten: { port: 0, drainTimeout: 1 millis }\n${more}`
    const { gateway, reload, url } = yield* Scope.provide(runningOver(provider, file(more)), scope)
    return {
      url,
      admin: adminOf(`http://127.0.0.1:${gateway.adminAddress!.port}`),
      reload: (more, own) => Effect.orDie(reload(file(more, own))),
      end: Scope.close(scope, Exit.void)
    }
  })

const simulated = Effect.gen(function*() {
  const provider = yield* SimulatedProvider.make({
    models: { first: { outcome: Behaviour.ok("Good day") }, second: { outcome: Behaviour.ok("Good evening") } }
  })
  const { url } = yield* SimulatedProvider.serve(provider)
  return { provider, url }
})

const three = Effect.gen(function*() {
  const redis = yield* redisServer
  const { provider, url } = yield* simulated
  const gateways = yield* Effect.all([1, 2, 3].map(() => gatewayOver(url, redis.url)))
  const [one, two, last] = gateways as [Gateway, Gateway, Gateway]
  return { gateways, last, one, provider, redis, two, upstream: url }
})

const stateOf = ({ admin }: Gateway, model = 0) =>
  Effect.map(admin("/admin/models"), ({ json }) => json[model].circuit.state as string)

const statesOf = (gateways: ReadonlyArray<Gateway>) => Effect.forEach(gateways, (one) => stateOf(one))

const seenBy = ({ admin }: Gateway) => Effect.map(admin("/admin/cluster"), ({ json }) => json)

/** Waits until it is so: what a real server takes is not known. */
const until = (is: Effect.Effect<boolean>) =>
  Effect.repeat(is, { until: (is) => is, schedule: Schedule.spaced("20 millis") }).pipe(
    Effect.timeout("40 seconds"),
    Effect.orDie
  )

const all = (gateways: ReadonlyArray<Gateway>, state: string) =>
  until(Effect.map(statesOf(gateways), (states) => states.every((one) => one === state)))

const allAre = (gateways: ReadonlyArray<Gateway>, state: string) =>
  until(Effect.map(Effect.forEach(gateways, seenBy), (seen) => seen.every((one) => one.state === state)))

const fails = (gateway: Gateway, count: number) =>
  Effect.forEach(Array.from({ length: count }), () => chat(gateway.url, { ...hello, model: "first" }), {
    discard: true
  })

const served = (gateways: ReadonlyArray<Gateway>) =>
  Effect.map(
    Effect.forEach(gateways, ({ url }) => chat(url, { ...hello, model: "second" })),
    (answers) => answers.map(({ status }) => status)
  )

/** The log of what is run. */
const logged = <A, E, R>(run: (lines: ReadonlyArray<string>) => Effect.Effect<A, E, R>) => {
  const lines: Array<string> = []
  const logger = Logger.make(({ cause, logLevel, message }) => {
    lines.push(`${logLevel} ${Array.isArray(message) ? message.join(" ") : String(message)} ${String(cause)}`)
  })
  return Effect.provide(run(lines), Logger.layer([logger]))
}

const ofTheStore = (lines: ReadonlyArray<string>) => lines.filter((line) => line.includes("store of the fleet"))

const saysNothingOf = ({ port }: RedisServer, texts: ReadonlyArray<string>) => {
  for (const text of texts) {
    assert.notInclude(text, password)
    assert.notInclude(text, `:${port}`)
    assert.notInclude(text, "redis://")
  }
}

if (isMissing) {
  it("gateways are a fleet on a real server", ({ skip }) => {
    assert.isTrue(mayBeMissing, "redis-server is not installed, and SWITCHGEAR_REQUIRE_REDIS=1 asks for it")
    skip("redis-server is not installed")
  })
} else {
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
          const again = yield* gatewayOver(upstream, redis.url)
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
            // One each way. On a machine that is busy, a gateway may be away once more.
            yield* until(Effect.sync(() => count("does not answer") === count("answers again")))
            assert.isAtLeast(count("answers again"), 3)
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
          const far = yield* gatewayOver(url, redis.url.replace(`:${redis.port}`, `:${relay.port}`))
          const near = yield* gatewayOver(url, redis.url)
          yield* allAre([far, near], "joined")
          relay.cut()
          yield* allAre([far], "away")
          yield* near.admin("/admin/circuits/first", { command: "open" })
          yield* allAre([far], "joined")
          yield* all([far, near], "ForcedOpen")
          // It hears of changes again, and not only by asking, which it does seldom.
          const { syncs } = yield* seenBy(far)
          yield* Effect.forEach(Array.from({ length: 10 }), () =>
            Effect.gen(function*() {
              yield* near.admin("/admin/circuits/first", { command: "close" })
              yield* all([far, near], "Closed")
              yield* near.admin("/admin/circuits/first", { command: "open" })
              yield* all([far, near], "ForcedOpen")
            }))
          assert.isBelow((yield* seenBy(far)).syncs - syncs, 10)
        })),
      60_000
    )

    it.live(
      "are processes: one that is killed and started again refuses its first call by what the others know",
      () =>
        Effect.scoped(Effect.gen(function*() {
          const redis = yield* redisServer
          const { url } = yield* simulated
          const file = `${section(redis.url)}
listen: { port: 0 }
providers: { sim: { baseUrl: ${url} } }
models: { first: { provider: sim }, second: { provider: sim } }`
          const process = Effect.gen(function*() {
            const command = yield* started(file)
            const { clients, operators } = yield* command.addresses
            return { ...command, url: clients, admin: adminOf(operators) }
          })
          const processes = yield* Effect.all([process, process, process], { concurrency: 3 })
          const [one, two, last] = processes
          const statuses = Effect.forEach(processes, ({ url }) => chat(url, { ...hello, model: "first" }), {
            concurrency: 3
          })
          assert.deepStrictEqual((yield* statuses).map(({ status }) => status), [200, 200, 200])
          yield* one.admin("/admin/circuits/first", { command: "open" })
          yield* until(Effect.map(statuses, (all) => all.every(({ status }) => status === 503)))
          last.process.kill("SIGKILL")
          yield* last.ended
          const again = yield* process
          const { json, status } = yield* chat(again.url, { ...hello, model: "first" })
          assert.deepStrictEqual([status, json.error.code], [503, "circuit_open"])
          yield* again.admin("/admin/circuits/first", { command: "close" })
          yield* until(
            Effect.map(
              Effect.forEach([one, two, again], ({ url }) => chat(url, { ...hello, model: "first" })),
              (all) => all.every(({ status }) => status === 200)
            )
          )
          for (const { printed } of [...processes, again]) saysNothingOf(redis, [printed()])
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
            yield* until(Effect.map(seenBy(two), ({ rulesDiffer }) => rulesDiffer.includes("first")))
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
}
