/**
 * A random program: steps that start trees of guarded work, move the clock, interrupt fibers and change guards by hand.
 * All of it is data, so that it can be generated, made simpler and printed.
 */
import { Schema } from "effect"

/** How one piece of work goes. "blocks" keeps the event loop busy. "rejects" calls the provider and then fails on the open circuit of another tool. */
export const Way = Schema.Literals([
  "answers",
  "answers",
  "hangs",
  "hangs",
  "fails",
  "dies",
  "stubborn",
  "lingers",
  "rejects",
  "blocks"
])

export const Work = Schema.TaggedStruct("Work", { way: Way, millis: Schema.Literals([0, 1, 20, 300, 1000, 2000]) })

/** What is listed twice comes twice as often. All but the pipeline see each other when they are directly around each other. */
export const GuardName = Schema.Literals([
  "bulkhead",
  "bulkhead",
  "bulkhead",
  "bulkheadBriefly",
  "share",
  "limit",
  "limit",
  "rateLimiter",
  "rateLimiter",
  "limitBriefly",
  "limitSettled",
  "sliding",
  "meter",
  "ownGate",
  "ownGate",
  "breaker",
  "breaker",
  "slowBreaker",
  "familyA",
  "familyB",
  "gate",
  "pipeline"
])

export const Around = Schema.Literals([
  "retry",
  "attempts",
  "retryBudget",
  "hedge",
  "throttle",
  "detached",
  "uninterruptible",
  "forkDetach",
  "forkDetach",
  "again",
  "forkJoin",
  "urgent",
  "tenantA",
  "tenantB",
  "caught",
  "masked",
  "semaphore",
  "finalizer",
  "resource"
])

export const limits = [5, 100, 1000, 4000] as const

export type Tree =
  | typeof Work.Type
  | { readonly _tag: "Guard"; readonly guard: 0 | 1 | 2; readonly inner: Tree }
  | {
    readonly _tag: "Limit"
    readonly limit: "within" | "attempt" | "timeoutOrElse"
    readonly millis: typeof limits[number]
    readonly inner: Tree
  }
  | { readonly _tag: "Around"; readonly around: typeof Around.Type; readonly inner: Tree }
  | { readonly _tag: "After"; readonly millis: number; readonly inner: Tree }
  | {
    readonly _tag: "Cached"
    readonly read: "through" | "orStale" | "orStaleSoon"
    readonly key: "a" | "b"
    readonly inner: Tree
  }
  | {
    readonly _tag: "Either"
    readonly either: "cascade" | "overtake" | "again" | "fallback"
    readonly first: Tree
    readonly second: Tree
  }
  | { readonly _tag: "Together"; readonly how: typeof How.Type; readonly members: ReadonlyArray<Tree> }
  | { readonly _tag: "Copies"; readonly how: typeof How.Type; readonly times: 2 | 3 | 4; readonly inner: Tree }

const How = Schema.Literals(["all", "all", "results", "race", "raceFirst", "forEach"])

const nodes = (inner: Schema.Codec<Tree>) => {
  // Few guards take part in one program, so that its calls meet in them.
  const guard = Schema.TaggedStruct("Guard", { guard: Schema.Literals([0, 0, 1, 2]), inner })
  const limit = Schema.TaggedStruct("Limit", {
    limit: Schema.Literals(["within", "attempt", "within", "timeoutOrElse"]),
    millis: Schema.Literals(limits),
    inner
  })
  const around = Schema.TaggedStruct("Around", { around: Around, inner })
  const copies = Schema.TaggedStruct("Copies", { how: How, times: Schema.Literals([2, 3, 4]), inner })
  const together = Schema.TaggedStruct("Together", {
    how: How,
    members: Schema.Array(inner).check(Schema.isMinLength(1), Schema.isMaxLength(3))
  })
  const after = Schema.TaggedStruct("After", { millis: Schema.Literals([1, 20, 300, 500, 1000, 2000]), inner })
  const cached = Schema.TaggedStruct("Cached", {
    read: Schema.Literals(["through", "orStale", "orStaleSoon"]),
    key: Schema.Literals(["a", "b"]),
    inner
  })
  const either = Schema.TaggedStruct("Either", {
    either: Schema.Literals(["cascade", "overtake", "again", "fallback"]),
    first: inner,
    second: inner
  })
  return [
    guard,
    guard,
    guard,
    guard,
    guard,
    limit,
    limit,
    limit,
    around,
    around,
    around,
    copies,
    copies,
    together,
    after
  ]
    .concat([cached, either] as never)
}

/** Trees of at most so many levels. The levels are spelt out, so that how deep trees get does not depend on a size. */
const treeOf = (levels: number): Schema.Codec<Tree> =>
  levels === 0
    ? Work as unknown as Schema.Codec<Tree>
    : Schema.Union([Work, ...nodes(treeOf(levels - 1))]) as unknown as Schema.Codec<Tree>

export const Tree = treeOf(4)

const start = Schema.TaggedStruct("Start", { times: Schema.Literals([1, 1, 1, 2, 4]), tree: Tree })
const advance = Schema.TaggedStruct("Advance", { millis: Schema.Literals([1, 5, 20, 100, 300, 1000, 4000]) })
const interrupt = Schema.TaggedStruct("Interrupt", { index: Schema.Literals([0, 1, 2, 3]) })
const byHand = Schema.TaggedStruct("ByHand", {
  change: Schema.Literals([
    "rateLimiter.pause",
    "sliding.pause",
    "rateLimiter.clampAvailable",
    "rateLimiter.setLimits narrow",
    "rateLimiter.setLimits wide",
    "bulkhead.resize 1",
    "bulkhead.resize 3",
    "share.resize 1",
    "share.resize 4",
    "limit.pin 1",
    "limit.unpin",
    "limit.reset",
    "ownGate.setLimit 1",
    "ownGate.setLimit 3",
    "breaker.trip",
    "breaker.forceOpen",
    "breaker.disable",
    "breaker.metricsOnly",
    "breaker.close",
    "breaker.reset",
    "familyA.forceOpen",
    "familyA.disable",
    "familyA.close",
    "family.churn",
    "cache.invalidate a",
    "cache.set a",
    "cache.clear"
  ])
})

export const Step = Schema.Union([start, start, start, start, advance, advance, advance, interrupt, byHand])
export type Step = typeof Step.Type
export type ByHand = typeof byHand.Type["change"]

// The minimum is for those that are made: a counterexample may be shorter.
const longEnough = Schema.makeFilter(() => true, { arbitraryConstraint: { minLength: 4 } })

export const Program = Schema.Struct({
  /** The guards of the trees, by their index. */
  cast: Schema.Tuple([GuardName, GuardName, GuardName]),
  steps: Schema.Array(Step).check(longEnough, Schema.isMaxLength(14))
})
export type Program = typeof Program.Type
export type Cast = Program["cast"]
