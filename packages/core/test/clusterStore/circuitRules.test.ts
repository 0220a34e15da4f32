/** How the store of a fleet judges a circuit: one life of it, and laws over random histories. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Random } from "effect"
import { vi } from "vitest"
import { Chance } from "./chance.ts"
import { type CircuitMessage, Node } from "./histories.ts"
import { message, terms } from "./messages.ts"

const { decide } = await vi.importActual<typeof import("../../src/clusterStore/circuitRules.ts")>(
  "../../src/clusterStore/circuitRules.ts"
)
type Record = import("../../src/clusterStore/circuitRules.ts").CircuitRecord

const calls = (calls: number, failures = 0, slow = 0) => ({ calls, failures, slow })

interface Said extends Partial<Omit<CircuitMessage, "probes">> {
  readonly at?: number
  readonly probes?: Partial<CircuitMessage["probes"]>
  readonly isLate?: boolean
}

/** A store that hears of one circuit, and nodes that believe what they were answered. */
class Store {
  record: Record | undefined
  now = 1_700_000_000_000
  private readonly nodes = new Map<string, Pick<CircuitMessage, "epoch" | "state">>()
  private readonly terms: CircuitMessage["terms"]

  constructor(own: Partial<CircuitMessage["terms"]> = {}) {
    this.terms = { ...terms, ...own }
  }

  /** `at` is how much later it is. */
  say(node: string, { at = 0, isLate = false, probes, ...said }: Said = {}) {
    this.now += at
    const known = this.nodes.get(node) ?? { epoch: 0, state: "Closed" as const }
    const told: CircuitMessage = {
      ...message,
      ...known,
      own: said.counts ?? message.own,
      terms: this.terms,
      probes: { ...message.probes, ...probes },
      ...said
    }
    this.nodes.set(node, known)
    const { answer, event, record } = decide(this.record, told, {
      node,
      nodes: this.nodes.size,
      now: this.now,
      micros: this.now * 1000 + 7,
      isLate,
      holdFor: 5000
    })
    this.record = record
    if (answer._tag === "State") this.nodes.set(node, { epoch: answer.epoch, state: answer.state })
    return { answer, event, state: record.state }
  }

  states(said: ReadonlyArray<readonly [node: string, Said]>): ReadonlyArray<string> {
    return said.map(([node, what]) => this.say(node, what).state)
  }

  /** Opened by three nodes that fail alike, and then half-open; all nodes know of it. */
  static halfOpen(own: Partial<CircuitMessage["terms"]> = {}): Store {
    const store = new Store(own)
    for (const node of ["a", "b", "c"]) store.say(node, { counts: calls(20, 20) })
    store.say("a", { at: 10_000 })
    for (const node of ["a", "b", "c"]) store.say(node)
    assert.strictEqual(store.record!.state, "HalfOpen")
    return store
  }
}

describe("a closed circuit of a fleet", () => {
  it("stays closed while one node alone fails, however much, and opens when another one does", () => {
    const store = new Store()
    const healthy = ["a", "b", "c"].map((node) => [node, { counts: calls(10) }] as const)
    assert.deepStrictEqual(
      store.states([...healthy, ["a", { counts: calls(60, 60), own: calls(70, 60), wish: "tripped" }], ["b", {
        counts: calls(40, 40)
      }]]),
      ["Closed", "Closed", "Closed", "Closed", "Open"]
    )
  })

  it("opens at once for a node that is alone, or among others that are silent", () => {
    assert.strictEqual(new Store().say("a", { counts: calls(10, 10), wish: "tripped" }).state, "Open")
    const store = new Store()
    store.say("b", { counts: calls(9) })
    assert.strictEqual(store.say("a", { counts: calls(10, 10), wish: "tripped" }).state, "Open")
  })

  it("opens for failures in a row only where the others fail, too", () => {
    const inRow = { counts: calls(5, 5), own: calls(5, 5), wish: "failedInRow" } as const
    const store = new Store()
    store.say("b", { counts: calls(20) })
    assert.strictEqual(store.say("a", inRow).state, "Closed")
    const other = new Store()
    other.say("b", { counts: calls(10, 4) })
    other.say("c", { counts: calls(10, 6) })
    assert.strictEqual(other.say("a", inRow).state, "Open")
  })

  it("needs half of a window before the nodes together open it", () => {
    const few = new Store()
    assert.deepStrictEqual(
      few.states([["a", { counts: calls(16, 16) }], ["b", { counts: calls(16, 16) }], ["c", {
        counts: calls(17, 17)
      }]]),
      ["Closed", "Closed", "Closed"]
    )
    assert.strictEqual(few.say("c", { counts: calls(1, 1), own: calls(18, 18) }).state, "Open")
  })

  it("opens for slow calls as for failures", () => {
    const store = new Store({ slowCallRate: 0.8 })
    const slow = { counts: calls(25, 0, 20) }
    assert.deepStrictEqual(store.states([["a", slow], ["b", slow]]), ["Closed", "Open"])
  })

  it("opens for failures of calls that counted as slow before", () => {
    const store = new Store()
    const slow = { counts: calls(25, 0, 20) }
    const failed = { counts: calls(0, 13), own: calls(25, 13, 20) }
    assert.deepStrictEqual(store.states([["a", slow], ["b", slow], ["a", failed], ["b", failed]]), [
      "Closed",
      "Closed",
      "Closed",
      "Open"
    ])
  })

  it("opens for the first node that says so where the verdict spreads", () => {
    const store = new Store({ spread: "any" })
    store.say("b", { counts: calls(1000) })
    assert.strictEqual(store.say("a", { counts: calls(10, 10), wish: "tripped" }).state, "Open")
  })

  it("forgets calls once the window is full without them and they are older than its span", () => {
    const store = new Store()
    store.say("a", { counts: calls(40, 40), own: calls(40, 40) })
    store.say("b", { counts: calls(10), at: 500 })
    assert.strictEqual(store.record!.rows[0]!.failures, 40)
    store.say("b", { counts: calls(90), at: 400, own: calls(100) })
    assert.strictEqual(store.record!.rows[0]!.failures, 40)
    store.say("b", { counts: calls(1), at: 100, own: calls(101) })
    assert.strictEqual(store.record!.rows[0]!.failures, 0)
  })

  it("goes by time alone where the window does", () => {
    const store = new Store({ size: 0, span: 5000 })
    store.say("a", { counts: calls(15, 15), own: calls(15, 15) })
    store.say("b", { counts: calls(10), at: 5000 })
    assert.deepStrictEqual(store.record!.rows.map(({ calls }) => calls), [10])
  })

  it("tells how far its window reaches back, and whose terms are others", () => {
    const store = new Store()
    store.say("a", { counts: calls(5) })
    assert.deepStrictEqual(store.say("a", { at: 700 }).answer, { _tag: "Closed", age: 700, otherTerms: undefined })
    const { answer } = store.say("b", { terms: { ...terms, minimumCalls: 11 } })
    assert.strictEqual(answer.otherTerms, "100:1000:10:0.5:1:5:0.5:1000000000:agreed")
  })
})

describe("an open circuit of a fleet", () => {
  it("is told to all with what is left of it, and opens for probes at its end", () => {
    const store = new Store()
    const { event } = store.say("a", { counts: calls(10, 10), wish: "tripped" })
    assert.deepInclude(event, { state: "Open", remaining: 10_000, openings: 1, reason: "tripped" })
    assert.deepInclude(store.say("b", { at: 4000 }).answer, { state: "Open", remaining: 6000 })
    assert.strictEqual(store.say("b", { at: 5999 }).state, "Open")
    assert.deepInclude(store.say("b", { at: 1, wish: "probe" }).answer, { state: "HalfOpen", isGranted: true })
  })

  it("is made longer by a command, and never shorter", () => {
    const store = new Store()
    store.say("a", { counts: calls(10, 10), wish: "tripped" })
    assert.isUndefined(store.say("b", { wish: "open", openFor: 5000 }).event)
    assert.deepInclude(store.say("b", { wish: "open", openFor: 60_000 }).event, { remaining: 60_000, openings: 1 })
  })

  it("stays open for ever where that is commanded, until it is closed", () => {
    const store = new Store()
    assert.strictEqual(store.say("a", { wish: "forceOpen" }).state, "ForcedOpen")
    assert.deepStrictEqual(
      store.states([["b", { at: 1e9, wish: "probe" }], ["b", { wish: "open" }], ["b", { wish: "close" }]]),
      ["ForcedOpen", "ForcedOpen", "Closed"]
    )
  })

  it("is learnt from a node by a store that was emptied, or is an older copy, with what is left of it", () => {
    const store = new Store()
    store.say("a", { counts: calls(10, 10), wish: "tripped" })
    const { epoch } = store.record!
    store.record = undefined
    assert.strictEqual(store.say("z").state, "Closed")
    const { answer } = store.say("a", { remaining: 7000, openings: 1, at: 3000 })
    assert.deepInclude(answer, { epoch, state: "Open", remaining: 7000, openings: 1 })
    assert.deepInclude(store.say("z").answer, { epoch, state: "Open" })
  })
})

describe("a half-open circuit of a fleet", () => {
  const probe: Said = { wish: "probe" }
  const granted = (store: Store, node: string, said: Said = probe): boolean => {
    const { answer } = store.say(node, said)
    return answer._tag === "State" && answer.isGranted
  }

  it("gives each node its part of the probes in the first second, and then whoever asks", () => {
    const store = Store.halfOpen()
    assert.deepStrictEqual(["a", "a", "a", "b", "b", "c", "c"].map((node) => granted(store, node)), [
      true,
      true,
      false,
      true,
      true,
      true,
      false
    ])
    const later = Store.halfOpen()
    later.now += 1001
    assert.deepStrictEqual(Array.from({ length: 6 }, () => granted(later, "a")), [true, true, true, true, true, false])
  })

  it("gives a probe again that came back without a result, or whose node is gone", () => {
    const store = Store.halfOpen({ probes: 1 })
    assert.isTrue(granted(store, "a"))
    assert.isFalse(granted(store, "b"))
    store.say("a", { probes: { voided: 1 } })
    assert.isTrue(granted(store, "b"))
    assert.isFalse(granted(store, "a", { ...probe, at: 4999 }))
    assert.isTrue(granted(store, "a", { ...probe, at: 1 }))
  })

  it("closes as soon as the missing results cannot change that, and opens likewise, for as long as a target asked", () => {
    const good = Store.halfOpen()
    assert.deepStrictEqual(
      good.states(["a", "b", "c"].map((node) => [node, { probes: { results: 1 } }])),
      ["HalfOpen", "HalfOpen", "Closed"]
    )
    const bad = Store.halfOpen()
    const failed = (retryAfter: number): Said => ({
      probes: { results: 1, failures: 1, failuresInRow: 1, retryAfter }
    })
    assert.deepStrictEqual(
      bad.states([["a", failed(0)], ["b", failed(60_000)], ["c", failed(0)]]),
      ["HalfOpen", "HalfOpen", "Open"]
    )
    assert.strictEqual(bad.record!.until, bad.now + 60_000)
    assert.strictEqual(bad.record!.openings, 2)
  })

  it("takes no result of an earlier period", () => {
    const store = Store.halfOpen()
    const { epoch } = store.record!
    for (const node of ["a", "b", "c"]) store.say(node, { probes: { results: 1, failures: 1 } })
    store.say("a", { at: 10_000 })
    assert.strictEqual(store.record!.state, "HalfOpen")
    store.say("b", { epoch, probes: { results: 5 } })
    assert.strictEqual(store.record!.halfOpen!.results, 0)
  })
})

describe("in any history", () => {
  for (let seed = 0; seed < 300; seed++) {
    it.effect(`epochs grow, leases and results are never too many, rows are few (${seed})`, () =>
      Random.withSeed(
        Effect.gen(function*() {
          const chance = yield* Chance
          const { between, choice, share } = chance
          const nodes = Array.from({ length: between(1, 8) }, (_, i) => new Node(`node ${i}`))
          const own = { ...terms, size: choice(0, 1, 100, 1000) }
          let record: Record | undefined
          let micros = 1_700_000_000_000_000
          for (let step = 0; step < 200; step++) {
            micros += 1000 * choice(0, 1, 20, 100, 250, 1000, 10_000)
            const node = choice(...nodes)
            const message = node.message(chance, own)
            const isLate = share() < 0.1
            const now = micros / 1000
            const before: Record | undefined = record
            const { answer, event, record: after } = decide(before, message, {
              node: node.name,
              nodes: nodes.length,
              now,
              micros,
              isLate,
              holdFor: 3000
            })
            record = after
            if (share() < 0.9) node.hear(answer)
            const epoch = before?.epoch ?? 0
            assert.isAtLeast(after.epoch, epoch)
            if (event !== undefined) assert.isAbove(after.epoch, Math.max(epoch, isLate ? 0 : message.epoch))
            else if (after.epoch === epoch) assert.strictEqual(after.state, before?.state ?? "Closed")
            if (isLate && event !== undefined) assert.strictEqual(event.reason, "elapsed")
            if (message.epoch < epoch && message.wish === "nothing" && event !== undefined) {
              assert.include(["elapsed"], event.reason)
            }
            const { halfOpen, rows } = after
            if (halfOpen !== undefined) {
              const held = halfOpen.holders.filter(({ until }) => until > now).length
              assert.isAtMost(held + Math.min(halfOpen.results, own.probes), own.probes + halfOpen.results)
              if (answer._tag === "State" && answer.isGranted) assert.isAtMost(held + halfOpen.results, own.probes)
            }
            assert.isAtMost(rows.length, 60)
            assert.isTrue(rows.every(({ calls, failures }) => calls > 0 && failures <= calls))
          }
        }),
        `${seed}`
      ))
  }
})
