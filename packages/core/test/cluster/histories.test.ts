/**
 * Random histories of a fleet, whose messages and pushes get lost or doubled, whose nodes die, and whose store begins again with nothing or as
 * an older copy: all agree in the end, or say that they do not, and no call is lost from the counts.
 */
import { assert, describe, it, vi } from "@effect/vitest"
import { CircuitBreaker } from "@switchgear/core"
import * as Cluster from "@switchgear/core/Cluster"
import * as ClusterStore from "@switchgear/core/ClusterStore"
import { Clock, Context, Effect, Exit, Layer, PubSub, Random, Schedule, Schema, Scope, Stream } from "effect"
import { TestClock } from "effect/testing"
import { message } from "../clusterStore/messages.ts"

const { MemoryTable } = await vi.importActual<typeof import("../../src/clusterStore/memoryTable.ts")>(
  "../../src/clusterStore/memoryTable.ts"
)

/** A store in memory that can begin again. */
const memory = Effect.gen(function*() {
  const other = yield* Effect.map(Layer.build(ClusterStore.layerMemory), Context.get(ClusterStore.ClusterStore))
  const events = yield* PubSub.unbounded<ClusterStore.CircuitEvent>()
  let table = new MemoryTable()
  let copy = table.copy()
  const circuits: typeof other.circuits = (call) =>
    Effect.map(Clock.Clock, (clock) =>
      table.callCircuits(
        call,
        Math.floor(Number(clock.currentTimeNanosUnsafe()) / 1000),
        (event) => PubSub.publishUnsafe(events, event)
      ))
  return {
    store: { ...other, circuits, subscribe: Effect.map(PubSub.subscribe(events), Stream.fromSubscription) },
    copies: () => {
      copy = table.copy()
    },
    losesAll: () => {
      table = new MemoryTable()
    },
    isOlder: () => {
      table = new MemoryTable(copy)
    }
  }
})

type Memory = Effect.Success<typeof memory>

/** Time passes in small steps, in each of which a message is sent and answered. */
const pass = (millis: number, step = 10) => Effect.repeat(TestClock.adjust(step), { times: Math.ceil(millis / step) })

/** Options that nodes may have; most have none of them. */
const others: ReadonlyArray<Partial<CircuitBreaker.Options>> = [
  {},
  {},
  {},
  { window: CircuitBreaker.lasting("2 seconds"), minimumCalls: 3 },
  { slowCallDuration: "100 millis", slowCallRate: 0.5, failureRate: 1 },
  { consecutiveFailures: 4, halfOpen: { calls: 1, maxWait: "300 millis" } },
  { openFor: Schedule.exponential("500 millis"), maxRetryAfter: "5 seconds", rampUp: { over: "1 second" } }
]

/** A node with a way to the store, and what it was seen to do. */
const member = ({ store }: Memory) =>
  Effect.gen(function*() {
    const scope = yield* Scope.fork(yield* Effect.scope)
    const way = { isCut: false, pushes: 1, losing: 0, losingAnswers: 0, delay: 0, ahead: 0 }
    const failed = Effect.fail(new ClusterStore.StoreFailed({ operation: "circuits", reason: "failed" }))
    const reached = (call: ClusterStore.CircuitCall) =>
      Effect.sleep(way.delay).pipe(
        Effect.andThen(Effect.suspend(() => {
          const { ahead } = way
          const said = call.said === 0 ? 0 : Math.max(1, call.said - ahead)
          return Effect.map(store.circuits({ ...call, said }), (reply) => ({ ...reply, now: reply.now + ahead }))
        })),
        Effect.tap(() => way.losingAnswers-- > 0 ? Effect.never : Effect.sleep(way.delay))
      )
    const spread = (yield* Random.nextIntBetween(0, 4)) === 0 ? "any" : "agreed"
    const context = yield* Layer.build(Layer.fresh(Cluster.layer({ spread }))).pipe(
      Effect.provideService(ClusterStore.ClusterStore, {
        ...store,
        subscribe: Effect.map(
          store.subscribe,
          Stream.flatMap((event) =>
            Stream.fromIterable(Array.from({ length: way.isCut ? 0 : way.pushes }, () => event))
          )
        ),
        circuits: (call) => Effect.suspend(() => way.isCut ? Effect.never : way.losing-- > 0 ? failed : reached(call))
      }),
      Scope.provide(scope)
    )
    const options = {
      name: "model",
      shared: true,
      openFor: "3 seconds",
      rampUp: { over: "1 millis" },
      ...others[yield* Random.nextIntBetween(0, others.length - 1)]
    } as const
    // The one that speaks for the node until it is gone.
    const former = yield* Scope.fork(scope)
    yield* Effect.provide(CircuitBreaker.make(options), context).pipe(Scope.provide(former))
    const breaker = yield* Effect.provide(CircuitBreaker.make(options), context).pipe(Scope.provide(scope))
    const changes: Array<CircuitBreaker.Transition> = []
    yield* Effect.forkScoped(
      Stream.runForEach(breaker.transitions, (change) => Effect.sync(() => changes.push(change)))
    )
    yield* pass(20)
    const cluster = Context.get(context, Cluster.Cluster)
    return { scope, former, way, breaker, cluster, control: cluster.control("model")!, changes, passed: 0, refused: 0 }
  })

type Member = Effect.Success<ReturnType<typeof member>>

/** Calls of a node, each of which ends by itself. */
const calls = (one: Member, count: number, answer: Effect.Effect<void, string>) =>
  Effect.forEach(Array.from({ length: count }, (_, i) => i), (i) => {
    const work = Effect.andThen(Effect.sleep(i % 3 * 120), answer)
    return Effect.forkChild(Effect.map(Effect.exit(one.breaker.protect(work)), (exit) => {
      if (
        Exit.isSuccess(exit) || exit.cause.reasons.some((reason) => reason._tag === "Fail" && reason.error === "503")
      ) {
        one.passed++
      } else one.refused++
    }))
  }, { discard: true })

/** What may happen to a node, or to the store. */
const happenings: ReadonlyArray<(one: Member, memory: Memory) => Effect.Effect<unknown>> = [
  (one) => Effect.flatMap(Random.nextIntBetween(1, 25), (count) => calls(one, count, Effect.fail("503"))),
  (one) => Effect.flatMap(Random.nextIntBetween(1, 25), (count) => calls(one, count, Effect.fail("503"))),
  (one) => Effect.flatMap(Random.nextIntBetween(1, 25), (count) => calls(one, count, Effect.void)),
  ({ way }) => Effect.map(Random.nextIntBetween(1, 4), (losing) => Object.assign(way, { losing })),
  ({ way }) => Effect.map(Random.nextIntBetween(0, 120), (delay) => Object.assign(way, { delay })),
  ({ way }) => Effect.sync(() => Object.assign(way, { losingAnswers: 1 })),
  ({ way }) => Effect.map(Random.nextIntBetween(-5, 6), (seconds) => way.ahead += seconds * 1000),
  ({ former }) => Scope.close(former, Exit.void),
  ({ way }) => Effect.map(Random.nextIntBetween(0, 2), (pushes) => Object.assign(way, { pushes })),
  (_, memory) => Effect.sync(memory.copies),
  (_, memory) => Effect.sync(memory.losesAll),
  (_, memory) => Effect.sync(memory.isOlder),
  ({ way }) => Effect.sync(() => Object.assign(way, { isCut: true })),
  ({ way }) => Effect.sync(() => Object.assign(way, { isCut: false })),
  ({ control }) => control.forceOpen,
  ({ control }) => control.close,
  ({ control }) => control.close,
  ({ control }) => control.trip("5 seconds"),
  ({ breaker }) => breaker.control.close,
  ({ breaker }) => breaker.control.trip("2 seconds")
]

const isRunning = (state: string) => state === "Open" || state === "HalfOpen"

describe("after any history of calls, commands, losses, and nodes that come and go", () => {
  it.effect.prop(
    "each node is in the state of the fleet or in dissent, and has counted each call and each opening once",
    { seed: Schema.Int },
    ({ seed }) =>
      Effect.gen(function*() {
        const own = yield* memory
        const { store } = own
        const nodes = yield* Effect.replicateEffect(member(own), yield* Random.nextIntBetween(1, 5))
        const all = [...nodes]
        for (let round = 0; round < 60; round++) {
          const at = yield* Random.nextIntBetween(0, nodes.length - 1)
          const happens = happenings[yield* Random.nextIntBetween(0, happenings.length)]
          if (happens !== undefined) yield* happens(nodes[at]!, own)
          else {
            // One that dies tells nobody.
            nodes[at]!.way.isCut = yield* Random.nextBoolean
            yield* Scope.close(nodes[at]!.scope, Exit.void)
            all.push(nodes[at] = yield* member(own))
          }
          yield* pass(yield* Random.nextIntBetween(1, 400))
        }
        for (const { former } of nodes) yield* Scope.close(former, Exit.void)
        for (const { way } of nodes)
          Object.assign(way, { isCut: false, pushes: 1, losing: 0, losingAnswers: 0, delay: 0 })
        yield* pass(40_000, 50)
        const circuits: ClusterStore.CircuitCall["circuits"] = [["model", message]]
        const asked = { node: "observer", said: 0, longestWay: 2000, goneAfter: 15_000, holdFor: 10_000, circuits }
        const [answer] = (yield* store.circuits(asked)).circuits
        const said = answer?._tag === "State" ? answer.state : "Closed"
        for (const { breaker, cluster } of nodes) {
          const state = yield* breaker.state
          const { dissent } = yield* cluster.status
          if (isRunning(state) ? !isRunning(said) : state !== said)
            assert.deepStrictEqual(dissent, ["model"])
          else assert.deepStrictEqual(dissent, [])
        }
        for (const { breaker, changes, passed, refused } of all) {
          const { inFlight, openings, rejected, state, totals } = yield* breaker.snapshot
          yield* pass(10)
          assert.deepStrictEqual(
            { inFlight, rejected, passed: totals.successes + totals.failures, openings, state },
            {
              inFlight: 0,
              rejected: refused,
              passed,
              openings: changes.filter(({ to }) => to === "Open").length,
              state: changes.at(-1)?.to ?? "Closed"
            }
          )
          assert.deepStrictEqual(
            changes.slice(1).map(({ from }) => from),
            changes.slice(0, -1).map(({ to }) => to)
          )
        }
      }).pipe(Effect.scoped, Random.withSeed(seed)),
    { arbitrary: { runs: 30 } }
  )
})
