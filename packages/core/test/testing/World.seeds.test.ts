/** Same seed, same world: programs and faults at random, run twice and run apart. */
import { assert, describe, it } from "@effect/vitest"
import { VirtualClock, World } from "@switchgear/core/testing"
import { Arbitrary, Context, Effect, Layer, Random, Schema } from "effect"

const runs = Number(process.env.SWITCHGEAR_RUNS ?? 60)

const names = ["a", "b", "c"] as const
const Name = Schema.Literals(names)
const Millis = Schema.Literals([0, 1, 2, 5, 20, 100])

const Step = Schema.Union([
  Schema.TaggedStruct("Sleep", { millis: Millis }),
  Schema.TaggedStruct("SleepAtRandom", { millis: Millis }),
  Schema.TaggedStruct("Yield", { times: Schema.Literals([1, 3]) }),
  Schema.TaggedStruct("Fork", { millis: Millis }),
  Schema.TaggedStruct("Call", { to: Name, takes: Millis, patience: Millis }),
  Schema.TaggedStruct("Forward", { to: Name, over: Name }),
  Schema.TaggedStruct("Promise", {}),
  Schema.TaggedStruct("Hash", { bytes: Schema.Literals([1, 20_000, 400_000]) }),
  Schema.TaggedStruct("Hold", {}),
  Schema.TaggedStruct("Fail", {})
])

const Program = Schema.Array(Step).check(Schema.isMinLength(2), Schema.isMaxLength(8))

const End = { for: Schema.optionalKey(Schema.Literals([1, 10, 50, 200])) }
const At = { at: Schema.Literals([0, 1, 3, 10, 20, 50, 100, 150, 300]) }
const Rate = Schema.optionalKey(Schema.Literals([0.3, 1]))
const Fault = Schema.Union([
  Schema.Struct({ ...At, ...End, crash: Name }),
  Schema.Struct({ ...At, ...End, stop: Name }),
  Schema.Struct({ ...At, restart: Name }),
  Schema.Struct({ ...At, ...End, pause: Name }),
  Schema.Struct({ ...At, resume: Name }),
  Schema.Struct({
    ...At,
    ...End,
    partition: Name,
    direction: Schema.Literals(["both", "outgoing", "incoming"]),
    inFlight: Schema.Literals(["lost", "delivered"])
  }),
  Schema.Struct({ ...At, heal: Name }),
  Schema.Struct({ ...At, skew: Name, offset: Schema.Literals([-1000, 0, 7]), drift: Schema.Literals([-0.3, 0, 0.1]) }),
  Schema.Struct({ ...At, ...End, degrade: Name, requestLoss: Rate, replyLoss: Rate, duplicates: Rate })
])

const Night = Schema.Struct({
  programs: Schema.Tuple([Program, Program, Program]),
  script: Schema.Array(Fault).check(Schema.isMaxLength(8)),
  order: Schema.Literals(["any", "sent"]),
  fibers: Schema.Literals(["fifo", "drawn"]),
  seed: Schema.Int
})

class Peer extends Context.Service<Peer, {
  readonly serve: (takes: number) => Effect.Effect<number>
  readonly forward: (to: string) => Effect.Effect<number, unknown>
}>()("test/Peer") {}

type Night = typeof Night.Type

/** A world whose nodes do what the night says, and note it. */
const options = ({ order, programs, script, seed }: Night, trace: Array<string>) => {
  const node = (program: Night["programs"][number]) =>
    Layer.effect(
      Peer,
      Effect.gen(function*() {
        const { call, disk, name } = yield* World.Node
        yield* disk("any", 0)
        const note = (what: string) =>
          Effect.clockWith((clock) =>
            Effect.sync(() =>
              trace.push(
                `${name} ${clock.currentTimeMillisUnsafe()} ${clock.monotonicTimeNanosUnsafe()} ${what}`
              )
            )
          )
        const perform = (step: typeof Step.Type): Effect.Effect<unknown, unknown> => {
          switch (step._tag) {
            case "Sleep":
              return Effect.sleep(step.millis)
            case "SleepAtRandom":
              return Effect.flatMap(Random.nextIntBetween(0, step.millis + 1), Effect.sleep)
            case "Yield":
              return Effect.replicateEffect(Effect.yieldNow, step.times)
            case "Fork":
              return Effect.forkDetach(
                Effect.ensuring(Effect.andThen(Effect.sleep(step.millis), note("forked")), note("left"))
              )
            case "Call":
              return call(step.to, Peer, (peer) => peer.serve(step.takes)).pipe(Effect.timeout(step.patience))
            case "Forward":
              return call(step.to, Peer, (peer) => peer.forward(step.over)).pipe(Effect.timeout(50))
            case "Promise":
              return Effect.promise(() => Promise.resolve())
            case "Hash":
              return Effect.forkDetach(
                Effect.andThen(
                  Effect.promise(() => crypto.subtle.digest("SHA-256", new Uint8Array(step.bytes))),
                  note("hashed")
                )
              )
            case "Hold":
              return VirtualClock.hold(Effect.promise(() => new Promise((resolve) => setImmediate(resolve))))
            case "Fail":
              return Effect.fail("failed")
          }
        }
        const work = Effect.forEach(program, (step) =>
          Effect.flatMap(Effect.exit(perform(step)), (exit) => note(`${step._tag} ${exit._tag}`)))
        yield* Effect.forkScoped(Effect.forever(Effect.andThen(work, Effect.sleep(3))))
        return {
          serve: (takes) =>
            Effect.andThen(Effect.andThen(note("serves"), Effect.sleep(takes)), Random.next),
          forward: (to) => Effect.timeout(call(to, Peer, (peer) => peer.serve(1)), 20)
        }
      })
    )
  const [a, b, c] = programs
  return {
    nodes: { a: node(a), b: node(b), c: node(c) },
    link: { latency: { _tag: "Uniform", min: 0, max: 5 } as const, order },
    script: script as World.Script,
    seed
  }
}

const orderOf = ({ fibers }: Night) => fibers === "fifo" ? fibers : { seed: "drawn" }

const play = (night: Night, promises: "settle" | "none") =>
  Effect.suspend(() => {
    const trace: Array<string> = []
    return Effect.map(
      World.run({ ...options(night, trace), for: 400, promises, order: orderOf(night) }),
      (report) => ({ report, trace })
    )
  })

describe("a world", () => {
  it.effect.prop(
    "happens twice in the same way, whatever the programs and faults",
    [Night],
    ([night]) =>
      Effect.gen(function*() {
        const [one, other] = [yield* play(night, "settle"), yield* play(night, "settle")]
        assert.deepStrictEqual(one, other)
        assert.isAbove(one.trace.length, 0)
      }),
    { arbitrary: { runs }, timeout: 600_000 }
  )

  it.effect.prop(
    "happens in the same way beside another world and other fibers",
    [Night, Night],
    ([one, another]) =>
      Effect.gen(function*() {
        // An order that is drawn, and work of the thread pool, are of all that runs in the same time.
        const alike = (night: Night): Night => {
          const [a, b, c] = night.programs.map((steps) => steps.filter(({ _tag }) => _tag !== "Hash"))
          return { ...night, fibers: "fifo", programs: [a!, b!, c!] }
        }
        const [night, other] = [alike(one), alike(another)]
        const alone = yield* play(night, "settle")
        const trace: Array<string> = []
        const report = yield* VirtualClock.play(Effect.scoped(Effect.gen(function*() {
          yield* Effect.forkChild(Effect.forever(Effect.sleep(1)))
          const world = yield* World.make(options(night, trace))
          yield* World.make(options(other, []))
          yield* Effect.sleep(399)
          return yield* world.report
        })))
        const until399 = alone.trace.slice(0, trace.length)
        assert.deepStrictEqual(trace, until399)
        assert.isAtMost(report.events, alone.report.events)
      }),
    { arbitrary: { runs }, timeout: 600_000 }
  )

  it.effect("happens otherwise with another seed", () =>
    Effect.gen(function*() {
      const [night] = yield* Arbitrary.sampleEffect(Arbitrary.schema(Night), { count: 1, seed: 3 })
      const digests = yield* Effect.forEach([1, 2, 3], (seed) =>
        Effect.map(play({ ...night!, seed }, "settle"), ({ report }) => report.digest))
      assert.strictEqual(new Set(digests).size, 3)
    }))
})
