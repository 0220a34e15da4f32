/**
 * Where the nodes of a fleet meet: what they tell of their circuits is counted together, turns of their limits are booked, and
 * shares of their budgets taken.
 * The store judges, and answers each node what the fleet has decided.
 *
 * **Redis.** {@link layerRedis} needs the `Redis` service of Effect and keeps everything below keys that begin with
 * `{sg1:<fleet>:0}`, so that it works with a Redis Cluster, too. It uses `EVALSHA` and, where Redis does not know the script,
 * `EVAL`: never `SCRIPT LOAD`, which some proxies and managed offers refuse. Nothing is sent twice: after any other error the
 * outcome is unknown. It waits for as long as the client does, so whoever asks gives up by themselves.
 *
 * **Memory.** {@link layerMemory} is a fleet within one process, for tests, with the same answers.
 *
 * **Gotchas.** Names of circuits, limits and budgets are in keys: they must not be secrets. Times in Redis are those of its own clock.
 *
 * @since 0.1.0
 * @stability unstable
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redis from "effect/persistence/Redis"
import * as PubSub from "effect/PubSub"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { BookingAnswer, BookingCall } from "./clusterStore/bookingModel.ts"
import { type BudgetAnswer, type BudgetCall, mostBudgetsOfCall } from "./clusterStore/budgetModel.ts"
import { budgetScript, budgetScriptId } from "./clusterStore/budgetScript.ts"
import { budgetArguments, budgetReply } from "./clusterStore/budgetWire.ts"
import { bookingScript, bookingScriptId } from "./clusterStore/bookingScript.ts"
import { bookingArguments, bookingReply } from "./clusterStore/bookingWire.ts"
import { type CircuitCall, type CircuitReply, mostCircuitsOfCall } from "./clusterStore/circuitCall.ts"
import type { CircuitEvent } from "./clusterStore/circuitModel.ts"
import { circuitScript, circuitScriptId } from "./clusterStore/circuitScript.ts"
import { callArguments, circuitEvent, circuitPrefix, circuitReply } from "./clusterStore/circuitWire.ts"
import { MemoryTable } from "./clusterStore/memoryTable.ts"
import { OptionsOf } from "./internal/config/checks.ts"

export type { BookingAnswer, BookingCall, BookingMessage } from "./clusterStore/bookingModel.ts"
export type { BudgetAnswer, BudgetCall, BudgetMessage, BudgetSums } from "./clusterStore/budgetModel.ts"
export type { CircuitCall, CircuitReply } from "./clusterStore/circuitCall.ts"
export type {
  CircuitAnswer,
  CircuitEvent,
  CircuitMessage,
  CircuitTerms,
  Counts,
  FleetReason,
  FleetState,
  ProbeCounts,
  Wish
} from "./clusterStore/circuitModel.ts"

/**
 * The store did not answer, or answered what no store says. What became of the message is unknown.
 *
 * @since 0.1.0
 * @category errors
 */
export class StoreFailed extends Schema.TaggedError<StoreFailed>("@switchgear/core/ClusterStore/StoreFailed")(
  "StoreFailed",
  {
    operation: Schema.Literals(["circuits", "limits", "budgets", "events"]),
    reason: Schema.Literals(["failed", "nonsense"]),
    /** Of the client. It may name the address of the store. */
    cause: Schema.optional(Schema.Defect())
  }
) {
  override get message(): string {
    return this.reason === "failed"
      ? `The store of the fleet failed (${this.operation}). Look at its log and at the cause, and whether it can be reached.`
      : `The store of the fleet said what no store says (${this.operation}). Look who else writes to its keys.`
  }
}

/**
 * The store of one fleet.
 *
 * @since 0.1.0
 * @category services
 */
export class ClusterStore extends Context.Service<ClusterStore, {
  /** Tells of up to 64 circuits, and is answered for each. */
  readonly circuits: (call: CircuitCall) => Effect.Effect<CircuitReply, StoreFailed>
  /** Books turns of limits, and is answered for each. */
  readonly limits: (call: BookingCall) => Effect.Effect<ReadonlyArray<BookingAnswer>, StoreFailed>
  /** Takes shares of up to 64 budgets and gives them back, and is answered for each. */
  readonly budgets: (call: BudgetCall) => Effect.Effect<ReadonlyArray<BudgetAnswer>, StoreFailed>
  /** What the store changes, from the end of this effect on. Events can be missed: the sequence tells. */
  readonly subscribe: Effect.Effect<Stream.Stream<CircuitEvent, StoreFailed>, never, Scope.Scope>
}>()("@switchgear/core/ClusterStore") {}

/**
 * A fleet in Redis. Fleets with different names know nothing of each other.
 *
 * Dies with a `RangeError` where the name is empty, longer than 100 characters, has `://` in it as the address of a Redis, or has a
 * brace in it, which Redis would take for the end of the hash tag.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerRedis = (options: {
  readonly fleet: string
}): Layer.Layer<ClusterStore, never, Redis.Redis> =>
  Layer.effect(
    ClusterStore,
    Effect.map(Redis.Redis, (redis) => {
      const tag = `{sg1:${checkedFleet(options.fleet)}:0}`
      const prefix = circuitPrefix(tag)
      const run = (
        operation: StoreFailed["operation"],
        id: string,
        script: string,
        args: ReadonlyArray<string>
      ): Effect.Effect<unknown, StoreFailed> =>
        redis.send("EVALSHA", id, ...args).pipe(
          Effect.catchIf(isUnknownScript, () => redis.send("EVAL", script, ...args)),
          Effect.mapError(({ cause }) => new StoreFailed({ operation, reason: "failed", cause }))
        )
      return {
        circuits: (call) =>
          call.circuits.length > mostCircuitsOfCall
            ? Effect.die(new RangeError(`ClusterStore: circuits must be at most 64, got ${call.circuits.length}`))
            : Effect.flatMap(
              run("circuits", circuitScriptId, circuitScript, callArguments(tag, call)),
              (told) => orNonsense("circuits", circuitReply(told, call))
            ),
        limits: (call) =>
          Effect.flatMap(
            run("limits", bookingScriptId, bookingScript, bookingArguments(tag, call)),
            (told) => orNonsense("limits", bookingReply(told, call))
          ),
        budgets: (call) =>
          call.budgets.length > mostBudgetsOfCall
            ? Effect.die(new RangeError(`ClusterStore: budgets must be at most 64, got ${call.budgets.length}`))
            : Effect.flatMap(
              run("budgets", budgetScriptId, budgetScript, budgetArguments(tag, call)),
              (told) => orNonsense("budgets", budgetReply(told, call))
            ),
        subscribe: Effect.map(redis.subscribe(`${tag}:events`), (messages) =>
          Stream.fromQueue(messages).pipe(
            Stream.mapError(({ cause }) => new StoreFailed({ operation: "events", reason: "failed", cause })),
            Stream.mapEffect(({ message }) => orNonsense("events", circuitEvent(message, prefix)))
          ))
      }
    })
  )

const checkedFleet = (fleet: string): string => {
  const check = new OptionsOf("ClusterStore.layerRedis")
  const range = "a well-formed text of 1 to 100 characters without braces"
  // The name is shown to operators, and an address may have a password.
  if (typeof fleet === "string" && fleet.includes("://")) {
    check.withhold("fleet", `${range}, and no address`, "an address (not shown)")
  }
  return typeof fleet === "string" && /^[^{}\p{Surrogate}]{1,100}$/su.test(fleet)
    ? fleet
    : check.refuse("fleet", range, fleet)
}

/** The script did not run: it can be sent as a whole. */
const isUnknownScript = ({ cause }: Redis.RedisError): boolean => String(cause).includes("NOSCRIPT")

const orNonsense = <A>(operation: StoreFailed["operation"], told: A | undefined): Effect.Effect<A, StoreFailed> =>
  told === undefined ? Effect.fail(new StoreFailed({ operation, reason: "nonsense" })) : Effect.succeed(told)

/**
 * A fleet in the memory of this process, for tests: its time is that of the clock around it.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerMemory: Layer.Layer<ClusterStore> = Layer.effect(
  ClusterStore,
  Effect.map(PubSub.unbounded<CircuitEvent>(), (events) => {
    const table = new MemoryTable()
    const atNow = <A>(step: (micros: number) => A) =>
      Effect.map(Clock.Clock, (clock) => step(Math.floor(Number(clock.currentTimeNanosUnsafe()) / 1000)))
    return {
      circuits: (call) =>
        atNow((micros) => table.callCircuits(call, micros, (event) => PubSub.publishUnsafe(events, event))),
      limits: (call) => atNow((micros) => table.callLimits(call, micros)),
      budgets: (call) => atNow((micros) => table.callBudgets(call, micros)),
      subscribe: Effect.map(PubSub.subscribe(events), Stream.fromSubscription)
    }
  })
)
