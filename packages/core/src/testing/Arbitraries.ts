/**
 * Finds the shortest story in which something that guards calls goes wrong: random histories of calls, their endings,
 * interrupts, steps of the clock and changes by hand are played on it, and after each step it is compared with a small
 * model of what it should be.
 *
 * {@link history} says what may happen, and {@link check} plays many such histories in virtual time. When one fails, it
 * is made shorter and simpler for as long as it still fails; the {@link Counterexample} tells it step by step, with a
 * token that plays it again. {@link play} plays one history, for property tests of your own: {@link history} is one of
 * the platform's own `Arbitrary`, and goes wherever these go.
 *
 * **Gotchas.** The subject and the model are made anew for each history, and a history must come to the same end each
 * time: take time from the clock, and chance from `Random`.
 *
 * ```ts
 * import { Bulkhead } from "@switchgear/core"
 * import { Arbitraries } from "@switchgear/core/testing"
 * import { Effect } from "effect"
 *
 * const program = Arbitraries.check({
 *   history: Arbitraries.history({ control: [1, 2, 3] }),
 *   subject: {
 *     make: Bulkhead.make({ name: "model", concurrency: 2, queue: 100, maxWait: "Infinity" }),
 *     call: (bulkhead, work) => bulkhead.protect(Arbitraries.ended(work)),
 *     control: (bulkhead, concurrency) => bulkhead.resize(concurrency),
 *     // What should hold whatever happens: nobody waits while a slot is free.
 *     look: (bulkhead) =>
 *       Effect.gen(function*() {
 *         const { concurrency, inFlight, queued } = yield* bulkhead.snapshot
 *         if (queued > 0 && inFlight < concurrency) return yield* Effect.fail(`${queued} wait in vain`)
 *       })
 *   }
 * })
 *
 * await Effect.runPromise(program) // => { runs: 100 }
 * ```
 */
import * as Arbitrary from "effect/Arbitrary"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import type * as TestClock from "effect/testing/TestClock"
import { OptionsOf } from "../internal/config/checks.ts"
import { differences } from "./arbitraries/differences.ts"
import { type Ending, type History, line, numbered, type Operation } from "./arbitraries/operation.ts"
import { type Event, everybodyLeaves, Player, type Scene } from "./arbitraries/player.ts"
import { simpler } from "./arbitraries/simpler.ts"
import * as VirtualClock from "./VirtualClock.ts"

export type { Ending, History, Operation } from "./arbitraries/operation.ts"
export type { Event, Played, Scene } from "./arbitraries/player.ts"

/** What to choose from: a list, whose first is the simplest, or a schema. What is listed twice comes twice as often. */
export type Choice<A> = ReadonlyArray<A & (string | number | boolean)> | Schema.Schema<A>

/** What may happen in a history. All have a default. */
export interface HistoryOptions<Call = undefined, End = Ending, Control = never> {
  /** What calls carry: their priority, their key, what they cost. @default nothing */
  readonly calls?: Choice<Call> | undefined
  /** How work ends. @default `["success", "failure", "defect"]`, see {@link ended} */
  readonly endings?: Choice<End> | undefined
  /** Steps of the clock, in milliseconds. @default `[100, 1, 10, 1000, 10_000]` */
  readonly advance?: ReadonlyArray<number> | undefined
  /** Changes by hand. @default none */
  readonly control?: Choice<Control> | undefined
  /**
   * How many operations it takes to begin with; a counterexample is as short as can be. {@link check} makes none of
   * more than 100, unless `from` is. @default from 20 to 100
   */
  readonly length?: { readonly from: number; readonly to: number } | undefined
  /**
   * How often each kind of operation comes, in proportion; 0 is never. Those that have no choice do not come.
   * @default 3 calls that end at once, 3 that begin, 3 ends, 1 interrupt, 2 steps of the clock, 1 change by hand
   */
  readonly weights?: { readonly [K in Operation["_tag"]]?: number | undefined } | undefined
}

const weightsUnlessSaid = { Call: 3, Begin: 3, End: 3, Interrupt: 1, Advance: 2, Control: 1 } as const

const farthestIndex = 7

/**
 * Random histories, for {@link check} or a property test of your own. Throws a `RangeError` that names the field when
 * an option is out of range.
 *
 * ```ts
 * import { Arbitraries } from "@switchgear/core/testing"
 * import { Arbitrary, Effect } from "effect"
 *
 * const history = Arbitraries.history({ calls: ["chat", "batch"], length: { from: 3, to: 3 } })
 * const [first] = await Effect.runPromise(Arbitrary.sampleEffect(history, { count: 1, seed: 1 }))
 * first?.length // => 3
 * ```
 */
export const history = <const Call = undefined, const End = Ending, const Control = never>(
  options: HistoryOptions<Call, End, Control> = {}
): Arbitrary.Arbitrary<History<Call, End, Control>> => {
  const check = new OptionsOf("Arbitraries.history")
  const { calls, control, endings = ["success", "failure", "defect"], length = { from: 20, to: 100 } } = options
  const advance = options.advance ?? [100, 1, 10, 1000, 10_000]
  for (const millis of advance) check.amount("advance", millis)
  const from = check.integer("length.from", length.from, 1)
  const to = check.integer("length.to", length.to, from)
  for (const [field, choice] of Object.entries({ calls, endings, control })) {
    if (choice && isList(choice) && choice.length === 0) check.refuse(field, "a list of at least one", choice)
  }
  const call = calls === undefined ? Schema.Undefined : chosen(calls)
  const ending = chosen(endings)
  const index = Schema.Literals(Array.from({ length: farthestIndex + 1 }, (_, i) => i))
  const kinds = {
    Call: Schema.TaggedStruct("Call", { call, ending }),
    Begin: Schema.TaggedStruct("Begin", { call }),
    End: Schema.TaggedStruct("End", { index, ending }),
    Interrupt: Schema.TaggedStruct("Interrupt", { who: Schema.Literals(["running", "waiting"]), index }),
    Advance: advance.length === 0 ? undefined : Schema.TaggedStruct("Advance", { millis: Schema.Literals(advance) }),
    Control: control && Schema.TaggedStruct("Control", { control: chosen(control) })
  }
  const operations = Object.entries(kinds).flatMap(([name, kind]) => {
    const tag = name as Operation["_tag"]
    const weight = check.integer(`weights.${tag}`, options.weights?.[tag] ?? weightsUnlessSaid[tag], 0)
    return kind === undefined ? [] : Array.from({ length: weight }, () => kind)
  })
  if (operations.length === 0) check.refuse("weights", "above 0 for one kind of operation", options.weights)
  // The minimum is for those that are made; shorter ones are allowed, so that a counterexample can get short.
  const longEnough = Schema.makeFilter(() => true, { arbitraryConstraint: { minLength: from } })
  const histories = Schema.Array(Schema.Union(operations)).check(longEnough, Schema.isMaxLength(to))
  const shrink = simpler({
    call: listOf(calls),
    ending: listOf(endings),
    millis: [...new Set(advance)],
    control: listOf(control)
  })
  return Arbitrary.schema(histories as unknown as Schema.Schema<History<Call, End, Control>>, { shrink })
}

const chosen = (choice: Choice<any>) => isList(choice) ? Schema.Literals(choice) : choice

const listOf = (choice: Choice<any> | undefined) => choice && isList(choice) ? [...new Set(choice)] : undefined

const isList = (choice: Choice<any>): choice is ReadonlyArray<any> => Array.isArray(choice)

/** Work that ends as a history says it: it answers `"success"`, fails with `"failure"` or dies with `"defect"`. */
export const ended = (work: Effect.Effect<Ending>): Effect.Effect<"success", "failure"> =>
  Effect.flatMap(work, (ending) => {
    if (ending === "success") return Effect.succeed(ending)
    return ending === "failure" ? Effect.fail(ending) : Effect.die(ending)
  })

/** What it should be, as plainly as it can be said. Lists that are gone through each time are quite right here. */
export interface Model<Call, End, Control, Seen> {
  /** What is about to happen. Calls that are left at the end are interrupted one by one. */
  readonly on: (event: Event<Call, End, Control>) => void
  /** What there should be to see at this time. */
  readonly look: (now: number) => Seen
}

/** What histories are played on. */
export interface Subject<S, Call, End, Control, Seen, R = never> {
  /** Makes it; once for each history. */
  readonly make: Effect.Effect<S, unknown, R>
  /** Sends a call through it. The work answers how it is to end, once it is to end. */
  readonly call: (subject: S, work: Effect.Effect<End>, call: Call, id: number) => Effect.Effect<unknown, unknown>
  /** Changes it by hand. */
  readonly control?: ((subject: S, control: Control) => Effect.Effect<unknown, unknown>) | undefined
  /** Looks at it after each step. If that fails or dies, or differs from the model, it is a counterexample. */
  readonly look: (subject: S, scene: Scene<Call>) => Effect.Effect<Seen, unknown>
  /** Makes the model. @default none: `look` is the judge */
  readonly model?: (() => Model<Call, End, Control, Seen>) | undefined
}

/**
 * Plays one history, and fails with a {@link Counterexample} at the first step after which something is wrong. Needs a
 * clock for tests, and begins at the time that it has: `VirtualClock`, or `TestClock` where calls yield no more than a few
 * times before their work begins.
 */
export const play = <S, Call, End, Control, Seen, R = never>(
  history: History<Call, End, Control>,
  subject: Subject<S, Call, End, Control, Seen, R>
): Effect.Effect<void, Counterexample, R> =>
  Effect.suspend(() => {
    const steps: Array<string> = []
    return Effect.catchCause(playStepByStep(history, subject, steps), (cause) => {
      if (Cause.hasInterruptsOnly(cause)) return Effect.interrupt
      return Effect.fail(new Counterexample({ steps, problem: told(cause) }))
    })
  })

const playStepByStep = Effect.fnUntraced(function*<S, Call, End, Control, Seen, R>(
  history: History<Call, End, Control>,
  subject: Subject<S, Call, End, Control, Seen, R>,
  steps: Array<string>
) {
  const made = yield* subject.make
  const model = subject.model?.()
  const { control } = subject
  const stage = {
    call: (work: Effect.Effect<End>, call: Call, id: number) => subject.call(made, work, call, id),
    control: control && ((change: Control) => control(made, change))
  }
  const player = new Player<Call, End, Control>(stage, (event) => model?.on(event))
  const step = Effect.fnUntraced(function*(planned: string, act: Effect.Effect<string, unknown>) {
    const index = steps.push(planned) - 1
    steps[index] = yield* act
    const seen = yield* subject.look(made, player)
    const wrong = model ? differences(seen, model.look(player.now)) : []
    if (wrong.length > 0) return yield* Effect.fail(wrong.join("\n"))
  })
  const all = Effect.gen(function*() {
    for (const operation of history) yield* step(line(operation), player.perform(operation))
    yield* step(everybodyLeaves, player.leave)
  })
  yield* Effect.ensuring(all, Effect.sync(() => player.abandon()))
})

const told = (cause: Cause.Cause<unknown>): string => {
  const error = Cause.squash(cause)
  return error instanceof Error ? error.message : String(error)
}

/** What to check, and how long. `history` and `subject` must be given. */
export interface CheckOptions<S, Call, End, Control, Seen, R> {
  /** What may happen. */
  readonly history: Arbitrary.Arbitrary<History<Call, End, Control>>
  /** On what. */
  readonly subject: Subject<S, Call, End, Control, Seen, R>
  /** How many histories. @default 100 */
  readonly runs?: number | undefined
  /** Which histories: the same seed, the same ones. @default drawn from `Random`, anew each time */
  readonly seed?: string | number | undefined
  /** The token of a counterexample, to play that history and no other. @default none */
  readonly replay?: string | undefined
  /**
   * A clock for tests, made anew for each history. `TestClock.layer()` does not wait for a call that yields more than a
   * few times before its work begins, and takes it for one that waits. @default `VirtualClock.layer()`
   */
  readonly clock?: Layer.Layer<TestClock.TestClock> | undefined
}

/**
 * Plays random histories, each in virtual time of its own, until one fails, and makes that one as short and simple as
 * it gets. Fails with {@link Counterexample}, or with {@link NothingShown} when a replayed history does not fail any
 * more.
 */
export const check = <S, Call, End, Control, Seen, R = never>(
  { clock, history, replay, runs, seed, subject }: CheckOptions<S, Call, End, Control, Seen, R>
): Effect.Effect<{ readonly runs: number }, Counterexample | NothingShown, Exclude<R, Scope.Scope>> => {
  const property = (history: History<Call, End, Control>) =>
    play(history, subject).pipe(
      Effect.as(true),
      Effect.scoped,
      Effect.provide(clock ?? VirtualClock.layer(), { local: true })
    )
  const options = { runs, seed, replay, size: largest, maxShrinks: patience }
  return Effect.gen(function*() {
    const check = new OptionsOf("Arbitraries.check")
    if (runs !== undefined) check.integer("runs", runs, 1)
    if (replay !== undefined && !token.test(replay)) check.refuse("replay", "the token of a Counterexample", replay)
    const result = yield* Arbitrary.checkEffect(history, property, options)
    if (result._tag === "Passed") return { runs: result.runs }
    if (result._tag === "ReplayMismatch") return yield* new NothingShown({ because: "the replay passes" })
    if (result._tag === "Exhausted") return yield* new NothingShown({ because: "too many histories are filtered out" })
    if (result.failure._tag !== "PropertyError") return yield* Effect.die(result.failure)
    const { problem, steps } = result.failure.error
    return yield* new Counterexample({ problem, steps, replay: result.replay })
  })
}

// Longer than any history is by default; and more candidates than it takes to get from there to the shortest.
const largest = 100
const patience = 20_000
const token = /^\[[01],".*",\d+,\d+,\[[\d,]*\],"PropertyError"\]$/

/** A history that goes wrong. After {@link check} it is as short and simple as it gets. */
export class Counterexample extends Schema.TaggedError<Counterexample>(
  "@switchgear/core/testing/Arbitraries/Counterexample"
)("Counterexample", {
  /** What happened, a line each; after the last of them it is wrong. */
  steps: Schema.Array(Schema.String),
  /** What is wrong. */
  problem: Schema.String,
  /** Plays it again, with the same `history`. */
  replay: Schema.optional(Schema.String)
}) {
  override get message(): string {
    const again = this.replay === undefined
      ? ""
      : `\nTo play it again, give the check this option: replay: ${JSON.stringify(this.replay)}`
    const when = this.steps.length === 0
      ? "Before the first step, something is wrong:"
      : `After these steps, something is wrong:\n${numbered(this.steps)}`
    return `${when}\n${this.problem}${again}`
  }
}

/** Nothing was shown: what was to be replayed does not fail any more, or a `filter` leaves too few histories. */
export class NothingShown
  extends Schema.TaggedError<NothingShown>("@switchgear/core/testing/Arbitraries/NothingShown")("NothingShown", {
    because: Schema.Literals(["the replay passes", "too many histories are filtered out"])
  })
{
  override get message(): string {
    const todo = {
      "the replay passes": "it does not fail any more, or what may happen has changed. Take the token out.",
      "too many histories are filtered out": "hardly any passes the filter. Let fewer kinds of operations in instead."
    }
    return `No history was judged, because ${this.because}: ${todo[this.because]}`
  }
}

/** A history as text, a line for each operation. */
export const show = (history: History<unknown, unknown, unknown>): string => numbered(history.map(line))
