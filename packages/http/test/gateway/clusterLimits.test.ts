/** The limits of clients and of models over gateways that are a fleet, on a real Redis that is stopped, killed and started again. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { allAre, type Gateway, gatewayOver, processOver, section, seenBy, simulated, until } from "./gatewayFleet.ts"
import { type RedisServer, redisServer } from "./redisServer.ts"
import { withRedis } from "../fleetRedis/fleet.ts"
import { chat, hello, token } from "./running.ts"

/** Of which nothing comes in while a test runs. */
const client = (limit: number, per = "1 day") =>
  `clients: [{ name: shop, token: ${token}, limits: [{ resource: requests, limit: ${limit}, per: ${per} }] }]`

/** No call goes on by itself because the machine is slow. */
const patient = ({ url }: RedisServer) => section(url, "", "3 seconds")

const call = ({ url }: Gateway) => chat(url, { ...hello, model: "first" })

/** Sends calls to one gateway after another. */
const roundRobin = (gateways: ReadonlyArray<Gateway>) => {
  let next = 0
  const one = Effect.suspend(() => call(gateways[next++ % gateways.length]!))
  return (count: number) => Effect.replicateEffect(one, count, { concurrency: 10 })
}

const answered = (answers: ReadonlyArray<{ readonly status: number }>) =>
  answers.filter(({ status }) => status === 200).length

/** Until nothing passes on any of them. Gives how many calls passed. */
const rest = (gateways: ReadonlyArray<Gateway>) =>
  Effect.gen(function*() {
    const calls = roundRobin(gateways)
    let passed = 0
    // What one has booked and not used comes back after a moment.
    for (let refused = 0; refused < 2; refused++) {
      const now = answered(yield* calls(30))
      passed += now
      if (now > 0) refused = -1
      yield* Effect.sleep("300 millis")
    }
    return passed
  })

/** What still passes once a gateway that got less than it had asked for asks again, which is after a second at the latest. */
const unblocked = (gateways: ReadonlyArray<Gateway>) => Effect.delay(rest(gateways), "1200 millis")

const limitsOf = (gateway: Gateway) => Effect.map(seenBy(gateway), ({ limits }) => limits)

const areAway = (gateways: ReadonlyArray<Gateway>, isAway: boolean) =>
  Effect.map(
    Effect.forEach(gateways, limitsOf),
    (all) => all.every((limits) => limits.every((limit: { readonly isAway: boolean }) => limit.isAway === isAway))
  )

/** Calls until all have found out that Redis is away, also those that had something booked. Gives how many calls passed. */
const findOut = (gateways: ReadonlyArray<Gateway>) =>
  Effect.gen(function*() {
    let passed = 0
    yield* until(Effect.gen(function*() {
      passed += answered(yield* Effect.forEach(gateways, call, { concurrency: "unbounded" }))
      return yield* areAway(gateways, true)
    }))
    return passed
  })

withRedis("limits are those of all gateways on a real server", () => {
  // Each has a Redis of its own, and waits for it.
  describe.concurrent("the limit of a client", () => {
    it.live(
      "holds over three processes behind a round-robin, and one that is killed and started again brings no other",
      () =>
        Effect.scoped(Effect.gen(function*() {
          const redis = yield* redisServer
          const { url } = yield* simulated
          const one = processOver(url, `${patient(redis)}\n${client(30)}`)
          const [first, second, last] = yield* Effect.all([one, one, one], { concurrency: 3 })
          const answers = yield* roundRobin([first, second, last])(15)
          const before = answered(answers)
          assert.isAtLeast(before, 1)
          const ofLast = answered(answers.filter((_, i) => i % 3 === 2))
          last.command.process.kill("SIGKILL")
          yield* last.command.ended
          const again = yield* one
          const passed = before + (yield* rest([first, second, again]))
          assert.isAtMost(passed, 30)
          // What the killed one had booked is lost. Of what the others have booked, nothing is.
          assert.isAtLeast(passed, 24)
          const others = Effect.map(
            Effect.forEach([first, second, again], limitsOf),
            (all) => all.reduce((sum, [{ booked, givenBack }]) => sum + booked - givenBack, 0)
          )
          yield* until(Effect.map(others, (used) => used === passed - ofLast))
          for (const gateway of [first, second, again]) {
            const { headers, json, status } = yield* call(gateway)
            assert.deepStrictEqual([status, json.error.code], [429, "rate_limit_exceeded"])
            assert.isAbove(Number(headers.get("retry-after")), 60)
            assert.deepStrictEqual(
              ["limit", "remaining"].map((part) => headers.get(`x-ratelimit-${part}-requests`)),
              ["30", "0"]
            )
          }
          assert.match(
            (yield* again.admin("/metrics")).text,
            /^switchgear_cluster_booked_total\{[^}]*resource="requests"[^}]*\} \d+$/m
          )
        })),
      60_000
    )

    it.live("is told as what all gateways have left", () =>
      Effect.scoped(Effect.gen(function*() {
        const redis = yield* redisServer
        const { url } = yield* simulated
        const [one, other] = [
          yield* gatewayOver(url, redis.url, client(30), patient(redis)),
          yield* gatewayOver(url, redis.url, client(30), patient(redis))
        ]
        const remaining = ({ headers }: { readonly headers: Headers }) =>
          Number(headers.get("x-ratelimit-remaining-requests"))
        const availableTo = ({ admin }: Gateway) =>
          Effect.map(admin("/admin/overview"), ({ json }) => Math.round(json.clients[0].limiter.limits[0].available))
        let used = 0
        // A gateway knows what was left when Redis answered it last. Meanwhile one that was just busy may hold a turn more, which goes back.
        const knows = (gateway: Gateway) =>
          until(Effect.gen(function*() {
            const answer = yield* call(gateway)
            if (answer.status !== 200) return false
            used++
            assert.isAtMost(remaining(answer), 30 - used)
            yield* Effect.sleep("300 millis")
            return (yield* availableTo(gateway)) === 30 - used
          }))
        yield* knows(one)
        used += answered(yield* roundRobin([one])(9))
        yield* knows(one)
        yield* knows(other)
        const { json } = yield* other.admin("/admin/overview")
        assert.deepInclude(json.cluster.limits[0], { limiter: "client shop", resource: "requests", isAway: false })
      })))

    it.live(
      "is named with both values where another file has another one, and nobody loses anything",
      () =>
        Effect.scoped(Effect.gen(function*() {
          const redis = yield* redisServer
          const { url } = yield* simulated
          const [one, other] = [
            yield* gatewayOver(url, redis.url, client(30), patient(redis)),
            yield* gatewayOver(url, redis.url, client(40), patient(redis))
          ]
          yield* until(Effect.gen(function*() {
            assert.strictEqual(answered([yield* call(one), yield* call(other)]), 2)
            yield* Effect.sleep("300 millis")
            const [seen] = (yield* seenBy(one)).rulesDiffer
            if (seen === undefined) return false
            assert.strictEqual(seen.name, "client shop:requests")
            assert.include(seen.difference, "30")
            assert.include(seen.difference, "40")
            return true
          }))
          const { json } = yield* one.admin("/admin/overview")
          assert.include(json.health.reasons.map(({ reason }: { readonly reason: string }) => reason), "rules-differ")
          assert.strictEqual(json.health.status, "degraded")
          yield* one.reload(client(40))
          yield* until(Effect.map(seenBy(one), ({ rulesDiffer }) => rulesDiffer.length === 0))
        })),
      60_000
    )

    it.live(
      "goes on over another file, and takes nothing from the other gateways",
      () =>
        Effect.scoped(Effect.gen(function*() {
          const redis = yield* redisServer
          const { url } = yield* simulated
          const [one, other] = [
            yield* gatewayOver(url, redis.url, client(30), patient(redis)),
            yield* gatewayOver(url, redis.url, client(30), patient(redis))
          ]
          const first = answered(yield* roundRobin([one, other])(10))
          yield* redis.pause
          const before = first + (yield* findOut([one, other]))
          // What they had booked is lost. What is left is not known here, and must not be told to the fleet as nothing.
          yield* one.reload(client(31))
          yield* one.reload(client(30))
          yield* redis.resume
          yield* until(areAway([one, other], false))
          const passed = yield* rest([one, other])
          assert.isAtMost(before + passed, 31)
          assert.isAtLeast(passed, 10)
          yield* one.reload(client(40))
          assert.lengthOf(yield* limitsOf(one), 1)
          // A larger limit gives the difference, once.
          let more = 0
          yield* until(Effect.map(rest([one, other]), (passed) => (more += passed) >= 9))
          more += yield* unblocked([one, other])
          assert.isAtMost(more, 11)
          // A client that was not in a file for a while has no new limit.
          yield* one.reload(`clients: [{ name: till, token: "${token}-other" }]`)
          yield* until(Effect.map(limitsOf(one), ({ length }) => length === 0))
          assert.strictEqual((yield* call(one)).status, 401)
          yield* one.reload(client(40))
          assert.isAtMost(yield* unblocked([one, other]), 1)
        })),
      60_000
    )

    it.live(
      "is as `away` says while Redis answers nothing, and no call waits for it",
      () =>
        Effect.scoped(Effect.gen(function*() {
          const redis = yield* redisServer
          const { url } = yield* simulated
          const fleets = yield* Effect.forEach(["open", "closed", "local"] as const, (away) =>
            Effect.gen(function*() {
              const own = section(redis.url, `, away: ${away}`).replace("fleet: prod", `fleet: ${away}`)
              const gateways = [
                yield* gatewayOver(url, redis.url, client(30), own),
                yield* gatewayOver(url, redis.url, client(30), own)
              ]
              yield* allAre(gateways, "joined")
              // One that has not heard of the other takes its part for all.
              yield* until(
                Effect.map(Effect.forEach(gateways, seenBy), (seen) => seen.every(({ nodes }) => nodes === 2))
              )
              const before = answered(yield* roundRobin(gateways)(4))
              return { away, before, gateways }
            }))
          yield* redis.pause
          const found = yield* Effect.forEach(fleets, ({ gateways }) => findOut(gateways), { concurrency: 3 })
          for (const [i, { away, before, gateways }] of fleets.entries()) {
            const began = performance.now()
            const calls = yield* roundRobin(gateways)(40)
            // Each would have waited for 400 milliseconds.
            assert.isBelow(performance.now() - began, 8000)
            // What was left when Redis answered each of them last is shared out, or all of it is there on each, or nothing.
            const passed = answered(calls)
            if (away === "open") assert.strictEqual(passed, 40)
            else if (away === "closed") assert.strictEqual(passed, 0)
            else {
              assert.isAtMost(found[i]! + passed, 30)
              assert.isAtLeast(before + found[i]! + passed, 20)
            }
            const refused = calls.find(({ status }) => status !== 200)
            assert.strictEqual(refused?.status, away === "open" ? undefined : 429)
            if (refused !== undefined) assert.isAtLeast(Number(refused.headers.get("retry-after")), 1)
            const { json } = yield* gateways[0]!.admin("/admin/overview")
            assert.deepStrictEqual([json.health.status, json.cluster.away], ["degraded", away])
          }
        })),
      60_000
    )
  })

  it.live("the limit of a model is one for all gateways, since the provider's is one for the account", () =>
    Effect.scoped(Effect.gen(function*() {
      const redis = yield* redisServer
      const { url } = yield* simulated
      const limits = `defaults: { rateLimiter: { limits: [{ resource: requests, limit: 10, per: 1 day }] } }`
      const gateways = [
        yield* gatewayOver(url, redis.url, limits, patient(redis)),
        yield* gatewayOver(url, redis.url, limits, patient(redis))
      ]
      assert.strictEqual(yield* rest(gateways), 10)
      const seen: ReadonlyArray<{ readonly limiter: string }> = yield* limitsOf(gateways[0]!)
      assert.deepStrictEqual(seen.map(({ limiter }) => limiter).toSorted(), ["first", "second"])
    })))
})
