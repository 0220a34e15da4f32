/** Scenarios whose customers call nodes: their faults are phases, their calls count, and their invariants are claims. */
import { assert, describe, it } from "@effect/vitest"
import { Chaos, Claim, Load, Scenario, World } from "@switchgear/core/testing"
import { Clock, Context, Effect, Layer, Random, Ref } from "effect"

class App extends Context.Service<App, { readonly answer: Effect.Effect<string, "busy"> }>()("test/App") {}

const app = Layer.succeed(App, { answer: Effect.as(Effect.sleep("200 millis"), "Hello") })

const ask = ({ call }: World.World<unknown>, node: string) => call(node, App, (app) => app.answer)

const steady = (name: string, seconds: number): Scenario.LoadPhase => ({
  name,
  arrivals: Load.constant({ rate: 10, for: seconds * 1000 })
})

const failover = Scenario.inWorld({
  name: "failover",
  load: [steady("evening", 30)],
  nodes: { a: app, b: app },
  script: [
    { name: "a is down", at: "10 seconds", crash: "a", for: "10 seconds" },
    { name: "b stands still", at: "15 seconds", pause: "b", for: "1 second" }
  ],
  patience: "2 seconds",
  policy: (world) => Effect.succeed(Effect.catchTag(ask(world, "a"), "ConnectionRefused", () => ask(world, "b"))),
  claims: []
})

type Changes = Partial<Pick<typeof failover, "claims" | "load" | "script">>

const verdicts = (changes: Changes) =>
  Effect.map(
    Scenario.report({ ...failover, ...changes }),
    (report) =>
      report.claims.map(({ verdict }) => [verdict._tag, verdict._tag === "Unjudged" ? verdict.reason : verdict.seen])
  )

describe("a scenario whose customers call nodes", () => {
  it.effect("has the faults of its script as phases, and the calls to each node", () =>
    Effect.gen(function*() {
      const { all, nodes, phases } = yield* Scenario.report(failover)
      assert.deepStrictEqual(
        phases.map(({ calls, from, name, of, reached, to }) => [name, of, from, to, calls, reached]),
        [
          ["evening", "load", 0, 30_000, 300, { a: 300, b: 100 }],
          ["a is down", "fault", 10_000, 20_000, 100, { a: 100, b: 100 }],
          ["b stands still", "fault", 15_000, 16_000, 10, { a: 10, b: 10 }]
        ]
      )
      assert.deepStrictEqual(all.outcomes, { "first-class": 298, GaveUp: 2 })
      assert.deepStrictEqual(
        nodes.map(({ calls, name, of, outcomes }) => [name, of, calls, outcomes]),
        [
          ["a", "node", 300, { "first-class": 198, ConnectionRefused: 100, interrupted: 2 }],
          ["b", "node", 100, { "first-class": 100 }]
        ]
      )
    }))

  it.effect("judges claims on faults, on nodes and on both", () =>
    Effect.gen(function*() {
      const claims = [
        Claim.answered(1, { during: "a is down" }),
        Claim.share("ConnectionRefused", { node: "a", atLeast: 1, during: "a is down" }),
        Claim.answered(0.5, { node: "a" }),
        Claim.latencyWithin("max", "300 millis", { node: "b" }),
        Claim.latencyWithin("max", "1200 millis", { node: "b", during: "b stands still" }),
        Claim.recoversWithin("0 seconds", { after: "a is down" }),
        Claim.providerGetsAtMost(0.2, { provider: "b" }),
        Claim.make({
          name: "own",
          node: "a",
          during: "a is down",
          judge: ({ calls, outcomes }) => Claim.holds(`${calls} ${Object.keys(outcomes).join()}`)
        })
      ]
      assert.deepStrictEqual(yield* verdicts({ claims }), [
        ["Holds", "all 100 calls were answered"],
        ["Holds", "100 of 100 calls did (100%)"],
        ["Holds", "102 of 300 calls were not answered: ConnectionRefused 100, interrupted 2"],
        ["Broken", "11 of 100 calls took longer, the longest 1.2 s"],
        ["Holds", "0 of 10 calls took longer, the longest 1.2 s"],
        ["Holds", "100 of 100 calls did (100%), from the first on"],
        ["Broken", "it got 100 calls for 300 of customers (33.3%)"],
        ["Holds", "100 ConnectionRefused"]
      ])
    }))

  it.effect("tells a claim that means nothing: no such fault, no such node, a fault after all calls, no end of it", () =>
    Effect.gen(function*() {
      const claims = [
        Claim.answered(1, { during: "b is down" }),
        Claim.answered(1, { node: "c" }),
        Claim.providerGetsAtMost(1, { provider: "c" }),
        Claim.answered(1, { node: "b", during: "b stands still" }),
        Claim.share("first-klass", { atMost: 1, node: "a", during: "evening" }),
        Claim.noCustomerError,
        Claim.recoversWithin(0, { after: "b stands still" })
      ]
      const script = World.script([{ name: "b stands still", at: "40 seconds", pause: "b" }])
      assert.deepStrictEqual(yield* verdicts({ claims, script }), [
        ["Unjudged", "there is no phase \"b is down\"; there are \"evening\" and \"b stands still\""],
        ["Unjudged", "there is no node \"c\"; there are \"a\" and \"b\""],
        ["Unjudged", "there is no provider or node \"c\"; there are \"a\" and \"b\""],
        ["Unjudged", "no call was made to \"b\" during \"b stands still\""],
        [
          "Unjudged",
          "no call ended as \"first-klass\", and nothing says that one can; seen were first-class 300. " +
          "Is \"first-class\" meant? Name what can happen and does not in `outcomes` of the scenario"
        ],
        [
          "Unjudged",
          "\"b stands still\" began after all calls had ended, so that this is not the whole scenario. " +
          "Let the load last longer, or claim it of a phase"
        ],
        ["Unjudged", "\"b stands still\" lasts until the end, because nothing ends it"]
      ])
    }))

  it.effect("judges nothing when no customer calls a node", () =>
    Effect.gen(function*() {
      const claims = [Claim.noCustomerError]
      const idle = { ...failover, claims, policy: () => Effect.succeed(Effect.succeed("Hello")) }
      const { all, claims: [judged] } = yield* Scenario.report(idle)
      assert.deepStrictEqual(all.outcomes, { degraded: 300 })
      assert.deepStrictEqual(judged?.verdict, {
        _tag: "Unjudged",
        reason: "no customer called a node in the whole run. Does the policy call the world that it gets?"
      })
    }))

  it.effect("refuses a fault or a call that names no node, and two phases of one name, before or without a verdict", () =>
    Effect.gen(function*() {
      const claims = [Claim.noCustomerError]
      const message = (changes: Partial<typeof failover>) =>
        Effect.map(Effect.flip(Scenario.run({ ...failover, claims, ...changes })), (error) => [
          (error as Error) instanceof Scenario.InvalidScenario,
          (error as Error).message
        ])
      const refused = (text: string) => [true, `The scenario "failover" cannot be run: ${text}.`]
      const names = "there are \"a\" and \"b\""
      assert.deepStrictEqual(
        yield* message({ script: [{ at: 0, crash: "a" }, { at: 1, pause: ["a", "c"] }] }),
        refused(`script[1].pause must be a node: ${names}, got "c"`)
      )
      const later = { ...failover.world!, nodes: () => ({ a: app }) }
      assert.deepStrictEqual(
        yield* message({ world: later }),
        refused("script[1].pause must be a node: there is \"a\", got \"b\"")
      )
      assert.deepStrictEqual(
        yield* message({ script: [{ name: "evening", at: 0, crash: "a" }] }),
        refused("script[0].name must be a name of its own, \"evening\" is load[0]")
      )
      assert.deepStrictEqual(
        yield* message({ script: [{ at: 0, crash: "a", fro: "b" } as never] }),
        refused("script[0].fro is not a field here. There are: at, name, crash, for")
      )
      assert.deepStrictEqual(
        yield* message({ policy: (world) => Effect.succeed(ask(world, "c")) }),
        refused(`to must be a node: ${names}, got "c"`)
      )
      assert.deepStrictEqual(
        yield* message({ world: undefined, providers: { a: [{ name: "up" }] } }),
        refused("script needs nodes that it happens to")
      )
      assert.deepStrictEqual(
        yield* message({ providers: { a: [{ name: "up" }] } }),
        refused("nodes must have names of their own, \"a\" is a provider")
      )
      assert.deepStrictEqual(
        yield* message({ world: { nodes: { a: app, b: app }, link: { requestLoss: 2 } } }),
        refused("link.requestLoss must be from 0 to 1, got 2")
      )
    }))

  it.effect("ends with a mistake of the test, wherever it is: an injected fault, a node that a node calls, a service", () =>
    Effect.gen(function*() {
      const claims = [Claim.noCustomerError]
      const told = (changes: Partial<typeof failover>) =>
        Effect.map(Effect.exit(Scenario.run({ ...failover, script: [], claims, ...changes })), String)
      const injects = { policy: (world: World.World<never>) => Effect.succeed(world.inject({ crash: "c" })) }
      assert.include(yield* told(injects), "crash must be a node: there are \"a\" and \"b\", got \"c\"")
      const forwards = Layer.effect(
        App,
        Effect.map(World.Node, ({ call }) => ({
          answer: Effect.mapError(call("c", App, (app) => app.answer), () => "busy" as const)
        }))
      )
      assert.include(yield* told({ world: { nodes: { a: forwards, b: app } } }), "to must be a node: there are \"a\"")
      const serves = { world: { nodes: { a: Layer.empty, b: app } } }
      assert.include(yield* told(serves), "node \"a\" does not serve test/App")
    }))

  it.effect("begins its script with the load, however long the policy takes to be made", () =>
    Effect.gen(function*() {
      const late = {
        ...failover,
        policy: (world: World.World<never>) => Effect.delay(failover.policy(world), "7 seconds")
      }
      const [one, other] = [yield* Scenario.report(failover), yield* Scenario.report(late)]
      assert.deepStrictEqual(other.phases, one.phases)
    }))

  it.effect("fails with the error of a node whose layer fails", () =>
    Effect.gen(function*() {
      const starts = Layer.effect(
        App,
        Effect.gen(function*() {
          const count = yield* (yield* World.Node).disk("starts", 0)
          if ((yield* Ref.updateAndGet(count, (n) => n + 1)) > 1)
            return yield* Effect.fail("cannot start twice" as const)
          return { answer: Effect.succeed("Hello") }
        })
      )
      const scenario = Scenario.inWorld({
        name: "restarts",
        load: [steady("evening", 30)],
        nodes: { a: starts },
        script: [{ at: "1 second", restart: "a" }],
        policy: (world) => Effect.succeed(ask(world, "a")),
        claims: [Claim.noCustomerError]
      })
      assert.strictEqual(yield* Effect.flip(Scenario.run(scenario)), "cannot start twice")
    }))

  it.effect("counts no fiber of a node as left, also of one that has crashed", () =>
    Effect.gen(function*() {
      const busy = Layer.effect(
        App,
        Effect.as(Effect.forkDetach(Effect.forever(Effect.sleep("1 second"))), { answer: Effect.succeed("Hello") })
      )
      yield* Scenario.run(Scenario.inWorld({
        name: "nothing left",
        load: [steady("evening", 5)],
        nodes: { a: busy },
        script: [{ at: "1 second", crash: "a", for: "1 second" }],
        policy: (world) => Effect.succeed(ask(world, "a")),
        claims: [Claim.nothingLeft]
      }))
    }))
})

const none: ReadonlyArray<number> = []

class Store extends Context.Service<Store, { readonly add: (id: number) => Effect.Effect<void> }>()("test/Store") {}

const store = Layer.effect(
  Store,
  Effect.gen(function*() {
    const ids = yield* (yield* World.Node).disk("ids", none)
    return { add: (id) => Ref.update(ids, (all) => [...all, id]) }
  })
)

/** Passes an addition on, and tries again when no reply comes. */
class Front extends Context.Service<Front, { readonly add: Store["Service"]["add"] }>()("test/Front") {}

const front = Layer.effect(
  Front,
  Effect.map(World.Node, ({ call }) => ({
    add: (id) =>
      call("store", Store, (store) => store.add(id)).pipe(
        Effect.timeout("1 second"),
        Effect.retry({ times: 3 }),
        Effect.ignore
      )
  }))
)

const additions = (script: World.Script, claims: ReadonlyArray<Claim.Claim> = []) =>
  Scenario.inWorld({
    name: "additions",
    load: [steady("calm", 20), steady("evening", 30)],
    nodes: { front, store },
    script,
    invariants: [
      World.invariant("each addition is done once", (view) => () => {
        const ids = view.disk("store", "ids", none)
        const again = ids.at(-1)
        return again !== undefined && ids.indexOf(again) < ids.length - 1 ? `#${again} was done twice` : undefined
      })
    ],
    policy: ({ call }) => Effect.succeed(({ index }) => call("front", Front, (front) => front.add(index))),
    claims
  })

describe("an invariant of a scenario", () => {
  it.effect("is a claim, and the run goes on when it is broken", () =>
    Effect.gen(function*() {
      const held = yield* Scenario.run(additions([]))
      assert.deepStrictEqual(held.claims.map(({ claim, verdict }) => [claim, verdict]), [
        ["each addition is done once", { _tag: "Holds", seen: "it held after every event" }]
      ])
      const script: World.Script = [{ at: "30 seconds", degrade: "front", replyLoss: 1, for: 500 }]
      const error = yield* Effect.flip(Scenario.run(additions(script, [Claim.noCustomerError])))
      assert.instanceOf(error, Scenario.ClaimFailed)
      assert.deepStrictEqual(error.claims, [
        { claim: "each addition is done once", seen: "#300 was done twice, since 00:31.001" }
      ])
      assert.match(error.message, /\n  00:31.001  front → store: request #\d+ arrives .test.Store.\n/)
      assert.match(error.message, /\nevening .* 300 /)
    }))

  it.effect("that breaks in many seeds ends in the smallest script and the smallest load in which it still does", () =>
    Effect.gen(function*() {
      const script: World.Script = [
        { name: "the store is away", at: "3 seconds", crash: "store", for: "1 second" },
        { name: "replies are lost", at: "30 seconds", degrade: "front", replyLoss: 0.7, for: "5 seconds" },
        { name: "the store is slow", at: "33 seconds", pause: "store", for: "300 millis" }
      ]
      const error = yield* Effect.flip(Scenario.seeds(additions(script), 3))
      assert.instanceOf(error, Scenario.SeedsFailed)
      const { failed, night } = error as Scenario.SeedsFailed
      assert.deepStrictEqual(failed, ["1", "1-2", "1-3"])
      assert.deepStrictEqual(night, [
        "load \"evening\": constant, 1 a second for 1s",
        "fault \"replies are lost\": 00:00.000  degrade front to all others, replyLoss 1, for 100ms"
      ])
    }))

  it.effect("that breaks before the load says so, and has a name of its own", () =>
    Effect.gen(function*() {
      const early = World.invariant("it has begun", (view) => () => view.now() < 500 ? "it has not" : undefined)
      const scenario = (...invariants: ReadonlyArray<World.Invariant>) => ({
        ...additions([]),
        world: { nodes: { front, store }, invariants }
      })
      const waits = {
        ...scenario(early),
        policy: (world: World.World<never>) => Effect.delay(additions([]).policy(world), "1 second")
      }
      const { claims } = yield* Scenario.report(waits)
      assert.deepStrictEqual(claims[0]?.verdict, { _tag: "Broken", seen: "it has not, before the load" })
      const error = yield* Effect.flip(Scenario.run(scenario(early, early)))
      assert.include(
        (error as Error).message,
        "invariants must have names of their own, \"it has begun\" is there twice"
      )
    }))

  it.effect("is enough to make a scenario mean something, and nothing at all is not", () =>
    Effect.gen(function*() {
      const nothing = { ...additions([]), world: { nodes: { front, store } } }
      assert.instanceOf(yield* Effect.flip(Scenario.run(nothing)), Scenario.InvalidScenario)
      assert.instanceOf(yield* Effect.flip(Scenario.seeds(nothing, 2)), Scenario.InvalidScenario)
    }))
})

/** Answers after a random time. */
const random = Layer.succeed(App, {
  answer: Effect.map(Effect.flatMap(Random.next, (n) => Effect.as(Effect.sleep(n * 1000), n)), String)
})

describe("one seed", () => {
  it.effect("is one run, and its world is of it", () =>
    Effect.gen(function*() {
      const scenario = {
        ...failover,
        script: [],
        claims: [Claim.latencyWithin("max", "1 hour")],
        world: { nodes: { a: random, b: random } }
      }
      const one = yield* Scenario.run(scenario, { twice: true })
      const again = yield* Scenario.report(scenario)
      const other = yield* Scenario.report(scenario, { seed: 2 })
      assert.deepStrictEqual(one.all.latency, again.all.latency)
      assert.notDeepEqual(one.all.latency, other.all.latency)
    }))

  it.effect("is also that of a world that the policy makes", () =>
    Effect.gen(function*() {
      const own = Scenario.make({
        name: "a world of its own",
        load: [steady("evening", 5)],
        provider: [{ name: "up" }],
        policy: (provider) =>
          Effect.map(World.make({ nodes: { a: random } }), (world) => Effect.andThen(provider, ask(world, "a"))),
        claims: [Claim.noCustomerError]
      })
      const meanOf = (seed: number) => Effect.map(Scenario.report(own, { seed }), ({ all }) => all.latency.mean)
      const means = yield* Effect.forEach([1, 1, 2], meanOf)
      assert.deepStrictEqual([means[0] === means[1], means[0] === means[2]], [true, false])
    }))
})

describe("the order of fibers", () => {
  it.effect("is drawn on nodes as well, so that many seeds find a race there", () =>
    Effect.gen(function*() {
      /** Lets one call in at a time: it looks, and takes in a later step. */
      const slot = Layer.sync(App, () => {
        let running = 0
        return {
          answer: Effect.gen(function*() {
            yield* Effect.sleep("10 millis")
            if (running > 0) return yield* Effect.fail("busy" as const)
            yield* Effect.yieldNow
            running++
            yield* Effect.sleep("10 millis")
            running--
            return running > 0 ? "two were in" : "one was in"
          })
        }
      })
      const twice = Scenario.inWorld({
        name: "a slot",
        load: [{ name: "evening", arrivals: Load.constant({ rate: 1, for: "10 seconds" }) }],
        nodes: { a: slot, b: app },
        policy: (world) =>
          Effect.succeed(
            Effect.map(
              Effect.all([Effect.exit(ask(world, "a")), Effect.exit(ask(world, "a"))], { concurrency: "unbounded" }),
              (exits) => exits.some((exit) => exit._tag === "Success" && exit.value === "two were in") ? "two" : "one"
            )
          ),
        label: (answer) => answer,
        outcomes: ["two"],
        claims: [Claim.share("two", { atMost: 0 })]
      })
      const drawn = { ...twice, order: { seed: "race" } }
      const shares = (scenario: typeof twice) =>
        Effect.forEach(["1", "2", "3", "4", "5"], (seed) =>
          Effect.map(Scenario.report(scenario, { seed }), ({ all }) => all.outcomes["two"] ?? 0))
      const [fifo, some] = [yield* shares(twice), yield* shares(drawn)]
      assert.strictEqual(new Set(fifo).size, 1)
      assert.isAbove(new Set(some).size, 1)
      assert.deepStrictEqual(yield* shares(drawn), some)
    }))
})

describe("nodes that call a provider", () => {
  it.effect("get several by name", () =>
    Effect.gen(function*() {
      const { all } = yield* Scenario.report(Scenario.inWorld({
        name: "two models",
        load: [steady("evening", 30)],
        providers: {
          gpt: [{ name: "gpt is up", for: "20 seconds" }, {
            name: "gpt is down",
            rules: [{ inject: Chaos.fault("503") }]
          }],
          claude: [{ name: "claude is up" }]
        },
        nodes: ({ claude, gpt }) => ({
          a: Layer.succeed(App, { answer: Effect.mapError(Effect.catch(gpt, () => claude), () => "busy" as const) })
        }),
        policy: (world) => Effect.succeed(ask(world, "a")),
        claims: []
      }))
      assert.deepStrictEqual(all.outcomes, { "first-class": 200, fallback: 100 })
      assert.deepStrictEqual(all.reached, { gpt: 300, claude: 100, a: 300 })
    }))

  const capacity = { concurrency: 8, above: "queue" } as const

  /** Calls of two gateways to a provider with eight slots, each of which is taken for half a second. */
  const crowded = (script: World.Script) =>
    Scenario.inWorld({
      name: "gateways",
      load: [steady("evening", 60)],
      provider: [{ name: "up", latency: "500 millis", capacity }],
      nodes: (provider) => {
        const gateway = Layer.succeed(App, { answer: provider })
        return { a: gateway, b: gateway }
      },
      clocks: { a: { drift: 0.1 }, b: { offset: "1 hour" } },
      script,
      patience: "3 seconds",
      policy: (world) => Effect.succeed(({ index }) => ask(world, index % 2 === 0 ? "a" : "b")),
      claims: [Claim.latencyWithin("max", "500 millis", { node: "b" })]
    })

  it.effect("share its capacity, by its clock and not by theirs", () =>
    Effect.gen(function*() {
      const { all } = yield* Scenario.run(crowded([]))
      assert.deepStrictEqual(all.outcomes, { "first-class": 600 })
      assert.deepStrictEqual([all.latency.min, all.latency.max], [500, 500])
    }))

  it.effect("leave it when they crash: the slots that they have taken are free again", () =>
    Effect.gen(function*() {
      const after = (script: World.Script) =>
        Effect.map(
          Scenario.report({
            ...crowded(script),
            providers: {
              provider: [
                { name: "hangs", for: "1 second", capacity, rules: [{ inject: Chaos.hang }] },
                { name: "up", latency: "500 millis", capacity }
              ]
            }
          }),
          ({ all }) => all.outcomes
        )
      // Eight calls of the first second take all slots. Their customers give up, and the nodes do not learn it.
      assert.deepStrictEqual(yield* after([]), { GaveUp: 600 })
      const { GaveUp, "first-class": answered } = yield* after([{ at: "5 seconds", crash: ["a", "b"], for: 100 }])
      assert.deepStrictEqual([GaveUp, answered], [50, 549])
    }))

  it.effect("run their own part of a call by their own clock", () =>
    Effect.gen(function*() {
      const readings: Array<ReadonlyArray<number>> = []
      const nanos = Clock.monotonicTimeNanos
      const scenario = Scenario.inWorld({
        name: "a stack of its own",
        load: [steady("evening", 5)],
        provider: [{ name: "up", latency: "200 millis", capacity }],
        nodes: (provider) => ({
          a: Layer.succeed(App, {
            answer: Effect.gen(function*() {
              const before = yield* nanos
              const inside = yield* provider.inject(Effect.andThen(Effect.sleep("110 millis"), nanos))
              readings.push([before, inside, yield* nanos].map((one) => Number(one) / 1e6))
              return "Hello"
            })
          })
        }),
        clocks: { a: { drift: 0.1 } },
        script: [{ at: "2 seconds", restart: "a" }],
        policy: (world) => Effect.succeed(ask(world, "a")),
        claims: [Claim.latencyWithin("max", "300 millis", { node: "a", during: "evening" })]
      })
      const { nodes: [a] } = yield* Scenario.report(scenario)
      assert.deepStrictEqual([a!.latency.min, a!.latency.p50], [300, 300])
      // It sleeps 110 milliseconds of a clock that is 10% fast, after 200 of the provider's.
      for (const [before, inside, after] of readings) {
        assert.deepStrictEqual([Math.round(inside! - before!), after], [330, inside])
      }
      assert.isBelow(readings.at(-1)![0]!, 3000 * 1.1)
    }))

  it.effect("are answered while they are paused, and see it afterwards", () =>
    Effect.gen(function*() {
      const { nodes: [a] } = yield* Scenario.report(crowded([{ at: "10 seconds", pause: "a", for: "2 seconds" }]))
      assert.deepStrictEqual(a!.outcomes, { "first-class": 300 })
      assert.isAtMost(a!.latency.max, 2500)
    }))

  it.effect("get it by a function, and it keeps the time of the run", () =>
    Effect.gen(function*() {
      const gateway = (provider: Effect.Effect<string, "503">) =>
        Layer.succeed(App, { answer: Effect.mapError(provider, () => "busy" as const) })
      const scenario = Scenario.inWorld({
        name: "a gateway",
        load: [steady("evening", 30)],
        provider: [{ name: "up", for: "20 seconds" }, {
          name: "down",
          rules: [{ inject: Chaos.fault("503" as const) }]
        }],
        nodes: (provider) => ({ a: gateway(provider) }),
        script: [{ name: "restart", at: "15 seconds", restart: "a" }],
        policy: (world) => Effect.succeed(ask(world, "a")),
        claims: [
          Claim.answered(1, { during: "up" }),
          Claim.answered(0, { during: "down" }),
          Claim.share("failure", { atLeast: 1, during: "down" })
        ]
      })
      const { all } = yield* Scenario.run(scenario)
      assert.deepStrictEqual(all.reached, { provider: 300, a: 300 })
      assert.deepStrictEqual(all.outcomes, { "first-class": 200, failure: 100 })
    }))
})
