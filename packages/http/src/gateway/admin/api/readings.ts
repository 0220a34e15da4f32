/** Reads the running gateway into the shapes of the API. */
import * as BulkheadGuard from "@switchgear/core/Bulkhead"
import * as CascadeGuard from "@switchgear/core/Cascade"
import * as CircuitBreaker from "@switchgear/core/CircuitBreaker"
import * as ConcurrencyLimit from "@switchgear/core/ConcurrencyLimit"
import type { SharedLimit } from "@switchgear/core/Cluster"
import * as Deadline from "@switchgear/core/Deadline"
import * as RateLimiter from "@switchgear/core/RateLimiter"
import type * as Registry from "@switchgear/core/Registry"
import * as RetryGuard from "@switchgear/core/Retry"
import * as RetryBudgetGuard from "@switchgear/core/RetryBudget"
import * as StaleCache from "@switchgear/core/StaleCache"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { answered } from "../../server/counts.ts"
import type { Histogram } from "../../server/histogram.ts"
import type { Caller } from "../../service/callers.ts"
import { healthOf } from "../health.ts"
import type { Guards } from "../guards.ts"
import type { Running, Scope } from "../model.ts"
import type * as Schemas from "./schemas.ts"

const millisOf = (duration: Duration.Duration | undefined): number | null =>
  duration === undefined || !Duration.isFinite(duration) ? null : Duration.toMillis(duration)

const dollarsOf = (microDollars: number): number => microDollars / 1_000_000

export const circuitOf = (
  guards: Guards,
  { id, snapshot }: Registry.Snapshot<CircuitBreaker.Snapshot>
): typeof Schemas.Circuit.Type => {
  const { calls, failed, inFlight, openings, openingsInRow, rejected, since, slow, state, thresholds, totals } =
    snapshot
  const began = guards.lastChangeOf(CircuitBreaker.kind, id)
  return {
    id,
    state,
    since,
    reason: began?.to === state ? began.reason : null,
    failureRate: snapshot.failureRate ?? null,
    slowRate: snapshot.slowRate ?? null,
    thresholds: {
      failureRate: thresholds.failureRate ?? null,
      slowCallRate: thresholds.slowCallRate,
      minimumCalls: thresholds.minimumCalls
    },
    calls,
    failed,
    slow,
    inFlight,
    rejected,
    openings,
    openingsInRow,
    nextRetryMillis: millisOf(snapshot.nextRetry),
    rampUp: snapshot.rampUp ?? null,
    totals: { successes: totals.successes, failures: totals.failures, ignored: totals.ignored, slow: totals.slow }
  }
}

export const bulkheadOf = (
  { id, snapshot: { concurrency, inFlight, queue, queued, rejected } }: Registry.Snapshot<BulkheadGuard.Snapshot>
): typeof Schemas.Bulkhead.Type => ({ id, concurrency, inFlight, queue, queued, rejected })

export const limiterOf = (
  { id, snapshot: { admitted, limits, pausedFor, rejected, waiting } }: Registry.Snapshot<RateLimiter.Snapshot>
): typeof Schemas.Limiter.Type => ({
  id,
  limits: limits.map(({ available, capacity, resource }) => ({ resource, available, capacity })),
  waiting,
  admitted,
  rejected,
  pausedForMillis: millisOf(pausedFor)
})

export const cacheOf = (
  { id, snapshot: { bytes, capacity, maxBytes, served, size, storeFailures } }: Registry.Snapshot<StaleCache.Snapshot>
): typeof Schemas.Cache.Type => ({ id, size, capacity, bytes, maxBytes: maxBytes ?? null, served, storeFailures })

const retryOf = (
  { id, snapshot: { attempts, calls, gaveUp, notRetried, recovered } }: Registry.Snapshot<RetryGuard.Snapshot>
): typeof Schemas.Retry.Type => ({ id, calls, attempts, recovered, gaveUp, notRetried })

const retryBudgetOf = (
  { id, snapshot: { available, refused, retries, successes } }: Registry.Snapshot<RetryBudgetGuard.Snapshot>
): typeof Schemas.RetryBudget.Type => ({ id, available, successes, retries, refused })

const timeoutOf = (
  { id, snapshot: { calls, duration, timeouts } }: Registry.Snapshot<Deadline.Snapshot>
): typeof Schemas.Timeout.Type => ({ id, durationMillis: Duration.toMillis(duration), calls, timeouts })

/** The guard of a kind that has a name. */
const named = <S, A>(
  guards: Guards,
  kind: Registry.Kind<any, S>,
  name: string,
  read: (one: Registry.Snapshot<S>) => A
): A | null => {
  const found = guards.find(kind, name)
  return found === undefined ? null : read(found)
}

export const modelsOf = (running: Running, guards: Guards): ReadonlyArray<typeof Schemas.Model.Type> =>
  Object.entries(running.config.models).map(([name, { provider }]) => ({
    name,
    provider,
    circuit: named(guards, CircuitBreaker.kind, name, (one) => circuitOf(guards, one)),
    lastError: lastErrorOf(running, name),
    bulkhead: named(guards, BulkheadGuard.kind, name, bulkheadOf) ??
      named(guards, ConcurrencyLimit.kind, name, bulkheadOf),
    limiter: named(guards, RateLimiter.kind, name, limiterOf),
    retry: named(guards, RetryGuard.kind, name, retryOf),
    retryBudget: named(guards, RetryBudgetGuard.kind, name, retryBudgetOf),
    timeout: named(guards, Deadline.kind, name, timeoutOf)
  }))

const lastErrorOf = ({ calls }: Running, name: string): (typeof Schemas.Model.Type)["lastError"] => {
  const last = calls.lastErrorOf(CircuitBreaker.kind.tag, name)
  return last === undefined ? null : { kind: last.errorMessage ?? "Error", status: last.status ?? null, at: last.at }
}

export const cascadesOf = ({ config }: Running, guards: Guards): ReadonlyArray<typeof Schemas.Cascade.Type> =>
  Object.entries(config.cascades).map(([name, { steps }]) => {
    const snapshot = named(guards, CascadeGuard.kind, name, ({ snapshot }) => snapshot)
    return {
      name,
      steps,
      degraded: snapshot?.degraded ?? null,
      servingFrom: snapshot?.servingFrom ?? null,
      runs: snapshot?.runs ?? 0,
      waiting: snapshot?.waiting ?? 0,
      exhausted: snapshot?.exhausted ?? 0,
      served: (snapshot?.steps ?? []).map(({ degradation, failed, served, step }) => ({
        step,
        degradation,
        served,
        failed
      }))
    }
  })

export const cachesOf = (guards: Guards): ReadonlyArray<typeof Schemas.Cache.Type> =>
  guards.of(StaleCache.kind).map(cacheOf)

/** What was counted of a client, for {@link Running.clientMinute}. */
export const countedOf = ({ counts }: Running) => ({ ledger, name }: Caller) =>
  Effect.map(
    ledger === undefined ? Effect.undefined : ledger.snapshot,
    (spent) => [name, { ...counts.of(name), dollars: dollarsOf(spent?.total.cost ?? 0) }] as const
  )

const clientOf = (
  { clientMinute, counts }: Running,
  { ledger, limiter, name, priority, targets }: Caller,
  guards: Guards
): Effect.Effect<typeof Schemas.Client.Type> =>
  Effect.gen(function*() {
    const spent = ledger === undefined ? undefined : yield* ledger.snapshot
    const budget = spent?.budgets[0]
    const counted = { ...counts.of(name), dollars: dollarsOf(spent?.total.cost ?? 0) }
    const lastMinute = clientMinute.of(name, counted, yield* Clock.currentTimeMillis)
    return {
      name,
      models: [...targets.keys()],
      priority,
      limiter: limiter === undefined ? null : named(guards, RateLimiter.kind, limiter.name, limiterOf),
      lastMinute: { ...lastMinute, dollars: spent === undefined ? null : lastMinute.dollars },
      money: spent === undefined ? null : {
        cost: dollarsOf(spent.total.cost),
        saved: dollarsOf(spent.total.saved),
        wasted: dollarsOf(spent.total.wasted),
        replies: spent.total.replies,
        failures: spent.total.failures,
        refused: spent.total.refused,
        budget: budget === undefined ? null : {
          limit: dollarsOf(budget.limit),
          spent: dollarsOf(budget.spent),
          reserved: dollarsOf(budget.reserved),
          resetsInMillis: Duration.toMillis(budget.resetsIn)
        }
      }
    }
  })

export const clientsOf = (
  running: Running,
  guards: Guards
): Effect.Effect<ReadonlyArray<typeof Schemas.Client.Type>> =>
  Effect.forEach(running.callers.all, (caller) => clientOf(running, caller, guards))

export const providersOf = ({ providers }: Running): Effect.Effect<ReadonlyArray<typeof Schemas.Provider.Type>> =>
  Effect.forEach([...providers], ([name, { keys }]) =>
    Effect.map(keys, (keys) => ({
      name,
      keys: keys.map(({ because, key, models = [], parkedFor }) => ({
        key,
        state: parkedFor === undefined ? "used" as const : "parked" as const,
        parkedForMillis: millisOf(parkedFor),
        because: because ?? null,
        models: models.map(({ model, parkedFor }) => ({ model, parkedForMillis: Duration.toMillis(parkedFor) }))
      }))
    })))

export const clusterOf = ({ node }: Running): Effect.Effect<typeof Schemas.Cluster.Type | null> =>
  node === undefined
    ? Effect.succeed(null)
    : Effect.map(
      node.seen,
      (
        { away, because, budgets, dissent, fleet, gaps, lastSync, limits, nodes, rulesDiffer, state, syncs, timeouts }
      ) => ({
        fleet,
        state,
        because: because ?? null,
        nodes,
        lastSync: lastSync ?? null,
        syncs,
        timeouts,
        gaps,
        dissent,
        rulesDiffer: rulesDiffer.map(([name, difference]) => ({ name, difference })),
        away,
        limits: eachOnce(limits),
        budgets: {
          count: budgets.count,
          held: dollarsOf(budgets.held),
          owed: dollarsOf(budgets.owed),
          taken: dollarsOf(budgets.taken),
          givenBack: dollarsOf(budgets.givenBack),
          isAway: budgets.isAway
        }
      })
    )

/** A limit of another file is there twice until the calls that began by the file before have ended. */
const eachOnce = (limits: ReadonlyArray<SharedLimit>): ReadonlyArray<SharedLimit> => {
  const sums = new Map<string, SharedLimit>()
  for (const limit of limits) {
    const key = `${limit.limiter}:${limit.resource}`
    const { booked = 0, givenBack = 0 } = sums.get(key) ?? {}
    sums.set(key, { ...limit, booked: booked + limit.booked, givenBack: givenBack + limit.givenBack })
  }
  return [...sums.values()]
}

const requestsOf = ({ config, counts, inFlight }: Running): typeof Schemas.Requests.Type => ({
  inFlight,
  maxRequests: config.listen.maxRequests,
  shed: { ...counts.shed },
  toldRetries: { ...counts.toldRetries },
  clientsLeft: counts.left,
  failedInBand: counts.failedInBand,
  byRoute: [...counts.requests].flatMap(([route, statuses]) =>
    [...statuses].map(([status, count]) => ({ route, status, count }))
  ),
  durations: summaryOf(counts.durations),
  waits: summaryOf(counts.waits),
  overhead: summaryOf(counts.overhead)
})

const summaryOf = ({ buckets, count, max, sum }: Histogram) => ({
  count,
  sumSeconds: sum,
  maxSeconds: max,
  buckets: buckets.map(([upToSeconds, count]) => ({ upToSeconds, count }))
})

const shownHealth = (
  { reasons, status }: Registry.Health,
  since: number
): typeof Schemas.Health.Type => ({
  status,
  since,
  reasons: reasons.map(({ count, critical, kind, name, reason, retryAfter }) => ({
    kind,
    name,
    reason,
    count,
    critical,
    retryAfterMillis: millisOf(retryAfter)
  }))
})

const clientLeft = 499

const outcomesOf = ({ config, counts }: Running): typeof Schemas.Outcomes.Type => {
  const statuses = [...counts.requests].flatMap(([route, statuses]) => answered.has(route) ? [...statuses] : [])
  const sumOf = (is: (status: number) => boolean) =>
    statuses.reduce((sum, [status, count]) => is(status) ? sum + count : sum, 0)
  const isError = (status: number) => status >= 500 || status === 429 || status === config.listen.exhaustedStatus
  const { canned, fallback, stale } = counts.degraded
  return {
    askedFor: sumOf((status) => status < 400) - counts.failedInBand - fallback - stale - canned,
    fallback,
    stale,
    canned,
    error: sumOf(isError) + counts.failedInBand,
    refused: sumOf((status) => status >= 400 && status !== clientLeft && !isError(status)),
    left: sumOf((status) => status === clientLeft)
  }
}

/** What charts are drawn of, at this moment. */
export const sampleOf = (running: Running, guards: Guards): Effect.Effect<typeof Schemas.Sample.Type> =>
  Effect.gen(function*() {
    const { callers, config, counts: { shed, waits }, inFlight } = running
    const retries = guards.of(RetryGuard.kind).filter(({ id }) => Object.hasOwn(config.models, id))
    const sumOf = (of: "calls" | "attempts") => retries.reduce((sum, { snapshot }) => sum + snapshot[of], 0)
    const ledgers = yield* Effect.forEach(callers.all, ({ ledger }) => ledger?.snapshot ?? Effect.undefined)
    const money = (of: "cost" | "saved") =>
      dollarsOf(ledgers.reduce((sum, spent) => sum + (spent === undefined ? 0 : spent.total[of]), 0))
    return {
      at: yield* Clock.currentTimeMillis,
      outcomes: outcomesOf(running),
      durations: [...waits.buckets.map(([, count]) => count), waits.count],
      inFlight,
      queued: guards.of(BulkheadGuard.kind).reduce((sum, { snapshot }) => sum + snapshot.queued, 0) +
        guards.of(ConcurrencyLimit.kind).reduce((sum, { snapshot }) => sum + snapshot.queued, 0) +
        guards.of(RateLimiter.kind).reduce((sum, { snapshot }) => sum + snapshot.waiting, 0),
      shed: shed.requests + shed.bytes + shed.stopping,
      modelCalls: sumOf("calls"),
      attempts: sumOf("attempts"),
      cost: money("cost"),
      saved: money("saved")
    }
  })

export const overviewOf = (running: Running, scope: Scope): Effect.Effect<typeof Schemas.Overview.Type> =>
  Effect.gen(function*() {
    const guards = yield* running.view.guards
    const totals = yield* sampleOf(running, guards)
    const health = yield* healthOf(running)
    return {
      at: totals.at,
      generation: running.generation,
      ready: running.isReady,
      scope,
      runbook: running.config.admin?.runbook ?? null,
      promise: { p95Millis: millisOf(running.config.admin?.promise.p95) },
      health: shownHealth(health, running.samples.since(health.status, totals.at)),
      cluster: yield* clusterOf(running),
      totals,
      lastEventId: running.journal.lastId,
      requests: requestsOf(running),
      models: modelsOf(running, guards),
      cascades: cascadesOf(running, guards),
      clients: yield* clientsOf(running, guards),
      caches: cachesOf(guards),
      providers: yield* providersOf(running)
    }
  })
