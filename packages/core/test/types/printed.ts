/** What a user writes, beside its type as compilers print it. Unions are in alphabetical order: see `sorted.ts`. */

/** What the expressions are about. */
export const preamble = `import {
  AdaptiveThrottle,
  Attempts,
  Bulkhead,
  Cascade,
  CircuitBreaker,
  ConcurrencyLimit,
  Deadline,
  Guard,
  Hedge,
  Pipeline,
  RateLimiter,
  Registry,
  Retry,
  RetryBudget,
  StaleCache,
  Telemetry
} from "@switchgear/core"
import { Data, Effect } from "effect"
export class Down extends Data.TaggedError("Down")<{}> {}
export class Closed extends Data.TaggedError("Closed")<{}> {}
export class Crowded extends Data.TaggedError("Crowded")<{}> {}
export class Model extends CircuitBreaker.Service<Model>()("model", { minimumCalls: 20 }) {}
export class Slots extends Bulkhead.Service<Slots>()("model", { concurrency: 4 }) {}
export class Moving extends ConcurrencyLimit.Service<Moving>()("model") {}
export class Quota extends RateLimiter.Service<Quota>()("model", { limits: [RateLimiter.requests(5, "1 second")] }) {}
export class Again extends Retry.Service<Again>()("model") {}
export class Budget extends RetryBudget.Service<Budget>()("model") {}
declare const work: Effect.Effect<string, Down>
declare const breaker: CircuitBreaker.CircuitBreaker
declare const bulkhead: Bulkhead.Bulkhead
declare const limit: ConcurrencyLimit.ConcurrencyLimit
declare const rateLimiter: RateLimiter.RateLimiter
declare const retry: Retry.Retry
declare const hedge: Hedge.Hedge
declare const throttle: AdaptiveThrottle.AdaptiveThrottle
declare const retryOfSome: Retry.Retry<Down | CircuitBreaker.CircuitOpen>
declare const shop: Guard.Guard<Closed | Crowded>
declare const cache: StaleCache.StaleCache<string>
declare const cascade: Cascade.Cascade<string, Down, never, never, unknown, Down>
declare const endless: Cascade.Cascade<string, Down, never, never, unknown, never>
`

/** The name of what is exported: the expression, and its type. */
export const printed: Readonly<Record<string, readonly [expression: string, type: string]>> = {
  allParts: [
    `Pipeline.make({ deadline: "30 seconds", retry, rateLimiter, bulkhead, breaker, attemptTimeout: "10 seconds" })`,
    "Effect.Effect<Pipeline.Pipeline<Bulkhead.BulkheadFull | CircuitBreaker.CircuitOpen | Deadline.DeadlineExceeded"
    + " | RateLimiter.RateLimited>, never, never>"
  ],
  twoParts: [
    "Pipeline.make({ bulkhead, breaker })",
    "Effect.Effect<Pipeline.Pipeline<Bulkhead.BulkheadFull | CircuitBreaker.CircuitOpen>, never, never>"
  ],
  noParts: ["Pipeline.make({})", "Effect.Effect<Pipeline.Pipeline<never>, never, never>"],
  ownGuard: [
    "Pipeline.make({ breaker, guards: { beforeBreaker: [shop] } })",
    "Effect.Effect<Pipeline.Pipeline<CircuitBreaker.CircuitOpen | Closed | Crowded>, never, never>"
  ],
  ownGuardAlone: [
    "Pipeline.make({ guards: { outermost: shop } })",
    "Effect.Effect<Pipeline.Pipeline<Closed | Crowded>, never, never>"
  ],
  hedgeAndThrottle: [
    "Pipeline.make({ hedge, breaker, guards: { perAttempt: throttle } })",
    "Effect.Effect<Pipeline.Pipeline<AdaptiveThrottle.Throttled | CircuitBreaker.CircuitOpen>, never, never>"
  ],
  throughHedge: ["hedge.protect(work)", "Effect.Effect<string, Down, never>"],
  besideBackup: [
    "hedge.protectWith({ backup: Effect.fail(new Closed()) })(work)",
    "Effect.Effect<string, Closed | Down, never>"
  ],
  throughThrottle: ["throttle.protect(work)", "Effect.Effect<string, AdaptiveThrottle.Throttled | Down, never>"],
  madeHedge: [`Hedge.make({ name: "model" })`, "Effect.Effect<Hedge.Hedge, never, never>"],
  madeThrottle: [
    `AdaptiveThrottle.make({ name: "model" })`,
    "Effect.Effect<AdaptiveThrottle.AdaptiveThrottle, never, never>"
  ],
  retryOfSomeErrors: [
    "Pipeline.make({ retry: retryOfSome, breaker })",
    "Effect.Effect<Pipeline.PipelineFor<CircuitBreaker.CircuitOpen, CircuitBreaker.CircuitOpen | Down>, never, never>"
  ],
  partsOfConfig: [
    `Pipeline.fromConfig("model", { bulkhead })`,
    "Effect.Effect<Pipeline.Pipeline<Bulkhead.BulkheadFull | Deadline.DeadlineExceeded>,"
    + ` import("effect/Config").ConfigError, never>`
  ],
  throughPipeline: [
    "Effect.flatMap(Pipeline.make({ bulkhead, breaker }), (pipeline) => pipeline.protect(work))",
    "Effect.Effect<string, Bulkhead.BulkheadFull | CircuitBreaker.CircuitOpen | Down, never>"
  ],
  throughBreaker: ["breaker.protect(work)", "Effect.Effect<string, CircuitBreaker.CircuitOpen | Down, never>"],
  throughClass: ["Model.protect(work)", "Effect.Effect<string, CircuitBreaker.CircuitOpen | Down, Model>"],
  throughClasses: [
    "work.pipe(Slots.protect, Quota.protect, Again.protect, Budget.within)",
    "Effect.Effect<string, Bulkhead.BulkheadFull | Down | RateLimiter.RateLimited, Again | Budget | Quota | Slots>"
  ],
  throughGuard: ["shop.protect(work)", "Effect.Effect<string, Closed | Crowded | Down, never>"],
  byHand: [
    `work.pipe(Deadline.attempt("1 second"), breaker.protect, retry.protect, Attempts.within(3))`,
    "Effect.Effect<string, CircuitBreaker.CircuitOpen | Deadline.DeadlineExceeded | Down, never>"
  ],
  layerOfClass: ["Model.layer", `import("effect/Layer").Layer<Model, never, never>`],
  layerOfConfig: [
    `Model.layerConfig("model")`,
    `import("effect/Layer").Layer<Model, import("effect/Config").ConfigError, never>`
  ],
  chain: [
    `Cascade.first("gpt", breaker.protect(work)).pipe(Cascade.orElse("claude", work))`,
    "Cascade.Cascade<string, CircuitBreaker.CircuitOpen | Down, never, never, unknown, CircuitBreaker.CircuitOpen | Down>"
  ],
  chainRun: [
    "Cascade.run(cascade)",
    "Effect.Effect<Cascade.Served<string, Down>, Cascade.CascadeExhausted<Down>, never>"
  ],
  endlessRun: ["Cascade.run(endless)", "Effect.Effect<Cascade.Served<string, Down>, never, never>"],
  cached: [`work.pipe(cache.through("key"))`, "Effect.Effect<StaleCache.Cached<string>, Down, never>"],
  stale: [`work.pipe(cache.orStale("key"))`, "Effect.Effect<StaleCache.Cached<string>, Down, never>"],
  madeBreaker: [
    `CircuitBreaker.make({ name: "model" })`,
    "Effect.Effect<CircuitBreaker.CircuitBreaker, never, never>"
  ],
  madeFamily: [
    `CircuitBreaker.Family.make({ name: "model" })`,
    "Effect.Effect<CircuitBreaker.Family.Family, never, never>"
  ],
  madeRetry: ["Retry.make({ maxAttempts: 2 })", "Effect.Effect<Retry.Retry<unknown>, never, never>"],
  madeRetryOfSome: [
    `Retry.make({ while: (error: Down) => error._tag === "Down" })`,
    "Effect.Effect<Retry.Retry<Down>, never, never>"
  ],
  madeGuard: [
    `Guard.make({ name: "shop", acquire: () => Guard.reject(new Closed()) })`,
    "Effect.Effect<Guard.Guard<Closed>, never, never>"
  ],
  found: [
    `Registry.find(CircuitBreaker.kind, "model")`,
    "Effect.Effect<CircuitBreaker.CircuitBreaker | undefined, never, never>"
  ],
  snapshots: [
    "Registry.snapshotsOf(Bulkhead.kind)",
    "Effect.Effect<readonly Registry.Snapshot<Bulkhead.Snapshot>[], never, never>"
  ],
  madeLimit: [
    `ConcurrencyLimit.make({ name: "model" })`,
    "Effect.Effect<ConcurrencyLimit.ConcurrencyLimit, never, never>"
  ],
  pipelineOfLimit: [
    `Pipeline.make({ bulkhead: limit })`,
    "Effect.Effect<Pipeline.Pipeline<Bulkhead.BulkheadFull>, never, never>"
  ],
  limitProtects: [
    `limit.protect(Effect.fail(new Down()))`,
    "Effect.Effect<never, Bulkhead.BulkheadFull | Down, never>"
  ],
  kind: ["CircuitBreaker.kind", "Guard.Kind<CircuitBreaker.CircuitBreaker, CircuitBreaker.Snapshot>"],
  schemaOfBreaker: [
    "CircuitBreaker.OptionsSchema",
    `import("effect/Schema").Codec<CircuitBreaker.Options, CircuitBreaker.WrittenOptions, never, never>`
  ],
  schemaOfPipeline: [
    "Pipeline.OptionsSchema",
    `import("effect/Schema").Codec<Pipeline.Times, Pipeline.WrittenOptions, never, never>`
  ],
  publishing: ["Telemetry.layer()", `import("effect/Layer").Layer<Telemetry.View, never, never>`]
}

/** The classes that users extend: what their declarations say of the base. */
export const bases: Readonly<Record<string, string>> = {
  Model: `CircuitBreaker.ServiceClass<Model, "model">`,
  Slots: `Bulkhead.ServiceClass<Slots, "model">`,
  Moving: `ConcurrencyLimit.ServiceClass<Moving, "model">`,
  Quota: `RateLimiter.ServiceClass<Quota, "model">`,
  Again: `Retry.ServiceClass<Again, "model", unknown>`,
  Budget: `RetryBudget.ServiceClass<Budget, "model">`
}
