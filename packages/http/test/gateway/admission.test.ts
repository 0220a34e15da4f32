/** Which requests a gateway takes under more load than it is meant for. */
import { assert, describe, it } from "@effect/vitest"
import { Behaviour } from "@switchgear/http/testing"
import { Effect, Fiber, Random } from "effect"
import { vi } from "vitest"
import { chat, hello, running, token } from "./running.ts"

interface Admission {
  readonly inFlight: number
  readonly take: (client: string, priority: number, amount: number, parts?: number) => boolean
  readonly giveBack: (client: string, priority: number, amount: number) => void
}

const made = (await vi.importActual<any>("../../src/serverGuard/admission.ts")).Admission

const admissionOf = (limit: number): Admission => new made(limit)

interface InFlight {
  readonly client: string
  readonly priority: number
  readonly amount: number
  readonly parts: number
}

const sumOf = (all: ReadonlyArray<InFlight>): number => all.reduce((sum, { amount }) => sum + amount, 0)

/** The rule, said over all that is in flight. */
const isTaken = (
  limit: number,
  inFlight: ReadonlyArray<InFlight>,
  asked: InFlight,
  partsOf: (one: InFlight) => number
): boolean => {
  const total = sumOf(inFlight) + asked.amount
  if (total <= limit || asked.amount === 0) return true
  if (total >= 2 * limit) return false
  const left = limit - sumOf(inFlight.filter((one) => one.priority > asked.priority))
  if (left <= 0) return false
  const peers = inFlight.filter((one) => one.priority === asked.priority)
  const parts = new Map([...peers.map((one) => [one.client, partsOf(one)] as const), [asked.client, asked.parts]])
  const all = [...parts.values()].reduce((sum, parts) => sum + parts, 0)
  const share = Math.max(1, Math.floor(left * asked.parts / all))
  return sumOf(peers.filter((one) => one.client === asked.client)) + asked.amount <= share
}

describe("admission", () => {
  it.effect("takes and sheds as the rule says that is told over all that is in flight", () =>
    Effect.gen(function*() {
      for (let world = 0; world < 300; world++) {
        const limit = yield* Random.nextIntBetween(1, 12)
        const clients = yield* Random.nextIntBetween(1, 6)
        const most = yield* Random.nextIntBetween(1, 5)
        const admission = admissionOf(limit)
        const inFlight: Array<InFlight> = []
        // The parts with which each client was last taken from.
        const last = new Map<string, number>()
        for (let step = 0; step < 150; step++) {
          if (inFlight.length > 0 && (yield* Random.next) < 0.4) {
            const [gone] = inFlight.splice(yield* Random.nextIntBetween(0, inFlight.length - 1), 1)
            admission.giveBack(gone!.client, gone!.priority, gone!.amount)
          } else {
            const number = yield* Random.nextIntBetween(0, clients)
            // A reload can change the priority of a client that has requests in flight.
            const priority = (yield* Random.next) < 0.05 ? 7 : number % 3
            // And its share.
            const parts = (yield* Random.next) < 0.05 ? 5 : 1 + number % 2
            const asked = { client: `client ${number}`, priority, amount: yield* Random.nextIntBetween(0, most), parts }
            const isIn = admission.take(asked.client, asked.priority, asked.amount, asked.parts)
            assert.strictEqual(
              isIn,
              isTaken(limit, inFlight, asked, (one) => last.get(`${one.priority} ${one.client}`)!)
            )
            if (isIn && asked.amount > 0) {
              inFlight.push(asked)
              last.set(`${priority} ${asked.client}`, parts)
            }
          }
          assert.strictEqual(admission.inFlight, sumOf(inFlight))
          assert.isBelow(admission.inFlight, 2 * limit)
        }
        for (const { amount, client, priority } of inFlight) admission.giveBack(client, priority, amount)
        assert.strictEqual(admission.inFlight, 0)
        assert.strictEqual((admission as any).levels.size, 0)
      }
    }))

  const taken = (admission: Admission, client: string, priority: number, tries: number, parts?: number): number => {
    let count = 0
    for (let i = 0; i < tries; i++) if (admission.take(client, priority, 1, parts)) count++
    return count
  }

  it("gives a client alone all there is, and others their share beside one that floods", () => {
    const admission = admissionOf(12)
    assert.strictEqual(taken(admission, "flood", 0, 1000), 12)
    assert.strictEqual(taken(admission, "shop", 0, 1000), 6)
    assert.strictEqual(taken(admission, "desk", 0, 1000), 4)
    assert.strictEqual(taken(admission, "flood", 0, 1000), 0)
  })

  it("gives a client as many parts as its share says", () => {
    const admission = admissionOf(12)
    assert.strictEqual(taken(admission, "flood", 0, 1000), 12)
    assert.strictEqual(taken(admission, "shop", 0, 1000, 3), 9)
    assert.strictEqual(taken(admission, "desk", 0, 1000), 2)
  })

  it("sheds the lowest priority first, however much it has asked before", () => {
    const admission = admissionOf(10)
    assert.strictEqual(taken(admission, "batch", 0, 1000), 10)
    assert.strictEqual(taken(admission, "shop", 5, 1000), 9)
    assert.strictEqual(taken(admission, "batch", 0, 1000), 0)
  })

  it("leaves a lower priority nothing while a higher one takes all there is", () => {
    const admission = admissionOf(10)
    assert.strictEqual(taken(admission, "shop", 5, 1000), 10)
    assert.strictEqual(taken(admission, "batch", 0, 1000), 0)
  })

  it("takes no longer for more requests and clients", () => {
    const admission = admissionOf(1000)
    let reads = 0
    const byClient = new Map(Array.from({ length: 1000 }, (_, i) => [`client ${i}`, { amount: 1, parts: 1 }]))
    const level = { inFlight: 1000, parts: 1000, byClient }
    ;(admission as any).total = 1000
    ;(admission as any).levels = {
      get: () => level,
      *[Symbol.iterator]() {
        reads++
        yield [0, level]
      }
    }
    assert.isFalse(admission.take("client 1", 0, 1))
    assert.strictEqual(reads, 1)
  })
})

describe("a client that floods a gateway", () => {
  it.live("is shed itself, and another one is answered", () =>
    Effect.scoped(Effect.gen(function*() {
      const { provider, url } = yield* running(
        `listen: { port: 0, maxRequests: 4 }\nclients: [{ name: shop, token: ${token} }, { name: other, token: sk-other-1234567 }]`
      )
      yield* provider.set("first", { outcome: Behaviour.hang })
      const hanging = { ...hello, model: "first" }
      const flood = yield* Effect.forkChild(
        Effect.all(Array.from({ length: 4 }, () => chat(url, hanging)), { concurrency: "unbounded" })
      )
      yield* Effect.repeat(Effect.delay(provider.stats("first"), 5), { until: ({ started }) => started === 4 })
      const shed = yield* chat(url, { ...hello, model: "second" })
      assert.strictEqual(shed.status, 503)
      assert.strictEqual(shed.json.error.code, "overloaded")
      const other = { authorization: "Bearer sk-other-1234567" }
      assert.strictEqual((yield* chat(url, { ...hello, model: "second" }, other)).status, 200)
      yield* Fiber.interrupt(flood)
    })))

  it.live("leaves another one as many parts as the file gives it", () =>
    Effect.scoped(Effect.gen(function*() {
      const { provider, url } = yield* running(
        `listen: { port: 0, maxRequests: 4 }\nclients: [{ name: shop, token: ${token} }, { name: other, token: sk-other-1234567, share: 3 }]`
      )
      yield* provider.set("first", { outcome: Behaviour.hang })
      const hang = (count: number, token: string) =>
        Effect.gen(function*() {
          const { inFlight } = yield* provider.stats("first")
          const asking = chat(url, { ...hello, model: "first" }, { authorization: `Bearer ${token}` })
          yield* Effect.forkScoped(Effect.all(Array.from({ length: count }, () => asking), { concurrency: count }))
          yield* Effect.repeat(Effect.delay(provider.stats("first"), 5), {
            until: (now) => now.inFlight === inFlight + count
          })
        })
      yield* hang(4, token)
      yield* hang(3, "sk-other-1234567")
      for (const one of [token, "sk-other-1234567"]) {
        const { json, status } = yield* chat(url, { ...hello, model: "second" }, { authorization: `Bearer ${one}` })
        assert.deepStrictEqual([status, json.error.code], [503, "overloaded"])
      }
    })))

  it.live("with large bodies is shed itself as well", () =>
    Effect.scoped(Effect.gen(function*() {
      const { provider, url } = yield* running(
        `listen: { port: 0, maxBodiesSize: 5000 }\nclients: [{ name: shop, token: ${token} }, { name: other, token: sk-other-1234567 }]`
      )
      yield* provider.set("first", { outcome: Behaviour.hang })
      const large = { ...hello, model: "first", user: "x".repeat(4500) }
      yield* Effect.forkScoped(chat(url, large))
      yield* Effect.repeat(Effect.delay(provider.stats("first"), 5), { until: ({ started }) => started === 1 })
      const small = { ...hello, model: "second", user: "x".repeat(1000) }
      assert.strictEqual((yield* chat(url, small)).json.error.code, "overloaded")
      assert.strictEqual((yield* chat(url, small, { authorization: "Bearer sk-other-1234567" })).status, 200)
    })))
})
