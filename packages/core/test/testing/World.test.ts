import { assert, describe, it } from "@effect/vitest"
import { CircuitBreaker, Registry } from "@switchgear/core"
import { Latency, VirtualClock, World } from "@switchgear/core/testing"
import { Clock, Context, Deferred, Duration, Effect, Exit, Fiber, Layer, Random, Ref, type Scope } from "effect"

/** Answers after a time, and counts what was begun and what was done. */
class Desk extends Context.Service<Desk, {
  begun: number
  done: number
  readonly ask: (millis?: number) => Effect.Effect<string, "no">
}>()("test/Desk") {}

const desk = Layer.effect(
  Desk,
  Effect.gen(function*() {
    const node = yield* World.Node
    const self: Desk["Service"] = {
      begun: 0,
      done: 0,
      ask: (millis = 0) =>
        Effect.gen(function*() {
          self.begun++
          yield* Effect.sleep(millis)
          self.done++
          return `${node.name} says ${self.done}`
        })
    }
    return self
  })
)

const idle: Layer.Layer<never> = Layer.empty

/** Runs a program in virtual time. */
const play = <A, E>(effect: Effect.Effect<A, E, Scope.Scope>) =>
  VirtualClock.play(Effect.scoped(effect), { promises: "none" })

/** A program on a node, which starts at once. */
const program = <A, E>(effect: Effect.Effect<A, E, World.Node | Scope.Scope>) => Layer.effectDiscard(effect)

const now = Clock.currentTimeMillis

/** Runs `effect` as the program of node `a`, beside a desk `b`, and returns its exit and what the world then shows. */
const onA = <A, E>(
  effect: Effect.Effect<A, E, World.Node | Scope.Scope>,
  options: Omit<World.Options<Record<string, Layer.Layer<never>>>, "nodes"> = {}
) =>
  Effect.gen(function*() {
    const ended = yield* Deferred.make<A, E>()
    const world = yield* World.make({
      ...options,
      nodes: { a: program(Deferred.into(effect, ended)), b: desk, c: desk }
    })
    return { ended, world }
  })

const ask = (millis?: number, to = "b") =>
  Effect.flatMap(World.Node, (node) => node.call(to, Desk, (desk) => desk.ask(millis)))

describe("calls", () => {
  it.live("take the latency of the link there and back, and bring the answer or the error", () =>
    play(Effect.gen(function*() {
      const { ended } = yield* onA(Effect.zip(Effect.timed(ask(5)), now), { link: { latency: "20 millis" } })
      const [[took, answer], at] = yield* Deferred.await(ended)
      assert.deepStrictEqual([Duration.toMillis(took), answer, at], [45, "b says 1", 45])
      const failed = yield* onA(
        Effect.exit(Effect.flatMap(World.Node, (node) => node.call("b", Desk, () => Effect.fail("no" as const))))
      )
      assert.deepStrictEqual(yield* Deferred.await(failed.ended), Exit.fail("no" as const))
    })))

  it.live("are refused by a node that is down or still builds its layer", () =>
    play(Effect.gen(function*() {
      const slow = Layer.effect(Desk, Effect.delay(Effect.die("never built"), "1 hour"))
      const world = yield* World.make({ nodes: { slow, b: desk } })
      yield* world.inject({ crash: "b" })
      for (const name of ["slow", "b"]) {
        const error = yield* Effect.flip(world.call(name, Desk, (desk) => desk.ask()))
        assert.deepStrictEqual(error, new World.ConnectionRefused({ node: name }))
        assert.strictEqual(
          (error as World.ConnectionRefused).message,
          `Node "${name}" refused the connection: it is down or still starting`
        )
      }
    })))

  it.live("of a service that the node does not serve die, and of a node that is not there too", () =>
    play(Effect.gen(function*() {
      const world = yield* World.make({ nodes: { a: idle } })
      yield* Effect.sleep(1)
      const call = (name: string) =>
        Effect.map(
          Effect.exit(world.call(name, Desk, (desk) => desk.ask())),
          (exit) =>
            exit._tag === "Failure" && exit.cause.reasons[0]?._tag === "Die"
              ? String(exit.cause.reasons[0].defect)
              : exit
        )
      assert.strictEqual(
        yield* call("a"),
        "Error: World: node \"a\" does not serve test/Desk. Let its layer provide it."
      )
      assert.strictEqual(
        yield* call("nobody"),
        "RangeError: World.make: to must be a node: there is \"a\", got \"nobody\""
      )
    })))

  it.live("that are interrupted do not take back what the other node does", () =>
    play(Effect.gen(function*() {
      const { ended, world } = yield* onA(Effect.timeoutOption(ask(1000), 100))
      assert.strictEqual((yield* Deferred.await(ended))._tag, "None")
      yield* Effect.sleep(1000)
      assert.strictEqual(world.view.service("b", Desk)?.done, 1)
    })))

  const losses: ReadonlyArray<[World.LinkOptions, { begun: number; answer: string }]> = [
    [{ requestLoss: 1 }, { begun: 0, answer: "None" }],
    [{ replyLoss: 1 }, { begun: 1, answer: "None" }],
    [{ duplicates: 1 }, { begun: 2, answer: "Some" }]
  ]
  it.live.each(losses)("over a link with %o", ([link, { answer, begun }]) =>
    play(Effect.gen(function*() {
      const { ended, world } = yield* onA(Effect.timeoutOption(ask(10), "1 minute"), { link })
      assert.strictEqual((yield* Deferred.await(ended))._tag, answer)
      assert.strictEqual(world.view.service("b", Desk)?.begun, begun)
    })))

  /** The order in which twenty requests arrive that are sent one after the other. */
  const arrivals = (link: World.LinkOptions) =>
    Effect.gen(function*() {
      const seen: Array<number> = []
      class List extends Context.Service<List, { readonly add: (n: number) => Effect.Effect<void> }>()("List") {}
      yield* World.make({
        nodes: {
          a: program(Effect.gen(function*() {
            const node = yield* World.Node
            const add = (n: number) => node.call("b", List, (list) => list.add(n))
            yield* Effect.forEach(Array.from({ length: 20 }, (_, n) => n), add, { concurrency: "unbounded" })
          })),
          b: Layer.succeed(List, { add: (n) => Effect.sync(() => void seen.push(n)) })
        },
        link
      })
      yield* Effect.sleep("1 minute")
      return seen
    })

  it.live("overtake each other, unless the link keeps the order of sending", () =>
    play(Effect.gen(function*() {
      const inOrder = Array.from({ length: 20 }, (_, n) => n)
      const latency = Latency.uniform(1, 5)
      assert.deepStrictEqual(yield* arrivals({ latency, order: "sent" }), inOrder)
      const any = yield* arrivals({ latency })
      assert.notDeepEqual(any, inOrder)
      assert.deepStrictEqual(any.toSorted((a, b) => a - b), inOrder)
    })))

  it.live("over one link do not change the chance of another", () =>
    play(Effect.gen(function*() {
      const link = { latency: Latency.uniform(1, 1000) }
      const took = (calls: number, to: string) =>
        Effect.gen(function*() {
          yield* Effect.replicateEffect(ask(0, "c"), calls)
          return Duration.toMillis((yield* Effect.timed(ask(0, to)))[0])
        })
      const worlds = [onA(took(0, "b"), { link }), onA(took(3, "b"), { link }), onA(took(0, "c"), { link })] as const
      const [b, afterOthers, c] = yield* Effect.forEach(worlds, Effect.flatMap(({ ended }) => Deferred.await(ended)))
      assert.strictEqual(b, afterOthers)
      assert.notStrictEqual(b, c)
    })))

  it.live("that end twice, or when their caller has restarted, change nothing", () =>
    play(Effect.gen(function*() {
      const seen: Array<string> = []
      const calls = Effect.gen(function*() {
        yield* Effect.exit(Effect.timeout(ask(), 150))
        seen.push(`${yield* now}: timed out`)
        const answer = yield* ask()
        seen.push(`${yield* now}: ${answer}`)
      })
      yield* World.make({
        nodes: { a: program(calls), b: desk },
        link: { latency: 100, duplicates: 1 },
        script: [{ at: 250, restart: "a" }]
      })
      yield* Effect.sleep(1000)
      assert.deepStrictEqual(seen.slice(0, 2), ["150: timed out", "400: timed out"])
      // Eight requests have arrived by then. Which of the last two replies comes first is up to the seed.
      assert.match(seen.slice(2).join(), /^600: b says [78]$/)
    })))

  it.live("go by the link of caller and callee", () =>
    play(Effect.gen(function*() {
      const { ended } = yield* onA(Effect.all([Effect.timed(ask(0, "b")), Effect.timed(ask(0, "c"))]), {
        link: (_, to) => ({ latency: to === "b" ? 10 : 100 })
      })
      const [[b], [c]] = yield* Deferred.await(ended)
      assert.deepStrictEqual([Duration.toMillis(b), Duration.toMillis(c)], [20, 200])
    })))
})

describe("partitions", () => {
  const cut: ReadonlyArray<[Omit<World.Partition, "partition">, { begun: number; answer: string }]> = [
    [{}, { begun: 0, answer: "None" }],
    [{ from: "b" }, { begun: 0, answer: "None" }],
    [{ direction: "outgoing" }, { begun: 0, answer: "None" }],
    [{ direction: "incoming" }, { begun: 1, answer: "None" }],
    [{ from: "c" }, { begun: 1, answer: "Some" }]
  ]
  it.live.each(cut)("of a with %o", ([partition, { answer, begun }]) =>
    play(Effect.gen(function*() {
      const { ended, world } = yield* onA(Effect.timeoutOption(Effect.delay(ask(), 1), "1 minute"))
      yield* world.inject({ partition: "a", ...partition })
      assert.strictEqual((yield* Deferred.await(ended))._tag, answer)
      assert.strictEqual(world.view.service("b", Desk)?.begun, begun)
    })))

  const inFlight: ReadonlyArray<[World.Partition["inFlight"], number]> = [[undefined, 0], ["lost", 0], ["delivered", 1]]
  it.live.each(inFlight)(
    "lose messages under way, unless they are delivered: %s",
    ([inFlight, begun]) =>
      play(Effect.gen(function*() {
        const { world } = yield* onA(ask(), { link: { latency: "1 second" } })
        yield* Effect.sleep(500)
        yield* world.inject({ partition: "a", inFlight, for: 100 })
        yield* Effect.sleep(1000)
        assert.strictEqual(world.view.service("b", Desk)?.begun, begun)
      }))
  )

  it.live("end by their time or when they are healed, each by itself", () =>
    play(Effect.gen(function*() {
      const reached = Effect.map(Effect.timeoutOption(ask(), 10), ({ _tag }) => _tag)
      const script: World.Script = [
        { at: 100, partition: "a", from: "b", for: 100 },
        { at: 150, partition: "b", for: 200 },
        { at: 400, partition: ["b", "c"] },
        { at: 500, heal: "c" }
      ]
      const at = [50, 120, 220, 380, 450, 550]
      const { ended } = yield* onA(
        Effect.forEach(at, (millis) => Effect.flatMap(now, (now) => Effect.delay(reached, millis - now))),
        { script }
      )
      assert.deepStrictEqual(yield* Deferred.await(ended), ["Some", "None", "None", "Some", "None", "Some"])
    })))
})

describe("a partition of a paused node", () => {
  it.live("loses messages under way, and not those that have come and wait there", () =>
    play(Effect.gen(function*() {
      const calls = Effect.all([ask(), Effect.delay(ask(), 45)].map(Effect.timeoutOption(500)), {
        concurrency: "unbounded"
      })
      const { ended, world } = yield* onA(calls, {
        link: { latency: 10 },
        script: [{ at: 5, pause: "b", for: 95 }, { at: 50, partition: "b", for: 10 }]
      })
      assert.deepStrictEqual((yield* Deferred.await(ended)).map(({ _tag }) => _tag), ["Some", "None"])
      assert.strictEqual(world.view.service("b", Desk)?.begun, 1)
    })))
})

describe("a crash", () => {
  it.live("ends all fibers where they are, without finalizers, and keeps the disk", () =>
    play(Effect.gen(function*() {
      const seen: Array<string> = []
      const note = (what: string) => Effect.map(now, (now) => void seen.push(`${now} ${what}`))
      const world = yield* World.make({
        nodes: {
          a: program(Effect.gen(function*() {
            const node = yield* World.Node
            const starts = yield* Ref.updateAndGet(yield* node.disk("starts", 0), (n) => n + 1)
            yield* note(`start ${starts}`)
            yield* Effect.acquireRelease(Effect.void, () => note("released"))
            yield* Effect.forkScoped(
              Effect.ensuring(Effect.forever(Effect.andThen(Effect.sleep(400), note("tick"))), note("ended"))
            )
            yield* Effect.forkDetach(Effect.andThen(Effect.sleep(1100), note("late")))
          }))
        },
        script: [{ at: 1000, crash: "a", for: 500 }]
      })
      yield* Effect.sleep(2000)
      assert.deepStrictEqual(seen, ["0 start 1", "400 tick", "800 tick", "1500 start 2", "1900 tick"])
      assert.strictEqual(world.view.disk("a", "starts", 0), 2)
    })))

  it.live("also ends fibers that something outside of the world resumes", () =>
    play(Effect.gen(function*() {
      const gate = yield* Deferred.make<void>()
      let passed = 0
      const waits = Effect.andThen(Deferred.await(gate), Effect.sync(() => passed++))
      const world = yield* World.make({ nodes: { a: program(waits), b: program(waits) } })
      yield* Effect.sleep(1)
      yield* world.inject({ crash: "a" })
      yield* Deferred.succeed(gate, undefined)
      yield* Effect.sleep(1)
      assert.strictEqual(passed, 1)
    })))

  it.live("leaves a call without a reply, and its own messages on their way", () =>
    play(Effect.gen(function*() {
      const { ended, world } = yield* onA(Effect.timeoutOption(ask(1000), 5000))
      yield* Effect.sleep(500)
      yield* world.inject({ crash: "b", for: 100 })
      assert.strictEqual((yield* Deferred.await(ended))._tag, "None")
      const sent = yield* onA(ask(), { link: { latency: 100 } })
      yield* Effect.sleep(50)
      yield* sent.world.inject({ crash: "a" })
      yield* Effect.sleep(100)
      assert.strictEqual(sent.world.view.service("b", Desk)?.done, 1)
    })))

  it.live("is not undone by the end of an earlier one", () =>
    play(Effect.gen(function*() {
      const world = yield* World.make({
        nodes: { a: idle },
        script: [
          { at: 100, crash: "a", for: 300 },
          { at: 200, restart: "a" },
          { at: 300, crash: "a" }
        ]
      })
      const running = Effect.map(Effect.sleep(100), () => world.view.running().length)
      yield* Effect.sleep(50)
      assert.deepStrictEqual(yield* Effect.replicateEffect(running, 4), [0, 1, 0, 0])
    })))
})

describe("a stop", () => {
  it.live("refuses calls, runs the finalizers in the time of the node, and then the node is down", () =>
    play(Effect.gen(function*() {
      const seen: Array<string> = []
      const note = (what: string) => Effect.map(now, (now) => void seen.push(`${now} ${what}`))
      const leaves = Layer.effect(
        Desk,
        Effect.gen(function*() {
          yield* note("start")
          yield* Effect.addFinalizer(() => Effect.andThen(Effect.sleep(300), note("gone")))
          return { begun: 0, done: 0, ask: () => Effect.succeed("here") }
        })
      )
      const world = yield* World.make({
        nodes: { a: leaves, slow: Layer.effectDiscard(Effect.onInterrupt(Effect.never, () => note("interrupted"))) },
        script: [{ at: 1000, stop: "a", for: 2000 }, { at: 1500, stop: "slow" }, { at: 4000, stop: "a", for: 100 }]
      })
      yield* Effect.sleep(1200)
      assert.deepStrictEqual(world.view.running(), ["a", "slow"])
      const refused = yield* Effect.flip(world.call("a", Desk, (desk) => desk.ask()))
      assert.deepStrictEqual(refused, new World.ConnectionRefused({ node: "a" }))
      yield* Effect.sleep(800)
      assert.deepStrictEqual(world.view.running(), [])
      yield* Effect.sleep(4000)
      assert.deepStrictEqual(seen, ["0 start", "1300 gone", "1500 interrupted", "3000 start", "4100 start"])
    })))
})

describe("a second stop", () => {
  it.live("does not cut short the finalizers that the first one has begun", () =>
    play(Effect.gen(function*() {
      const ends = Effect.addFinalizer(() => Effect.andThen(Effect.sleep(100), Ref.set(gone, true)))
      const gone = yield* Ref.make(false)
      const world = yield* World.make({
        nodes: { a: program(ends) },
        script: [{ at: 10, stop: "a" }, { at: 20, stop: "a" }]
      })
      yield* Effect.sleep(50)
      assert.deepStrictEqual(world.view.running(), ["a"])
      yield* Effect.sleep(100)
      assert.deepStrictEqual([world.view.running(), yield* Ref.get(gone)], [[], true])
    })))
})

describe("a pause", () => {
  it.live("does nothing to a node that is down: calls to it are refused, and it restarts in time", () =>
    play(Effect.gen(function*() {
      const world = yield* World.make({
        nodes: { a: desk },
        script: [{ at: 10, crash: "a", for: 100 }, { at: 20, pause: "a" }]
      })
      const call = Effect.result(world.call("a", Desk, (desk) => desk.ask()))
      yield* Effect.sleep(30)
      const [took, refused] = yield* Effect.timed(call)
      assert.deepStrictEqual([Duration.toMillis(took), refused._tag], [0, "Failure"])
      yield* Effect.sleep(100)
      assert.strictEqual((yield* call)._tag, "Success")
    })))

  it.live("stops the node while time goes on, and then all that is due happens", () =>
    play(Effect.gen(function*() {
      const seen: Array<string> = []
      const note = (what: string) => Effect.map(now, (now) => void seen.push(`${now} ${what}`))
      class Bell extends Context.Service<Bell, { readonly ring: Effect.Effect<void> }>()("Bell") {}
      yield* World.make({
        nodes: {
          a: Layer.effect(Bell)(Effect.gen(function*() {
            yield* Effect.forkScoped(Effect.forever(Effect.andThen(Effect.sleep(400), note("tick"))))
            return { ring: note("ring") }
          })),
          b: program(Effect.flatMap(World.Node, (node) => Effect.delay(node.call("a", Bell, (bell) => bell.ring), 700)))
        },
        link: { latency: 0 },
        script: [{ at: 500, pause: "a", for: 1000 }]
      })
      yield* Effect.sleep(2000)
      assert.deepStrictEqual(seen, ["400 tick", "1500 ring", "1500 tick", "1900 tick"])
    })))

  it.live("also holds fibers that something outside of the world resumes", () =>
    play(Effect.gen(function*() {
      const gate = yield* Deferred.make<void>()
      let passed = -1
      const world = yield* World.make({
        nodes: { a: program(Effect.andThen(Deferred.await(gate), Effect.map(now, (now) => void (passed = now)))) }
      })
      yield* Effect.sleep(10)
      yield* world.inject({ pause: "a" })
      yield* Deferred.succeed(gate, undefined)
      yield* Effect.sleep(10)
      assert.strictEqual(passed, -1)
      yield* world.inject({ resume: "a" })
      yield* Effect.sleep(10)
      assert.strictEqual(passed, 20)
    })))
})

describe("a clock of a node", () => {
  it.live("has an offset and a drift of its own, and sleeps by its own time", () =>
    play(Effect.gen(function*() {
      const seen: Array<string> = []
      const looks = Effect.gen(function*() {
        const { name } = yield* World.Node
        const monotonic = Effect.map(Clock.monotonicTimeNanos, (nanos) => Number(nanos) / 1e6)
        yield* Effect.sleep(1000)
        seen.push(`${name}: ${yield* now} and ${yield* monotonic}`)
      })
      const world = yield* World.make({
        nodes: { a: program(looks), b: program(looks), c: program(looks) },
        clocks: { a: { offset: 5000 }, b: { drift: 1 }, c: { offset: -100, drift: -0.5 } }
      })
      const at = yield* Effect.forEach([400, 200, 500, 1200], (millis) =>
        Effect.map(Effect.sleep(millis), () => `${world.view.now()}: ${seen.length}`))
      assert.deepStrictEqual(at, ["400: 0", "600: 1", "1100: 2", "2300: 3"])
      assert.deepStrictEqual(seen, ["b: 1000 and 1000", "a: 6000 and 1000", "c: 900 and 1000"])
    })))

  it.live("that jumps wakes nobody early, and one that changes its drift does", () =>
    play(Effect.gen(function*() {
      let woken = -1
      const world = yield* World.make({
        nodes: { a: program(Effect.andThen(Effect.sleep(1000), Effect.sync(() => void (woken = world.view.now())))) },
        script: [{ at: 100, skew: "a", offset: "1 hour" }, { at: 500, skew: "a", drift: 1 }]
      })
      yield* Effect.sleep(2000)
      assert.strictEqual(woken, 750)
    })))

  it.live("begins monotonic time anew when the node restarts, and keeps the wall clock", () =>
    play(Effect.gen(function*() {
      const seen: Array<[number, bigint]> = []
      yield* World.make({
        nodes: {
          a: program(Effect.map(Effect.all([now, Clock.monotonicTimeNanos]), (reading) => void seen.push(reading)))
        },
        script: [{ at: 1000, restart: "a" }]
      })
      yield* Effect.sleep(2000)
      assert.deepStrictEqual(seen, [[0, 0n], [1000, 0n]])
    })))
})

describe("a node", () => {
  it.live("has random numbers of its own", () =>
    play(Effect.gen(function*() {
      const drawn = (extra: number) =>
        Effect.gen(function*() {
          const seen = new Map<string, number>()
          const draw = (times: number) =>
            program(Effect.gen(function*() {
              const { name } = yield* World.Node
              for (let i = 0; i < times; i++) yield* Random.next
              seen.set(name, yield* Random.next)
            }))
          yield* World.make({ nodes: { a: draw(extra), b: draw(0) } })
          yield* Effect.sleep(1)
          return seen
        })
      const [one, other] = yield* Effect.all([drawn(0), drawn(3)])
      assert.strictEqual(one.get("b"), other.get("b"))
      assert.notStrictEqual(one.get("a"), other.get("a"))
      assert.notStrictEqual(one.get("a"), one.get("b"))
    })))

  it.live("shares neither the state of a layer nor the registry with another", () =>
    play(Effect.gen(function*() {
      class Circuit extends CircuitBreaker.Service<Circuit>()("app/Circuit", { consecutiveFailures: 1 }) {}
      const world = yield* World.make({ nodes: { a: Circuit.layer, b: Circuit.layer } })
      yield* Effect.sleep(1)
      yield* Effect.exit(world.call("a", Circuit, (circuit) => Effect.fail("503").pipe(circuit.protect)))
      const states = yield* Effect.forEach(["a", "b"], (name) =>
        world.call(name, Circuit, (circuit) => Effect.all([circuit.state, Registry.snapshots])))
      assert.deepStrictEqual(
        states.map(([state]) =>
          state
        ),
        ["Open", "Closed"]
      )
      assert.deepStrictEqual(states.map(([, snapshots]) => snapshots.length), [1, 1])
    })))

  it.live("whose layer fails ends the world with its error", () =>
    Effect.gen(function*() {
      const failing = Layer.effectDiscard(Effect.delay(Effect.fail("no disk"), "1 second"))
      const error = yield* Effect.flip(World.run({ nodes: { a: failing, b: idle }, for: "1 minute" }))
      assert.strictEqual(error, "no disk")
    }))
})

describe("an invariant", () => {
  const even = World.invariant("the count is even", (view) => () => {
    const count = view.disk("a", "count", 0)
    return count % 2 === 0 ? undefined : `it is ${count}`
  })
  const counts = (by: ReadonlyArray<number>) =>
    program(Effect.gen(function*() {
      const count = yield* (yield* World.Node).disk("count", 0)
      for (const each of by) {
        yield* Effect.sleep("1 second")
        yield* Ref.update(count, (n) => n + each)
      }
    }))

  it.live("is checked after every event, and named when it breaks", () =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(World.run({
        nodes: { a: counts([2, 2, 1, 1]) },
        invariants: [even],
        script: [{ at: 2500, skew: "a", offset: "1 minute" }],
        for: "1 minute",
        seed: "monday"
      }))
      assert.strictEqual(
        error.message,
        [
          "World, seed \"monday\": it is broken at 00:03.000 that the count is even",
          "it is 5",
          "",
          "Faults:",
          "00:02.500  skew a by 1m",
          "",
          "What happened last:",
          "00:02.500  skew a by 1m"
        ].join("\n")
      )
    }))

  it.live("that throws ends the world with its defect", () =>
    Effect.gen(function*() {
      const throws = World.invariant("it can be judged", () => () => {
        throw new Error("cannot judge")
      })
      const exit = yield* Effect.exit(World.run({ nodes: { a: idle }, invariants: [throws], for: "1 minute" }))
      assert.deepStrictEqual(exit, Exit.die(new Error("cannot judge")))
    }))
})

describe("a check", () => {
  /** Notes how long it was not woken. */
  const watched = program(Effect.gen(function*() {
    const longest = yield* (yield* World.Node).disk("longest", 0)
    let before = yield* now
    yield* Effect.forkScoped(Effect.forever(Effect.gen(function*() {
      yield* Effect.sleep(10)
      const after = yield* now
      yield* Ref.update(longest, (longest) => Math.max(longest, after - before))
      before = after
    })))
  }))
  const awake = World.invariant("a is never away for 300 ms", (view) => () => {
    const longest = view.disk("a", "longest", 0)
    return longest < 300 ? undefined : "it was away"
  })
  const world = {
    nodes: { a: watched, b: watched },
    invariants: [awake],
    for: "5 seconds",
    promises: "none",
    faults: { kinds: ["pause", "partition", "crash"], lasting: ["400 millis", "100 millis", "3 seconds"] }
  } as const

  it.live("finds the one fault that is enough, and shows how to see it again", () =>
    Effect.gen(function*() {
      const found = yield* Effect.flip(World.check({ ...world, runs: 50 }))
      assert.deepStrictEqual(found.script, [{ at: 0, for: 400, pause: "a" }])
      const lines = found.message.split("\n")
      assert.deepStrictEqual(lines.slice(0, 5), [
        `World, seed "${found.seed}": it is broken at 00:00.400 that a is never away for 300 ms`,
        "it was away",
        "",
        "Faults:",
        "00:00.000  pause a, for 400ms"
      ])
      const script = "[{\"at\":0,\"pause\":\"a\",\"for\":400}]"
      assert.strictEqual(lines.at(-1), `To see it again: World.run({ ..., seed: ${found.seed}, script: ${script} })`)
      const again = yield* Effect.flip(World.run({ ...world, seed: found.seed, script: found.script }))
      assert.deepStrictEqual(again, found.error)
    }))

  it.live("passes when the faults that it may use break nothing", () =>
    Effect.gen(function*() {
      const faults = { ...world.faults, nodes: ["b"] }
      assert.deepStrictEqual(yield* World.check({ ...world, faults, runs: 50 }), { runs: 50 })
    }))

  it.live("says that no fault is needed when none is", () =>
    Effect.gen(function*() {
      const never = World.invariant("nothing happens", (view) => () => view.now() > 100 ? "it does" : undefined)
      const found = yield* Effect.flip(World.check({ ...world, invariants: [never], runs: 50 }))
      assert.deepStrictEqual(found.script, [])
      assert.deepStrictEqual(found.problem.split("\n").slice(1, 4), ["it does", "", "Without any fault."])
    }))

  it.live("takes the failure of a layer for a counterexample", () =>
    Effect.gen(function*() {
      const starts = Effect.gen(function*() {
        const count = yield* (yield* World.Node).disk("starts", 0)
        if ((yield* Ref.updateAndGet(count, (n) => n + 1)) > 1) return yield* Effect.fail("cannot start twice")
      })
      const found = yield* Effect.flip(World.check({ ...world, nodes: { a: program(starts), b: idle }, runs: 50 }))
      assert.strictEqual(found.error, "cannot start twice")
      assert.strictEqual(World.render(found.script), "00:00.000  crash a, for 400ms")
    }))

  it.live("takes an invariant that throws, or a layer that dies, for a counterexample", () =>
    Effect.gen(function*() {
      const throws = World.invariant("it can be judged", (view) => () => {
        if (view.running().length < 2) throw new Error("cannot judge")
        return undefined
      })
      const judged = yield* Effect.flip(World.check({ ...world, invariants: [throws], runs: 50 }))
      assert.strictEqual(judged.problem, "cannot judge")
      assert.match(World.render(judged.script), /^00:00.000 {2}crash [ab], for 400ms$/)
      const dies = Effect.gen(function*() {
        const count = yield* (yield* World.Node).disk("starts", 0)
        if ((yield* Ref.updateAndGet(count, (n) => n + 1)) > 1)
          return yield* Effect.die(new Error("cannot start twice"))
      })
      const started = yield* Effect.flip(World.check({ ...world, nodes: { a: program(dies), b: idle }, runs: 50 }))
      assert.deepStrictEqual([started.problem, started.script.length], ["cannot start twice", 1])
    }))

  it.live("shows several faults in their order, from a round time on", () =>
    Effect.gen(function*() {
      const both = World.invariant(
        "one node runs",
        (view) => () => view.running().length === 0 ? "none does" : undefined
      )
      const options = {
        ...world,
        invariants: [both],
        runs: 200,
        faults: { ...world.faults, kinds: ["crash"] }
      } as const
      const thrice = World.invariant("a starts twice at most", (view) => () =>
        view.disk("a", "starts", 0) > 2 ? "it started thrice" : undefined)
      const starts = program(Effect.flatMap(World.Node, ({ disk }) =>
        Effect.flatMap(
          disk("starts", 0),
          Ref.update((n) =>
            n + 1
          )
        )))
      for (const seed of [1, 2, 3]) {
        const { script } = yield* Effect.flip(World.check({ ...options, seed }))
        assert.deepStrictEqual(script.map(({ at }) => at), [0, 0])
        const nodes = { a: starts, b: idle }
        const { script: two } = yield* Effect.flip(World.check({ ...options, nodes, invariants: [thrice], seed }))
        const times = two.map(({ at }) => at as number)
        assert.deepStrictEqual([times.length, times[0]! < times[1]!], [2, true])
      }
    }))

  const wrong: ReadonlyArray<[World.FaultOptions, string]> = [
    [{ nodes: ["c"] }, "nodes must be nodes: there are \"a\" and \"b\", got \"c\""],
    [{ nodes: [] }, "nodes must be a list of at least one, got []"],
    [{ kinds: ["fire" as never] }, "kinds must be one of crash, pause, partition, skew, degrade, got \"fire\""],
    [{ atMost: 0 }, "atMost must be a whole number of at least 1, got 0"],
    [{ lasting: [0] }, "lasting must be a finite duration above zero, got 0"],
    [{ drifts: [-2] }, "drift must be a number above -1, got -2"]
  ]
  it.live.each(wrong)("refuses %o", ([faults, message]) =>
    Effect.gen(function*() {
      const exit = yield* Effect.exit(World.check({ ...world, faults }))
      assert.deepStrictEqual(exit, Exit.die(new RangeError(`World.check: faults.${message}`)))
    }))
})

describe("options out of range", () => {
  const wrong: ReadonlyArray<[Partial<World.RunOptions<{ a: typeof idle }>>, string]> = [
    [{ for: 0 }, "World.run: for must be a finite duration above zero, got 0"],
    [{ nodes: {} as never }, "World.run: nodes must be at least one by name, got {}"],
    [{ link: { requestLoss: 2 } }, "World.run: link.requestLoss must be from 0 to 1, got 2"],
    [
      { link: { lossy: 1 } as never },
      "World.run: there is no link.lossy. There are: latency, requestLoss, replyLoss, duplicates, order"
    ],
    [{ link: { latency: -1 } }, "World.run: link.latency must be a finite duration of zero or more, got -1"],
    [{ clocks: { a: { drift: -1 } } }, "World.run: clocks.a.drift must be a number above -1, got -1"],
    [{ clocks: { b: {} } as never }, "World.run: clocks must be a node: there is \"a\", got \"b\""],
    [{ script: [{ at: 0, crash: "b" }] }, "World.run: script[0].crash must be a node: there is \"a\", got \"b\""],
    [
      { script: [{ at: 1, crash: "a" }, { at: -1, pause: "a" }] },
      "World.run: script[1].at must be a finite duration of zero or more, got -1"
    ],
    [
      { script: [{ at: 0, crash: "a", for: 0 }] },
      "World.run: script[0].for must be a finite duration above zero, got 0"
    ],
    [
      { script: [{ at: 0, explode: "a" } as never] },
      "World.run: script[0].a fault must be one of crash, stop, restart, pause, resume, partition, heal, skew, degrade, got {\"at\":0,\"explode\":\"a\"}"
    ],
    [
      { script: [{ at: 0, partition: "a", direction: "up" as never }] },
      "World.run: script[0].direction must be one of both, outgoing, incoming, got \"up\""
    ],
    [
      { script: [{ at: 0, skew: "a", offset: Infinity }] },
      "World.run: script[0].offset must be a finite duration, got Infinity"
    ],
    [
      { script: [{ at: 0, partition: "a" }] },
      "World.run: script[0].partition must be some of the nodes, and not all, got \"a\""
    ],
    [
      { script: [{ at: 0, degrade: ["a"], replyLoss: 1 }] },
      "World.run: script[0].degrade must be some of the nodes, and not all, got [\"a\"]"
    ]
  ]
  it.live.each(wrong)("are refused with their place: %o", ([options, message]) =>
    Effect.gen(function*() {
      const exit = yield* Effect.exit(World.run({ nodes: { a: idle }, for: 1, ...options }))
      assert.deepStrictEqual(exit, Exit.die(new RangeError(message)))
    }))
})

describe("a world", () => {
  it.live("that is interrupted leaves no fiber and no timer", () =>
    play(Effect.gen(function*() {
      let ticks = 0
      const ticking = program(Effect.forever(Effect.andThen(Effect.sleep(10), Effect.sync(() => ticks++))))
      const fiber = yield* Effect.forkChild(
        Effect.scoped(Effect.andThen(World.make({ nodes: { a: ticking } }), Effect.never))
      )
      yield* Effect.sleep(100)
      yield* Fiber.interrupt(fiber)
      const before = ticks
      yield* Effect.sleep(100)
      assert.deepStrictEqual([before, ticks], [9, 9])
    })))

  it.live("says when the faults of its script begin and end", () =>
    Effect.sync(() => {
      assert.deepStrictEqual(
        World.spans([
          { at: "1 minute", crash: "b", for: "10 seconds", name: "b is down" },
          { at: "5 seconds", partition: ["a", "b"], from: "c", direction: "outgoing" }
        ]),
        [
          { name: "partition a, b from c, outgoing only", from: 5000, to: Infinity },
          { name: "b is down", from: 60_000, to: 70_000 }
        ]
      )
    }))

  it.live("says that a fault ends when another one ends it, and tells faults of the same words apart", () =>
    Effect.sync(() => {
      const spans = World.spans([
        { at: 0, crash: ["a", "b"] },
        { at: 10, restart: "a" },
        { at: 20, restart: ["b", "c"] },
        { at: 30, pause: "a", for: 50 },
        { at: 40, resume: "a" },
        { at: 50, pause: "a" },
        { at: 60, crash: "a" },
        { at: 70, partition: "a", from: "b" },
        { at: 80, heal: "c" },
        { at: 90, heal: "b" },
        { at: 100, partition: "a" },
        { at: 110, heal: "c" },
        { at: 120, stop: "b", for: 5 },
        { at: 130, skew: "a", offset: 1 }
      ])
      assert.deepStrictEqual(spans.map(({ from, name, to }) => [name, from, to]), [
        ["crash a, b", 0, 20],
        ["restart a", 10, 10],
        ["restart b, c", 20, 20],
        ["pause a", 30, 40],
        ["resume a", 40, 40],
        ["pause a #2", 50, 60],
        ["crash a", 60, Infinity],
        ["partition a from b", 70, 90],
        ["heal c", 80, 80],
        ["heal b", 90, 90],
        ["partition a from all others", 100, 110],
        ["heal c #2", 110, 110],
        ["stop b", 120, 125],
        ["skew a by 1ms", 130, Infinity]
      ])
    }))

  it.live("moves on through sleeps that are too short for the reading of a clock", () =>
    play(Effect.gen(function*() {
      const naps = Effect.forever(Effect.sleep("1 nanos"))
      const fast = { nodes: { a: program(naps) }, clocks: { a: { drift: 1 } } }
      yield* Effect.scoped(Effect.andThen(World.make(fast), Effect.sleep("10 micros")))
      yield* World.make({ nodes: { a: program(Effect.forkScoped(Effect.delay(naps, "10000 hours"))) } })
      yield* Effect.sleep("10000 hours")
      yield* Effect.sleep("10 micros")
    })))
})
