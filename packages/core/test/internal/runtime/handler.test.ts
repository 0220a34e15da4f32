/** Handlers beside the functions of Effect which they stand for: on an Effect that behaves otherwise these fail. */
import { assert, describe, it, vi } from "@effect/vitest"
import { Cause, Context, Effect, Exit, Fiber } from "effect"

const { Continuation, Handler, Rescue } = await vi.importActual<
  typeof import("../../../src/internal/runtime/handler.ts")
>(
  "../../../src/internal/runtime/handler.ts"
)

const Word = Context.Reference<string>("test/Word", { defaultValue: () => "outside" })

type Next = Effect.Effect<unknown, unknown>

interface Matching {
  readonly onSuccess: (value: unknown) => Next
  readonly onFailure: (cause: Cause.Cause<unknown>) => Next
}

class Matched extends Handler {
  readonly succeeded: Matching["onSuccess"]
  readonly failed: Matching["onFailure"]

  constructor(fiber: Fiber.Fiber<any, any>, { onFailure, onSuccess }: Matching) {
    super(fiber)
    this.succeeded = onSuccess
    this.failed = onFailure
  }
}

class Continued extends Continuation {
  readonly succeeded: Matching["onSuccess"]

  constructor(fiber: Fiber.Fiber<any, any>, { onSuccess }: Matching) {
    super(fiber)
    this.succeeded = onSuccess
  }
}

class Rescued extends Rescue {
  readonly failed: Matching["onFailure"]

  constructor(fiber: Fiber.Fiber<any, any>, { onFailure }: Matching) {
    super(fiber)
    this.failed = onFailure
  }
}

/** A kind of handler, and what Effect has in its place. */
interface Kind {
  readonly ours: new(
    fiber: Fiber.Fiber<any, any>,
    matching: Matching
  ) => InstanceType<typeof Continued | typeof Rescued>
  readonly theirs: (self: Next, matching: Matching) => Next
}

const kinds: Readonly<Record<string, Kind>> = {
  handler: { ours: Matched, theirs: (self, matching) => Effect.matchCauseEffect(self, matching) },
  continuation: { ours: Continued, theirs: (self, { onSuccess }) => Effect.flatMap(self, onSuccess) },
  rescue: { ours: Rescued, theirs: (self, { onFailure }) => Effect.catchCause(self, onFailure) }
}

const ours = ({ ours: Ours }: Kind) => (self: Next, matching: Matching): Next =>
  Effect.withFiber((fiber) => {
    new Ours(fiber, matching).enter(fiber, Context.add(fiber.context, Word, "inside"))
    return self
  })

const theirs = ({ theirs }: Kind) => (self: Next, matching: Matching): Next =>
  theirs(Effect.provideService(self, Word, "inside"), matching)

const throwing = () => {
  throw new Error("bug")
}

const works: Readonly<Record<string, Next>> = {
  value: Effect.succeed(1),
  "value later": Effect.as(Effect.yieldNow, 1),
  failure: Effect.fail("503"),
  "failure later": Effect.andThen(Effect.yieldNow, Effect.fail("503")),
  defect: Effect.die("bug"),
  "throw in its first step": Effect.suspend(throwing),
  "interruption of itself": Effect.interrupt,
  "word that it reads": Word
}

const ends: Readonly<Record<string, Matching>> = {
  "goes on": { onSuccess: (value) => Effect.succeed(["got", value]), onFailure: () => Effect.succeed("failed") },
  "passes it on": { onSuccess: Effect.succeed, onFailure: Effect.failCause },
  fails: { onSuccess: () => Effect.fail("late"), onFailure: () => Effect.fail("other") },
  throws: { onSuccess: throwing, onFailure: throwing },
  "reads the word outside": { onSuccess: () => Word, onFailure: () => Word }
}

const told = (exit: Exit.Exit<unknown, unknown>): unknown =>
  exit._tag === "Success"
    ? exit.value
    : exit.cause.reasons.map((reason) => reason._tag === "Fail" ? reason.error : reason._tag)

describe.each(Object.entries(kinds))("a %s", (_, kind) => {
  for (const [work, self] of Object.entries(works)) {
    for (const [end, matching] of Object.entries(ends)) {
      it.effect(`goes on from a ${work} as Effect does, where it ${end}`, () =>
        Effect.gen(function*() {
          const one = yield* Effect.exit(ours(kind)(self, matching))
          const other = yield* Effect.exit(theirs(kind)(self, matching))
          assert.deepStrictEqual(told(one), told(other))
          assert.strictEqual(yield* Word, "outside")
        }))
    }
  }

  it.effect("is passed over by an interrupt as Effect is, which then hides the same failures", () =>
    Effect.gen(function*() {
      const interrupted = (match: (self: Next, matching: Matching) => Next, end: Matching) =>
        Effect.gen(function*() {
          const words: Array<string> = []
          const self = Effect.onInterrupt(Effect.never, () =>
            Effect.andThen(
              Effect.map(Word, (word) => words.push(word)),
              Effect.fail("of the finalizer") as Effect.Effect<never>
            ))
          const call = Effect.onExit(match(self, end), () => Effect.map(Word, (word) => words.push(word)))
          const fiber = yield* Effect.forkChild(call, { startImmediately: true })
          yield* Fiber.interrupt(fiber)
          return [words, told(yield* Fiber.await(fiber))]
        })
      for (const end of Object.values(ends)) {
        assert.deepStrictEqual(yield* interrupted(ours(kind), end), yield* interrupted(theirs(kind), end))
      }
    }))
})
