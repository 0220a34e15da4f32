/**
 * The errors that a guard adds are in the type, and nothing else is: checked by the compiler for every combination of a
 * pipeline's parts, and for guards that are put together by hand.
 */
// @effect-diagnostics missingEffectError:off - of what must not compile, the compiler's own complaint is expected
import { describe, it } from "@effect/vitest"
import {
  Attempts,
  Bulkhead,
  Cascade,
  CircuitBreaker,
  ConcurrencyLimit,
  Deadline,
  type Guard,
  type Hedge,
  Outcome,
  Pipeline,
  RateLimiter,
  Retry,
  RetryBudget,
  StaleCache
} from "@switchgear/core"
import { type Config, type Context, Data, Effect, type Exit } from "effect"
import { expectTypeOf } from "vitest"

type Exceeded = Deadline.DeadlineExceeded
type Full = Bulkhead.BulkheadFull
type Limited = RateLimiter.RateLimited
type Open = CircuitBreaker.CircuitOpen

class Mine extends Data.TaggedError("Mine")<{}> {}
class Theirs extends Data.TaggedError("Theirs")<{}> {}
interface Needed {
  readonly _: unique symbol
}

// Only types are looked at: what is not called need not be there.
const work = Effect.never as Effect.Effect<"answer", Mine | Theirs, Needed>
declare const breaker: CircuitBreaker.CircuitBreaker
declare const bulkhead: Bulkhead.Bulkhead
declare const rateLimiter: RateLimiter.RateLimiter
declare const retry: Retry.Retry
declare const family: CircuitBreaker.Family.Family
declare const budget: RetryBudget.RetryBudget

/** Each can stand for the other, and if one is `any`, which can stand for all, so is the other. */
type Equal<A, B> = [IsAny<A>, A, B] extends [IsAny<B>, B, A] ? true : false
type IsAny<A> = 0 extends 1 & A ? true : false

/** The whole truth: a part and what it adds. */
interface Part {
  readonly deadline: { readonly given: "1 second"; readonly adds: Exceeded }
  readonly retry: { readonly given: Retry.Retry; readonly adds: never }
  readonly hedge: { readonly given: Hedge.Hedge; readonly adds: never }
  readonly rateLimiter: { readonly given: RateLimiter.RateLimiter; readonly adds: Limited }
  readonly bulkhead: { readonly given: Bulkhead.Bulkhead; readonly adds: Full }
  readonly breaker: { readonly given: CircuitBreaker.CircuitBreaker; readonly adds: Open }
  readonly attemptTimeout: { readonly given: 250; readonly adds: Exceeded }
}

type Combinations<Names extends ReadonlyArray<unknown>> = Names extends readonly [infer First, ...infer Rest]
  ? Combinations<Rest> | WithFirst<First, Combinations<Rest>>
  : []
type WithFirst<First, Rest> = Rest extends ReadonlyArray<unknown> ? [First, ...Rest] : never

type All = Combinations<["deadline", "retry", "hedge", "rateLimiter", "bulkhead", "breaker", "attemptTimeout"]>

type Given<Names extends keyof Part> = { readonly [N in Names]: Part[N]["given"] }
type GivenOrMissing<Names extends keyof Part> = {
  readonly [N in keyof Part]: N extends Names ? Part[N]["given"] : undefined
}
type Maybe<Names extends keyof Part> = { readonly [N in Names]?: Part[N]["given"] | undefined }
type Expected<Names extends keyof Part> = Part[Names]["adds"]

/** A guard of one's own that adds two errors, and one that is typed by an interface of its own. */
class Shut extends Data.TaggedError("Shut")<{}> {}
class Crowded extends Data.TaggedError("Crowded")<{}> {}
class Tired extends Data.TaggedError("Tired")<{}> {}
interface MyGuard extends Guard.Guard<Tired> {
  readonly rest: Effect.Effect<void>
}

/** The whole truth about further guards: what is given at a place and what it adds. */
interface Place {
  readonly outermost: { readonly given: Guard.Guard<Shut | Crowded>; readonly adds: Shut | Crowded }
  readonly perAttempt: { readonly given: readonly [MyGuard]; readonly adds: Tired }
  readonly beforeBulkhead: { readonly given: readonly [Guard.Guard<Mine>, MyGuard]; readonly adds: Mine | Tired }
  readonly beforeBreaker: { readonly given: ReadonlyArray<Guard.Guard<Theirs>>; readonly adds: Theirs }
  readonly innermost: { readonly given: readonly []; readonly adds: never }
}

type Places = Combinations<["outermost", "perAttempt", "beforeBulkhead", "beforeBreaker", "innermost"]>

type Guarded<Names extends keyof Place> = { readonly [N in Names]: Place[N]["given"] }
type GuardedOrMissing<Names extends keyof Place> = {
  readonly [N in keyof Place]: N extends Names ? Place[N]["given"] : undefined
}
type MaybeGuarded<Names extends keyof Place> = { readonly [N in Names]?: Place[N]["given"] | undefined }

type WithGuards<G extends Pipeline.Guards> = { readonly guards: G }
type WithMaybeGuards<G extends Pipeline.Guards> = {
  readonly breaker: CircuitBreaker.CircuitBreaker
  readonly guards?: G | undefined
}

/** Like `Compared`, for further guards: alone, and beside a circuit where it is not known whether they are there. */
type ComparedGuards<C> = C extends ReadonlyArray<keyof Place> ?
    | ["given", C, MadeOf<WithGuards<Guarded<C[number]>>>, Adding<Place[C[number]]["adds"]>]
    | ["missing", C, MadeOf<WithGuards<GuardedOrMissing<C[number]>>>, Adding<Place[C[number]]["adds"]>]
    | ["maybe", C, MadeOf<WithGuards<MaybeGuarded<C[number]>>>, Adding<Place[C[number]]["adds"]>]
    | ["maybe all", C, MadeOf<WithMaybeGuards<Guarded<C[number]>>>, Adding<Open | Place[C[number]]["adds"]>]
  : ["no combination", C, unknown, never]
type Adding<E> = Effect.Effect<Pipeline.Pipeline<E>>

type MadeOf<P extends Pipeline.Parts> = ReturnType<typeof Pipeline.make<P>>

/** What there is for each combination, beside what there should be. */
type Compared<C> = C extends ReadonlyArray<keyof Part> ?
    | ["given", C, MadeOf<Given<C[number]>>, Makes<C[number]>]
    | ["missing", C, MadeOf<GivenOrMissing<C[number]>>, Makes<C[number]>]
    | ["maybe", C, MadeOf<Maybe<C[number]>>, Makes<C[number]>]
  : ["no combination", C, unknown, never]
type Makes<Names extends keyof Part> = Effect.Effect<Pipeline.Pipeline<Expected<Names>>>

/** The combinations whose type is not what it should be. */
type Wrong<T> = T extends [infer How, infer C, infer Is, infer ShouldBe] ? Equal<Is, ShouldBe> extends true ? never
  : [How, C]
  : never

describe("the error type of a pipeline", () => {
  it("holds exactly what its parts add, for each of the 128 combinations, given, missing or only maybe there", () => {
    expectTypeOf<Wrong<Compared<All>>>().toEqualTypeOf<never>()
  })

  it("is looked at in all combinations, and would be seen to be wrong", () => {
    expectTypeOf<Combinations<["a", "b"]>>().toEqualTypeOf<[] | ["a"] | ["b"] | ["a", "b"]>()
    expectTypeOf<Extract<All, { readonly length: 3 }>[number]>().toEqualTypeOf<keyof Part>()
    expectTypeOf<Extract<All, { readonly length: 7 }>>().toEqualTypeOf<
      ["deadline", "retry", "hedge", "rateLimiter", "bulkhead", "breaker", "attemptTimeout"]
    >()
    expectTypeOf<Wrong<Compared<["retry", "nonsense"]>>>().not.toEqualTypeOf<never>()
    type Swapped = ["given", ["rateLimiter"], MadeOf<Given<"rateLimiter">>, Makes<"bulkhead">]
    expectTypeOf<Wrong<Compared<["retry"]> | Swapped>>().toEqualTypeOf<["given", ["rateLimiter"]]>()
    expectTypeOf<Equal<Expected<"breaker">, Expected<"breaker" | "rateLimiter">>>().toEqualTypeOf<false>()
    expectTypeOf<Equal<Expected<"retry">, any>>().toEqualTypeOf<false>()
  })

  it("is added to the errors of the work, whose value and needs stay as they are", () => {
    const one = (pipeline: Pipeline.Pipeline<Open | Full>) => pipeline.protect(work)
    expectTypeOf(one).returns.toEqualTypeOf<Effect.Effect<"answer", Mine | Theirs | Open | Full, Needed>>()
    const nothing = (pipeline: Pipeline.Pipeline<never>) => pipeline.protect(work)
    expectTypeOf(nothing).returns.toEqualTypeOf<typeof work>()
    const kind = (pipeline: Pipeline.Pipeline<Limited>) =>
      work.pipe(pipeline.protectWith({
        costs: { tokens: 1 },
        settle: (value: "answer") => ({ tokens: value.length }),
        classify: (_: Exit.Exit<"answer", Mine | Theirs | Exceeded>): Outcome.Outcome => ({ _tag: "Ignored" })
      }))
    expectTypeOf(kind).returns.toEqualTypeOf<Effect.Effect<"answer", Mine | Theirs | Limited, Needed>>()
  })

  it("is that of the parts as they are inferred where the pipeline is made", () => {
    const made = () => Pipeline.make({ deadline: "30 seconds", retry, breaker, attemptTimeout: 10_000 })
    expectTypeOf(made).returns.toEqualTypeOf<Effect.Effect<Pipeline.Pipeline<Exceeded | Open>>>()
    expectTypeOf<Pipeline.Rejections<Omit<Pipeline.Parts, "guards">>>().toEqualTypeOf<
      Exceeded | Limited | Full | Open
    >()
    // Of guards that nobody knows more about, nobody knows the errors.
    expectTypeOf<Pipeline.Rejections<Pipeline.Parts>>().toBeUnknown()
    // @ts-expect-error: a part of another kind is no part
    const wrong = () => Pipeline.make({ breaker: bulkhead })
    expectTypeOf(wrong).toBeFunction()
  })

  it("holds no part whose name is misspelt", () => {
    // @ts-expect-error: there is no such part, and the calls would run without a time-out
    const alone = () => Pipeline.make({ attemptTimout: "10 seconds" })
    // @ts-expect-error: nor beside others
    const beside = () => Pipeline.make({ breaker, retry, attemptTimout: "10 seconds" })
    // @ts-expect-error: nor where the times come from the configuration
    const configured = () => Pipeline.fromConfig("model", { breaker, attemptTimout: "10 seconds" })
    const misspelt = { attemptTimout: "10 seconds" } as const
    // @ts-expect-error: nor where they are no literal and have no part in common with what there is
    const named = () => Pipeline.make(misspelt)
    // @ts-expect-error: nor from the configuration
    const namedConfigured = () => Pipeline.fromConfig("model", misspelt)
    // @ts-expect-error: a part is not the parts
    const part = () => Pipeline.make(breaker)
    // @ts-expect-error: nor where only one of two has none in common
    const oneOf = (parts: { readonly breakr: typeof breaker } | { readonly retry: Retry.Retry }) => Pipeline.make(parts)
    expectTypeOf([alone, beside, configured, named, namedConfigured, part, oneOf]).toBeArray()
  })

  it("is that of either, where the parts are one thing or the other", () => {
    type Guarded = { readonly breaker: CircuitBreaker.CircuitBreaker }
    type OfLimit = { readonly rateLimiter: RateLimiter.RateLimiter }
    const refused = (parts: Guarded | OfLimit) => Pipeline.make(parts)
    expectTypeOf(refused).returns.toEqualTypeOf<Effect.Effect<Pipeline.Pipeline<Open | Limited>>>()
    type OfRetry = { readonly retry: Retry.Retry<Mine> }
    const retried = (parts: OfRetry | { readonly attemptTimeout: number }) => Pipeline.make(parts)
    expectTypeOf(retried).returns.toEqualTypeOf<Effect.Effect<Pipeline.PipelineFor<Exceeded, Mine>>>()
    type Misspelt = Guarded & { readonly attemptTimout: number }
    // @ts-expect-error: one of the two has no such part
    const wrong = (parts: Misspelt | OfLimit) => Pipeline.make(parts)
    expectTypeOf(wrong).toBeFunction()
  })

  it("takes a retry only for the errors that can reach it, as by hand", () => {
    interface HttpError {
      readonly response: { readonly status: number }
    }
    type Failing<E> = Effect.Effect<"answer", E>
    const ofHttp = undefined as unknown as Retry.Retry<HttpError>
    const ofBoth = undefined as unknown as Retry.Retry<HttpError | Open>
    // @ts-expect-error: the retry cannot judge the rejection of the circuit
    const blind = () => Pipeline.make({ retry: ofHttp, breaker })
    // @ts-expect-error: nor the time-out of an attempt
    const untimed = () => Pipeline.make({ retry: ofHttp, attemptTimeout: "1 second" })
    expectTypeOf([blind, untimed]).toBeArray()

    const seeing = () => Pipeline.make({ retry: ofBoth, breaker })
    expectTypeOf(seeing).returns.toEqualTypeOf<Effect.Effect<Pipeline.PipelineFor<Open, HttpError | Open>>>()
    const guarded = (pipeline: Pipeline.PipelineFor<Open, HttpError | Open>, call: Failing<HttpError>) =>
      call.pipe(pipeline.protect)
    expectTypeOf(guarded).returns.toEqualTypeOf<Failing<HttpError | Open>>()
    const protect = undefined as unknown as Pipeline.PipelineFor<Open, HttpError | Open>["protect"]
    expectTypeOf<Failing<HttpError>>().toExtend<Parameters<typeof protect<"answer", HttpError | Open, never>>[0]>()
    expectTypeOf<Failing<Mine>>().not.toExtend<Parameters<typeof protect<"answer", HttpError | Open, never>>[0]>()
  })
})

describe("the error type of a pipeline with further guards", () => {
  it("holds exactly what they add, for each of the 32 combinations of places, given, missing or only maybe there", () => {
    expectTypeOf<Wrong<ComparedGuards<Places>>>().toEqualTypeOf<never>()
  })

  it("is looked at in all combinations, and would be seen to be wrong", () => {
    expectTypeOf<Extract<Places, { readonly length: 5 }>[number]>().toEqualTypeOf<keyof Place | keyof Pipeline.Guards>()
    expectTypeOf<keyof Pipeline.Guards>().toEqualTypeOf<keyof Place>()
    type Swapped = ["given", ["outermost"], MadeOf<WithGuards<Guarded<"outermost">>>, Adding<Tired>]
    expectTypeOf<Wrong<ComparedGuards<["innermost"]> | Swapped>>().toEqualTypeOf<["given", ["outermost"]]>()
  })

  it("is that of the guards as they are inferred, of which one is typed by an interface of its own", () => {
    const mine = undefined as unknown as MyGuard
    const shop = undefined as unknown as Guard.Guard<Shut | Crowded>
    const made = () => Pipeline.make({ bulkhead, guards: { perAttempt: [mine, shop], innermost: breaker } })
    expectTypeOf(made).returns.toEqualTypeOf<Adding<Full | Tired | Shut | Crowded | Open>>()
    const configured = () => Pipeline.fromConfig("model", { guards: { outermost: mine } })
    expectTypeOf(configured).returns.toEqualTypeOf<
      Effect.Effect<Pipeline.Pipeline<Tired | Exceeded>, Config.ConfigError>
    >()
    const oneOf = (guards: { readonly outermost: MyGuard } | { readonly innermost: Guard.Guard<Shut> } | undefined) =>
      Pipeline.make({ guards })
    expectTypeOf(oneOf).returns.toEqualTypeOf<Adding<Tired | Shut>>()
  })

  it("takes a retry only if it can judge the errors of the guards inside of it", () => {
    const mine = undefined as unknown as MyGuard
    const shop = undefined as unknown as Guard.Guard<Shut | Crowded>
    const ofShop = undefined as unknown as Retry.Retry<Shut | Crowded>
    const ofShut = undefined as unknown as Retry.Retry<Shut>
    const inside = () => Pipeline.make({ retry: ofShop, guards: { perAttempt: shop, innermost: [shop] } })
    expectTypeOf(inside).returns.toEqualTypeOf<
      Effect.Effect<Pipeline.PipelineFor<Shut | Crowded, Shut | Crowded>>
    >()
    // @ts-expect-error: it knows one of the two errors only
    const perAttempt = () => Pipeline.make({ retry: ofShut, guards: { perAttempt: shop } })
    // @ts-expect-error: nor does it know that of the second guard
    const beforeBulkhead = () => Pipeline.make({ retry: ofShop, guards: { beforeBulkhead: [shop, mine] } })
    // @ts-expect-error: nor there
    const beforeBreaker = () => Pipeline.make({ retry: ofShop, guards: { beforeBreaker: [mine] } })
    // @ts-expect-error: nor there
    const innermost = () => Pipeline.make({ retry: ofShop, guards: { innermost: mine } })
    // @ts-expect-error: nor where the times come from the configuration
    const configured = () => Pipeline.fromConfig("model", { retry: ofShop, guards: { innermost: mine } })
    expectTypeOf([perAttempt, beforeBulkhead, beforeBreaker, innermost, configured]).toBeArray()
    const outside = () => Pipeline.make({ retry: ofShop, guards: { outermost: [mine], innermost: shop } })
    expectTypeOf(outside).returns.toEqualTypeOf<
      Effect.Effect<Pipeline.PipelineFor<Tired | Shut | Crowded, Shut | Crowded>>
    >()
  })

  it("holds no guard at a place whose name is misspelt, none that is not made yet and nothing else", () => {
    const mine = undefined as unknown as MyGuard
    // @ts-expect-error: there is no such place
    const alone = () => Pipeline.make({ guards: { inermost: mine } })
    // @ts-expect-error: nor beside others
    const beside = () => Pipeline.make({ breaker, guards: { innermost: mine, outermst: mine } })
    // @ts-expect-error: a guard is not the guards
    const guard = () => Pipeline.make({ guards: mine })
    // @ts-expect-error: this makes a guard
    const unmade = () => Pipeline.make({ guards: { innermost: [Effect.succeed(mine)] } })
    // @ts-expect-error: a number is none
    const notGuards = () => Pipeline.make({ guards: 1 })
    const times = { deadline: undefined as unknown as CircuitBreaker.CircuitBreaker }
    // @ts-expect-error: a circuit is no time
    const noTime = () => Pipeline.make(times)
    // @ts-expect-error: nor is this
    const noDuration = () => Pipeline.make({ breaker, attemptTimeout: "sixty" })
    // @ts-expect-error: nor for one that the configuration may replace
    const noTimeConfigured = () => Pipeline.fromConfig("model", times)
    expectTypeOf([alone, beside, guard, unmade, notGuards, noTime, noDuration, noTimeConfigured]).toBeArray()
  })
})

describe("a guard adds its own error and keeps the rest:", () => {
  type Adds<E> = Effect.Effect<"answer", Mine | Theirs | E, Needed>

  it("each of them alone", () => {
    expectTypeOf(() => breaker.protect(work)).returns.toEqualTypeOf<Adds<Open>>()
    expectTypeOf(() => breaker.gate(work)).returns.toEqualTypeOf<Adds<Open>>()
    expectTypeOf(() => family.protect("key")(work)).returns.toEqualTypeOf<Adds<Open>>()
    expectTypeOf(() => bulkhead.protect(work)).returns.toEqualTypeOf<Adds<Full>>()
    expectTypeOf(() => rateLimiter.protect(work)).returns.toEqualTypeOf<Adds<Limited>>()
    expectTypeOf(() => Deadline.within("1 second")(work)).returns.toEqualTypeOf<Adds<Exceeded>>()
    expectTypeOf(() => Deadline.attempt("1 second")(work)).returns.toEqualTypeOf<Adds<Exceeded>>()
    expectTypeOf(() =>
      Deadline.timeoutOrElse({ duration: "1 second", orElse: () => Effect.fail("late" as const) })(work)
    )
      .returns.toEqualTypeOf<Adds<"late">>()
    expectTypeOf(() => retry.protect(work)).returns.toEqualTypeOf<typeof work>()
    expectTypeOf(() => Retry.retry({ maxAttempts: 2 })(work)).returns.toEqualTypeOf<typeof work>()
    expectTypeOf(() => Attempts.within(3)(work)).returns.toEqualTypeOf<typeof work>()
    expectTypeOf(() => RetryBudget.within(budget)(work)).returns.toEqualTypeOf<typeof work>()
  })

  it("several of them through pipe, in any order", () => {
    const usual = () =>
      work.pipe(
        Deadline.attempt("1 second"),
        breaker.protect,
        bulkhead.protect,
        rateLimiter.protect,
        breaker.gate,
        retry.protect,
        Attempts.within(3),
        Deadline.within("9 seconds")
      )
    expectTypeOf(usual).returns.toEqualTypeOf<Adds<Exceeded | Open | Full | Limited>>()
    expectTypeOf(() => work.pipe(bulkhead.protect, breaker.protect)).returns.toEqualTypeOf<Adds<Full | Open>>()
    expectTypeOf(() => work.pipe(rateLimiter.protect, rateLimiter.protect)).returns.toEqualTypeOf<Adds<Limited>>()
    const settled = () =>
      work.pipe(breaker.protect, Effect.catchTag("CircuitOpen", () => Effect.succeed("later" as const)))
    expectTypeOf(settled).returns.toEqualTypeOf<Effect.Effect<"answer" | "later", Mine | Theirs, Needed>>()
  })

  it("with rules for one kind of call, which see the value and the errors of that call", () => {
    const judged = () =>
      work.pipe(breaker.protectWith({
        classify: (exit: Exit.Exit<"answer", Mine | Theirs>): Outcome.Outcome => ({
          _tag: exit._tag === "Success" ? "Success" : "Ignored"
        }),
        slowCallDuration: "1 second"
      }))
    expectTypeOf(judged).returns.toEqualTypeOf<Adds<Open>>()
    const ofKey = () =>
      work.pipe(family.protectWith("key", {
        classify: (_: Exit.Exit<"answer", Mine | Theirs>): Outcome.Outcome => ({ _tag: "Success" })
      }))
    expectTypeOf(ofKey).returns.toEqualTypeOf<Adds<Open>>()
    const byError = () =>
      work.pipe(breaker.protectWith({
        classify: Outcome.onError((error) => {
          expectTypeOf(error).toEqualTypeOf<Mine | Theirs>()
          return error._tag === "Mine" ? Outcome.ignored : undefined
        })
      }))
    expectTypeOf(byError).returns.toEqualTypeOf<Adds<Open>>()
    const ofAny = () =>
      CircuitBreaker.make({
        name: "any",
        classify: Outcome.onError((error) => {
          expectTypeOf(error).toEqualTypeOf<unknown>()
          return undefined
        })
      })
    expectTypeOf(ofAny).returns.toEqualTypeOf<Effect.Effect<CircuitBreaker.CircuitBreaker>>()
    const costly = () =>
      work.pipe(
        rateLimiter.protectWith({ costs: { tokens: 5 }, settle: (answer: "answer") => ({ tokens: answer.length }) })
      )
    expectTypeOf(costly).returns.toEqualTypeOf<Adds<Limited>>()
    const settleNumber = { costs: {}, settle: (answer: number) => ({ tokens: answer }) }
    // @ts-expect-error: what is settled is the value of the call
    const wrong = () => work.pipe(rateLimiter.protectWith(settleNumber))
    expectTypeOf(wrong).toBeFunction()
  })

  it("a reservation fails only because it is refused, and ends without failing", () => {
    expectTypeOf<RateLimiter.RateLimiter["reserve"]>().returns.toEqualTypeOf<
      Effect.Effect<RateLimiter.Reservation, Limited>
    >()
    expectTypeOf<RateLimiter.Reservation["settle"]>().returns.toEqualTypeOf<Effect.Effect<void>>()
    expectTypeOf<RateLimiter.Reservation["refund"]>().toEqualTypeOf<Effect.Effect<void>>()
  })

  it("a retry keeps to the errors it was made for", () => {
    const ofMine = Retry.retry({ while: (error: Mine) => error._tag === "Mine" })
    expectTypeOf(() => ofMine(Effect.fail(new Mine()))).returns.toEqualTypeOf<Effect.Effect<never, Mine>>()
    expectTypeOf<Parameters<typeof ofMine<"answer", Mine, Needed>>>().toEqualTypeOf<
      [Effect.Effect<"answer", Mine, Needed>]
    >()
    expectTypeOf<Effect.Effect<"answer", Mine>>().toExtend<Parameters<typeof ofMine>[0]>()
    expectTypeOf(work).not.toExtend<Parameters<typeof ofMine>[0]>()
  })
})

describe("a service class adds its guard to what the work needs:", () => {
  class Billing extends CircuitBreaker.Service<Billing>()("test/Billing") {}
  class Slots extends Bulkhead.Service<Slots>()("test/Slots", { concurrency: 1 }) {}
  class Moving extends ConcurrencyLimit.Service<Moving>()("test/Moving") {}
  class Quota extends RateLimiter.Service<Quota>()("test/Quota", { limits: [RateLimiter.requests(1, "1 second")] }) {}
  class Second extends RetryBudget.Service<Second>()("test/Second") {}

  it("each with its own error", () => {
    expectTypeOf(Billing.protect(work)).toEqualTypeOf<Effect.Effect<"answer", Mine | Theirs | Open, Needed | Billing>>()
    expectTypeOf(Slots.protect(work)).toEqualTypeOf<Effect.Effect<"answer", Mine | Theirs | Full, Needed | Slots>>()
    expectTypeOf(Moving.protect(work)).toEqualTypeOf<Effect.Effect<"answer", Mine | Theirs | Full, Needed | Moving>>()
    expectTypeOf(Quota.protect(work)).toEqualTypeOf<Effect.Effect<"answer", Mine | Theirs | Limited, Needed | Quota>>()
    expectTypeOf(Second.within(work)).toEqualTypeOf<Effect.Effect<"answer", Mine | Theirs, Needed | Second>>()
  })

  it("all of them, and none that has been provided", () => {
    const all = work.pipe(Billing.protect, Slots.protect, Quota.protect, Second.within)
    expectTypeOf(all).toEqualTypeOf<
      Effect.Effect<"answer", Mine | Theirs | Open | Full | Limited, Needed | Billing | Slots | Quota | Second>
    >()
    expectTypeOf(all.pipe(Effect.provide([Billing.layer, Quota.layer]))).toEqualTypeOf<
      Effect.Effect<"answer", Mine | Theirs | Open | Full | Limited, Needed | Slots | Second>
    >()
    expectTypeOf<Context.Service.Shape<typeof Billing>>().toEqualTypeOf<CircuitBreaker.CircuitBreaker>()
  })
})

describe("what answers instead", () => {
  it("a cascade holds the errors that move on, and fails with the others", () => {
    const isMine = (error: Mine | Theirs | Open): error is Mine | Open => error._tag !== "Theirs"
    const two = () =>
      Cascade.first("a", breaker.protect(work), { when: isMine }).pipe(
        Cascade.orElse("b", bulkhead.protect(Effect.succeed(1)))
      )
    expectTypeOf(() => Cascade.run(two())).returns.toEqualTypeOf<
      Effect.Effect<
        Cascade.Served<"answer" | number, Mine | Open | Full>,
        Theirs | Cascade.CascadeExhausted<Mine | Open | Full>,
        Needed
      >
    >()
    expectTypeOf(() => Cascade.run(two().pipe(Cascade.orConstant("c", null)))).returns.toEqualTypeOf<
      Effect.Effect<Cascade.Served<"answer" | number | null, Mine | Open | Full>, Theirs, Needed>
    >()
  })

  it("a cache adds nothing to the errors of the call", () => {
    const through = (cache: StaleCache.StaleCache<"answer">) => work.pipe(rateLimiter.protect, cache.through("key"))
    expectTypeOf(through).returns.toEqualTypeOf<
      Effect.Effect<StaleCache.Cached<"answer">, Mine | Theirs | Limited, Needed>
    >()
    const lastGood = (cache: StaleCache.StaleCache<"answer">) => cache.lastGood("key")
    expectTypeOf(lastGood).returns.toEqualTypeOf<Effect.Effect<StaleCache.Cached<"answer"> | undefined>>()
  })
})
