/** A handler beside `Effect.matchCauseEffect`, which it stands for: on an Effect that behaves otherwise these fail. */
import { assert, describe, it, vi } from "@effect/vitest"
import { Cause, Context, Effect, Exit, Fiber } from "effect"

const { Handler } = await vi.importActual<typeof import("../../../src/internal/runtime/handler.ts")>(
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

const ours = (self: Next, matching: Matching): Next =>
  Effect.withFiber((fiber) => {
    new Matched(fiber, matching).enter(fiber, Context.add(fiber.context, Word, "inside"))
    return self
  })

const theirs = (self: Next, matching: Matching): Next =>
  Effect.matchCauseEffect(Effect.provideService(self, Word, "inside"), matching)

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

describe("a handler", () => {
  for (const [work, self] of Object.entries(works)) {
    for (const [end, matching] of Object.entries(ends)) {
      it.effect(`goes on from a ${work} as matchCauseEffect does, where it ${end}`, () =>
        Effect.gen(function*() {
          const [one, other] = [yield* Effect.exit(ours(self, matching)), yield* Effect.exit(theirs(self, matching))]
          assert.deepStrictEqual(told(one), told(other))
          assert.strictEqual(yield* Word, "outside")
        }))
    }
  }

  it.effect("is passed over by an interrupt as matchCauseEffect is, which then hides the same failures", () =>
    Effect.gen(function*() {
      const interrupted = (match: typeof ours, end: Matching) =>
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
        assert.deepStrictEqual(yield* interrupted(ours, end), yield* interrupted(theirs, end))
      }
    }))
})
