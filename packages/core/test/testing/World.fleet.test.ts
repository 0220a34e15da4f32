/** A fleet of three nodes that share the state of a circuit through a store, as the words of a world. */
import { assert, describe, it } from "@effect/vitest"
import { Claim, Load, Scenario, World } from "@switchgear/core/testing"
import { Context, Effect, Layer } from "effect"

interface Told {
  readonly epoch: number
  readonly isOpen: boolean
}

const newer = (one: Told, other: Told): Told => other.epoch > one.epoch ? other : one

/** What one sync does on the store, in one step. The store keeps it in memory: after a crash, it is empty. */
class Store extends Context.Service<Store, { readonly sync: (told: Told) => Effect.Effect<Told> }>()("fleet/Store") {}

const store = Layer.effect(
  Store,
  Effect.sync(() => {
    let known: Told = { epoch: 0, isOpen: false }
    return { sync: (told) => Effect.sync(() => known = newer(known, told)) }
  })
)

class Member extends Context.Service<Member, { told: Told; readonly trip: Effect.Effect<void> }>()("fleet/Member") {}

const member = Layer.effect(
  Member,
  Effect.gen(function*() {
    const { call } = yield* World.Node
    const self: Member["Service"] = {
      told: { epoch: 0, isOpen: false },
      trip: Effect.sync(() => void (self.told = { epoch: self.told.epoch + 1, isOpen: !self.told.isOpen }))
    }
    const sync = Effect.suspend(() => call("store", Store, (store) => store.sync(self.told))).pipe(
      Effect.timeout("50 millis"),
      Effect.tap((told) => Effect.sync(() => void (self.told = newer(self.told, told)))),
      Effect.ignore
    )
    yield* Effect.forkScoped(Effect.forever(Effect.andThen(sync, Effect.sleep("250 millis"))))
    yield* Effect.forkScoped(Effect.delay(self.trip, "2 seconds"))
    return self
  })
)

const members = ["a", "b", "c"]

const forward = World.invariant("the epoch of a node that runs never goes back", (view) => {
  const highest = new Map<Member["Service"], number>()
  return () => {
    for (const name of members) {
      const member = view.service(name, Member)
      if (member === undefined) continue
      const before = highest.get(member) ?? 0
      if (member.told.epoch < before) return `${name} went from ${before} to ${member.told.epoch}`
      highest.set(member, member.told.epoch)
    }
    return undefined
  }
})

const agreed = World.invariant("all nodes agree at the end", (view) => () => {
  const told = members.flatMap((name) => view.service(name, Member)?.told ?? [])
  return view.now() < 35_000 || new Set(told.map(({ epoch }) => epoch)).size === 1
    ? undefined
    : `they believe ${told.map(({ epoch }) => epoch).join(", ")}`
})

const fleet = {
  nodes: { a: member, b: member, c: member, store },
  clocks: { a: { offset: "5 minutes" }, b: { offset: "-1 second", drift: 0.01 }, c: { drift: -0.01 } },
  link: { latency: "1 milli", replyLoss: 0.01 },
  invariants: [forward, agreed],
  for: "36 seconds",
  promises: "none"
} as const

describe("a fleet with a store", () => {
  it.live("agrees after a partition, lost replies and a store that has forgotten everything", () =>
    World.run({
      ...fleet,
      script: [
        { at: "5 seconds", partition: ["a", "b"], direction: "incoming", for: "5 seconds" },
        { at: "12 seconds", crash: "store", for: "3 seconds" },
        { at: "18 seconds", degrade: "c", to: "store", replyLoss: 1, for: "4 seconds" },
        { at: "24 seconds", pause: "b", for: "3 seconds" }
      ]
    }))

  it.live(
    "agrees after any faults that end before",
    () =>
      World.check({
        ...fleet,
        runs: 60,
        faults: { atMost: 6, within: "25 seconds", lasting: ["1 second", "3 seconds"] }
      }).pipe(
        Effect.map(({ runs }) => assert.strictEqual(runs, 60))
      ),
    60_000
  )
})

describe("a scenario", () => {
  it.effect("whose customers call the nodes of a world sees what its faults do to them", () =>
    Effect.gen(function*() {
      class App extends Context.Service<App, { readonly answer: Effect.Effect<string> }>()("test/App") {}
      const app = Layer.succeed(App, { answer: Effect.as(Effect.sleep("200 millis"), "provider") })
      const script: World.Script = [
        { name: "a is down", at: "10 seconds", crash: "a", for: "10 seconds" },
        { name: "b stands still", at: "30 seconds", pause: "b", for: "5 seconds" }
      ]
      const { all, phases } = yield* Scenario.run(Scenario.make({
        name: "two nodes behind a balancer",
        load: World.spans(script).flatMap(({ from, name, to }, index, spans) => {
          const before = from - (spans[index - 1]?.to ?? 0)
          const steady = (millis: number) => Load.constant({ rate: 10, for: millis })
          return [
            { name: `before ${name}`, arrivals: steady(before) },
            { name, arrivals: steady(to - from) }
          ]
        }),
        provider: [{ name: "up" }],
        patience: "2 seconds",
        policy: (provider) =>
          Effect.map(World.make({ nodes: { a: app, b: app }, script }), (world) => ({ index }) => {
            const ask = (node: string) => world.call(node, App, (app) => app.answer)
            const [first, second] = index % 2 === 0 ? ["a", "b"] as const : ["b", "a"] as const
            return Effect.andThen(provider, Effect.catch(ask(first), () => ask(second)))
          }),
        claims: [
          Claim.share("GaveUp", { atMost: 0.02, during: "before a is down" }),
          Claim.answered(0.99, { during: "a is down" }),
          Claim.share("GaveUp", { atLeast: 0.25, during: "b stands still" })
        ]
      }))
      assert.deepStrictEqual(phases.map(({ calls }) => calls), [100, 100, 100, 50, 350])
      assert.strictEqual(all.calls, 350)
    }))
})
