/**
 * Property tests for anything that guards calls. Random histories of calls, results, interrupts, clock steps and manual
 * changes are played on a subject. After each step, the subject is compared with a small reference model. A failing
 * history is shortened to the smallest one that still fails.
 *
 * {@link history} describes which operations may happen, and {@link check} plays many such histories in virtual time.
 * The {@link Counterexample} of a failure lists its steps, and has a token that plays it again. {@link play} plays one
 * history, for property tests of your own: {@link history} is an `Arbitrary` of Effect and can be used wherever those
 * can.
 *
 * **Gotchas.** The subject and the model are made anew for each history. A history must always have the same result:
 * take time from the clock and random numbers from `Random`. A counterexample is played once more before it is reported,
 * which says so if it fails not every time. `make`, `look` and `control` must not sleep, because only the steps of the
 * history move the clock: a history that does not go on for a second fails and says what has not ended.
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
 *
 * @since 0.1.0
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
import { Progress, Stuck, watched } from "./arbitraries/watchdog.ts"
import * as VirtualClock from "./VirtualClock.ts"

export type { Ending, History, Operation } from "./arbitraries/operation.ts"
export type { Event, Played, Scene } from "./arbitraries/player.ts"

/**
 * The values to choose from: a list, whose first value is the simplest, or a schema. A value listed twice is chosen
 * twice as often.
 *
 * @since 0.1.0
 * @category options
 */
export type Choice<A> = ReadonlyArray<A & (string | number | boolean)> | Schema.Schema<A>

/**
 * The operations that may happen in a history. All have a default.
 *
 * @since 0.1.0
 * @category options
 */
export interface HistoryOptions<Call = undefined, End = Ending, Control = never> {
  /** The data of a call, such as its priority, key or cost. @default none */
  readonly calls?: Choice<Call> | undefined
  /** How work ends. @default `["success", "failure", "defect"]`, see {@link ended} */
  readonly endings?: Choice<End> | undefined
  /** Steps of the clock, in milliseconds. @default `[100, 1, 10, 1000, 10_000]` */
  readonly advance?: ReadonlyArray<number> | undefined
  /** Manual changes of the subject. @default none */
  readonly control?: Choice<Control> | undefined
  /**
   * The number of operations of a generated history; a counterexample may be shorter. {@link check} generates at most
   * 100, unless `from` is larger. @default from 20 to 100
   */
  readonly length?: { readonly from: number; readonly to: number } | undefined
  /**
   * The relative frequency of each kind of operation; 0 means never. A kind without values to choose from does not
   * happen. @default 3 calls that end at once, 3 that begin, 3 ends, 1 interrupt, 2 steps of the clock, 1 manual change
   */
  readonly weights?: { readonly [K in Operation["_tag"]]?: number | undefined } | undefined
}

const weightsUnlessSaid = { Call: 3, Begin: 3, End: 3, Interrupt: 1, Advance: 2, Control: 1 } as const

const farthestIndex = 7

/**
 * Random histories, for {@link check} or for a property test of your own. Throws a `RangeError` that names the field
 * when an option is out of range.
 *
 * ```ts
 * import { Arbitraries } from "@switchgear/core/testing"
 * import { Arbitrary, Effect } from "effect"
 *
 * const history = Arbitraries.history({ calls: ["chat", "batch"], length: { from: 3, to: 3 } })
 * const [first] = await Effect.runPromise(Arbitrary.sampleEffect(history, { count: 1, seed: 1 }))
 * first?.length // => 3
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const history = <const Call = undefined, const End = Ending, const Control = never>(
  options: HistoryOptions<Call, End, Control> = {}
): Arbitrary.Arbitrary<History<Call, End, Control>> => {
  const check = new OptionsOf("Arbitraries.history")
  check.known(options, ["calls", "endings", "advance", "control", "length", "weights"])
  check.within("weights").known(options.weights ?? {}, Object.keys(weightsUnlessSaid))
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
  // The minimum applies to generated histories only; a counterexample may be shorter.
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

/**
 * Ends work as the history says: it succeeds with `"success"`, fails with `"failure"` or dies with `"defect"`.
 *
 * @since 0.1.0
 * @category combinators
 */
export const ended = (work: Effect.Effect<Ending>): Effect.Effect<"success", "failure"> =>
  Effect.flatMap(work, (ending) => {
    if (ending === "success") return Effect.succeed(ending)
    return ending === "failure" ? Effect.fail(ending) : Effect.die(ending)
  })

/**
 * A reference model of the subject, written as simply as possible. Linear searches are fine here.
 *
 * @since 0.1.0
 * @category models
 */
export interface Model<Call, End, Control, Seen> {
  /** Called before each event. Calls that are left at the end are interrupted one by one. */
  readonly on: (event: Event<Call, End, Control>) => void
  /** What the subject should show at this time. */
  readonly look: (now: number) => Seen
}

/**
 * What histories are played on.
 *
 * @since 0.1.0
 * @category models
 */
export interface Subject<S, Call, End, Control, Seen, R = never> {
  /** Makes the subject, once for each history. */
  readonly make: Effect.Effect<S, unknown, R>
  /** Sends a call through the subject. The work succeeds with its ending when it is to end. */
  readonly call: (subject: S, work: Effect.Effect<End>, call: Call, id: number) => Effect.Effect<unknown, unknown>
  /** Changes the subject manually. */
  readonly control?: ((subject: S, control: Control) => Effect.Effect<unknown, unknown>) | undefined
  /**
   * Reads the subject after each step. If this fails, dies or differs from the model, the history is a counterexample.
   */
  readonly look: (subject: S, scene: Scene<Call>) => Effect.Effect<Seen, unknown>
  /** Makes the model. @default none: only `look` is checked */
  readonly model?: (() => Model<Call, End, Control, Seen>) | undefined
}

/**
 * Plays one history. Fails with a {@link Counterexample} at the first step after which something is wrong. Needs a test
 * clock and starts at its current time: `VirtualClock`, or `TestClock` if calls yield at most a few times before their
 * work begins.
 *
 * @since 0.1.0
 * @category runtime
 */
export const play = <S, Call, End, Control, Seen, R = never>(
  history: History<Call, End, Control>,
  subject: Subject<S, Call, End, Control, Seen, R>
): Effect.Effect<void, Counterexample, R> =>
  Effect.catchDefect(
    playOnce((steps, progress) => playStepByStep(history, subject, steps, progress)),
    (defect) => defect instanceof Counterexample ? Effect.fail(defect) : Effect.die(defect)
  )

/** Fails with what can be shortened, and dies with a history that goes on no more. */
const playOnce = <R>(
  play: (steps: Array<string>, progress: Progress) => Effect.Effect<void, unknown, R>
): Effect.Effect<void, Counterexample, R> =>
  Effect.suspend(() => {
    const steps: Array<string> = []
    const progress = new Progress()
    return Effect.catchCause(watched(play(steps, progress), progress), (cause) => {
      if (Cause.hasInterruptsOnly(cause)) return Effect.interrupt
      const defect = Cause.squash(cause)
      return defect instanceof Stuck
        ? Effect.die(new Counterexample({ steps, problem: defect.problem }))
        : Effect.fail(new Counterexample({ steps, problem: told(cause) }))
    })
  })

const playStepByStep = Effect.fnUntraced(function*<S, Call, End, Control, Seen, R>(
  history: History<Call, End, Control>,
  subject: Subject<S, Call, End, Control, Seen, R>,
  steps: Array<string>,
  progress: Progress
) {
  progress.begin("`make`")
  const made = yield* subject.make
  const model = subject.model?.()
  const { control } = subject
  const stage = {
    call: (work: Effect.Effect<End>, call: Call, id: number) => subject.call(made, work, call, id),
    control: control && ((change: Control) => control(made, change))
  }
  const player = new Player<Call, End, Control>(stage, (event) => model?.on(event))
  const step = Effect.fnUntraced(function*(
    planned: string,
    act: Effect.Effect<string, unknown>,
    doing = "the last step"
  ) {
    const index = steps.push(planned) - 1
    progress.begin(doing)
    steps[index] = yield* act
    progress.begin("`look`")
    const seen = yield* subject.look(made, player)
    const wrong = model ? differences(seen, model.look(player.now)) : []
    if (wrong.length > 0) return yield* Effect.fail(wrong.join("\n"))
  })
  const all = Effect.gen(function*() {
    for (const operation of history) {
      const doing = operation._tag === "Control" ? "`control`" : undefined
      yield* step(line(operation), player.perform(operation), doing)
    }
    yield* step(everybodyLeaves, player.leave)
  })
  yield* Effect.ensuring(all, Effect.sync(() => player.abandon()))
  progress.begin("a finalizer of `make`")
})

const told = (cause: Cause.Cause<unknown>): string => {
  const error = Cause.squash(cause)
  return error instanceof Error ? error.message : String(error)
}

/**
 * What to check, and how often. `history` and `subject` are required.
 *
 * @since 0.1.0
 * @category options
 */
export interface CheckOptions<S, Call, End, Control, Seen, R> {
  /** The operations that may happen. */
  readonly history: Arbitrary.Arbitrary<History<Call, End, Control>>
  /** What the histories are played on. */
  readonly subject: Subject<S, Call, End, Control, Seen, R>
  /** The number of histories. @default 100 */
  readonly runs?: number | undefined
  /** The seed of the histories. @default drawn from `Random` */
  readonly seed?: string | number | undefined
  /** The token of a counterexample: plays only that history. @default none */
  readonly replay?: string | undefined
  /**
   * A test clock, made for each history. `TestClock.layer()` takes a call that yields more than a few times before its
   * work begins for a waiting one. @default `VirtualClock.layer()`
   */
  readonly clock?: Layer.Layer<TestClock.TestClock> | undefined
}

/**
 * Plays random histories, each in its own virtual time, until one fails, and shortens that one. Fails with
 * {@link Counterexample}, or with {@link NothingShown} when a replayed history no longer fails.
 *
 * @since 0.1.0
 * @category runtime
 */
export const check = <S, Call, End, Control, Seen, R = never>(
  given: CheckOptions<S, Call, End, Control, Seen, R>
): Effect.Effect<{ readonly runs: number }, Counterexample | NothingShown, Exclude<R, Scope.Scope>> => {
  const { clock, history, replay, runs, seed, subject } = given
  let stuck: Counterexample | undefined
  const property = (history: History<Call, End, Control>) =>
    Effect.suspend(() =>
      stuck !== undefined
        ? Effect.void
        // The scope is closed in it, because a finalizer may not end either.
        : playOnce((steps, progress) => Effect.scoped(playStepByStep(history, subject, steps, progress)))
    ).pipe(
      Effect.catchDefect((defect) => {
        if (!(defect instanceof Counterexample)) return Effect.die(defect)
        // Ends the shortening: each further history would take a second.
        return Effect.fail(stuck = defect)
      }),
      Effect.as(true),
      Effect.provide(clock ?? VirtualClock.layer(), { local: true })
    )
  const options = { runs, seed, replay, size: largest, maxShrinks: patience }
  return Effect.gen(function*() {
    const check = new OptionsOf("Arbitraries.check")
    check.known(given, ["history", "subject", "runs", "seed", "replay", "clock"])
    check.within("subject").known(subject, ["make", "call", "control", "look", "model"])
    if (runs !== undefined) check.integer("runs", runs, 1)
    if (replay !== undefined && !token.test(replay)) check.refuse("replay", "the token of a Counterexample", replay)
    const result = yield* Arbitrary.checkEffect(history, property, options)
    if (result._tag === "Passed") return { runs: result.runs }
    if (result._tag === "ReplayMismatch") return yield* new NothingShown({ because: "the replay passes" })
    if (result._tag === "Exhausted") return yield* new NothingShown({ because: "too many histories are filtered out" })
    if (result.failure._tag !== "PropertyError") return yield* Effect.die(result.failure)
    const { problem, steps } = result.failure.error
    if (stuck !== undefined || replay !== undefined)
      return yield* new Counterexample({ problem, steps, replay: result.replay })
    const again = yield* Arbitrary.checkEffect(history, property, { ...options, replay: result.replay })
    const repeats = again._tag === "Falsified" ? "every time" : "not every time"
    return yield* new Counterexample({ problem, steps, replay: result.replay, repeats })
  })
}

// `largest` exceeds the default length of a history; `patience` is more candidates than it takes to shorten one of that
// length.
const largest = 100
const patience = 20_000
const token = /^\[[01],".*",\d+,\d+,\[[\d,]*\],"PropertyError"\]$/

/**
 * A history that fails. {@link check} has shortened it as far as possible.
 *
 * @since 0.1.0
 * @category errors
 */
export class Counterexample extends Schema.TaggedError<Counterexample>(
  "@switchgear/core/testing/Arbitraries/Counterexample"
)("Counterexample", {
  /** What happened, one line per step; after the last one, something is wrong. */
  steps: Schema.Array(Schema.String),
  /** What is wrong. */
  problem: Schema.String,
  /** The token to replay it with the same `history`. */
  replay: Schema.optional(Schema.String),
  /** Whether it failed again when it was played once more; undefined if it was not. */
  repeats: Schema.optional(Schema.Literals(["every time", "not every time"]))
}) {
  override get message(): string {
    const again = this.replay === undefined
      ? ""
      : `\nTo play it again, give the check this option: replay: ${JSON.stringify(this.replay)}`
    const when = this.steps.length === 0
      ? "Before the first step, something is wrong:"
      : `After these steps, something is wrong:\n${numbered(this.steps)}`
    const flaky = this.repeats === "not every time"
      ? "\nIt fails not every time: played once more, it passed. Something that happens is not of the history, such as " +
        "real time, a random number of the platform, or state that `make` does not make anew."
      : ""
    return `${when}\n${this.problem}${flaky}${again}`
  }
}

/**
 * Nothing was shown: the replayed history no longer fails, or a `filter` rejects too many histories.
 *
 * @since 0.1.0
 * @category errors
 */
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

/**
 * Shows a history as text, one line per operation.
 *
 * @since 0.1.0
 * @category combinators
 */
export const show = (history: History<unknown, unknown, unknown>): string => numbered(history.map(line))
