/** What the API for operators answers. Amounts are dollars, times are milliseconds, and `null` is what is not known. */
import * as Schema from "effect/Schema"

const Count = Schema.Finite
const OrNull = Schema.NullOr(Schema.Finite)
const CountsByWord = Schema.Record(Schema.String, Schema.Finite)

export const Circuit = Schema.Struct({
  id: Schema.String,
  state: Schema.Literals(["Closed", "Open", "HalfOpen", "ForcedOpen", "Disabled", "MetricsOnly"]),
  /** When the state began, in wall-clock milliseconds. */
  since: Schema.Finite,
  /** Why the state began; `null` where that is no longer remembered. */
  reason: Schema.NullOr(Schema.String),
  failureRate: OrNull,
  slowRate: OrNull,
  thresholds: Schema.Struct({ failureRate: OrNull, slowCallRate: Schema.Finite, minimumCalls: Count }),
  calls: Count,
  failed: Count,
  slow: Count,
  inFlight: Count,
  rejected: Count,
  openings: Count,
  openingsInRow: Count,
  /** Time until a probe is admitted. */
  nextRetryMillis: OrNull,
  /** The share of calls that pass after the circuit has closed; `null` where all do. */
  rampUp: OrNull,
  totals: Schema.Struct({ successes: Count, failures: Count, ignored: Count, slow: Count })
})

export const Bulkhead = Schema.Struct({
  id: Schema.String,
  concurrency: Count,
  inFlight: Count,
  queue: Count,
  queued: Count,
  rejected: CountsByWord
})

export const Limiter = Schema.Struct({
  id: Schema.String,
  limits: Schema.Array(Schema.Struct({ resource: Schema.String, available: Schema.Finite, capacity: Schema.Finite })),
  waiting: Count,
  admitted: Count,
  rejected: Count,
  pausedForMillis: OrNull
})

export const Retry = Schema.Struct({
  id: Schema.String,
  calls: Count,
  attempts: Count,
  recovered: Count,
  gaveUp: CountsByWord,
  notRetried: Count
})

export const RetryBudget = Schema.Struct({
  id: Schema.String,
  /** Retries that could be made now. */
  available: Schema.Finite,
  successes: Count,
  retries: Count,
  refused: Count
})

export const Timeout = Schema.Struct({
  id: Schema.String,
  durationMillis: Schema.Finite,
  calls: Count,
  timeouts: Count
})

export const Model = Schema.Struct({
  name: Schema.String,
  provider: Schema.String,
  circuit: Schema.NullOr(Circuit),
  /** The kind of the last error, such as `ProviderFault`, its status where it has one, and when it was. */
  lastError: Schema.NullOr(Schema.Struct({ kind: Schema.String, status: OrNull, at: Schema.Finite })),
  bulkhead: Schema.NullOr(Bulkhead),
  limiter: Schema.NullOr(Limiter),
  retry: Schema.NullOr(Retry),
  /** `null` where the file has no budget for the retries of the model. */
  retryBudget: Schema.NullOr(RetryBudget),
  timeout: Schema.NullOr(Timeout)
})

export const Cascade = Schema.Struct({
  name: Schema.String,
  steps: Schema.Array(Schema.String),
  /** Why its answers are not what was asked for: `stale`, `canned`, `exhausted`. */
  degraded: Schema.NullOr(Schema.String),
  /** The step of the last answer. */
  servingFrom: Schema.NullOr(Schema.String),
  runs: Count,
  /** Requests that wait for another round. */
  waiting: Count,
  exhausted: Count,
  served: Schema.Array(
    Schema.Struct({ step: Schema.String, degradation: Schema.String, served: Count, failed: Count })
  )
})

export const Client = Schema.Struct({
  name: Schema.String,
  models: Schema.Array(Schema.String),
  priority: Schema.Finite,
  limiter: Schema.NullOr(Limiter),
  /** Requests of the last minute, a little more at most, how many were refused, and what was spent. */
  lastMinute: Schema.Struct({
    /** How long it was: less after the start of the gateway. */
    seconds: Schema.Finite,
    requests: Count,
    /** Because the gateway had too much to do. */
    shed: Count,
    /** With a 429, by a limit or a budget of the client. */
    limited: Count,
    /** `null` where the file has no prices. */
    dollars: OrNull
  }),
  /** `null` where the file has no prices. */
  money: Schema.NullOr(Schema.Struct({
    cost: Schema.Finite,
    saved: Schema.Finite,
    wasted: Schema.Finite,
    replies: Count,
    failures: Count,
    refused: Count,
    budget: Schema.NullOr(Schema.Struct({
      limit: Schema.Finite,
      spent: Schema.Finite,
      reserved: Schema.Finite,
      resetsInMillis: Schema.Finite
    }))
  }))
})

export const Cache = Schema.Struct({
  id: Schema.String,
  size: Count,
  capacity: Count,
  bytes: Count,
  maxBytes: OrNull,
  served: CountsByWord,
  storeFailures: Count
})

export const Provider = Schema.Struct({
  name: Schema.String,
  /** By label or place, never the key itself. */
  keys: Schema.Array(Schema.Struct({
    key: Schema.String,
    state: Schema.Literals(["used", "parked"]),
    /** `null` of a parked key: until it is unparked. */
    parkedForMillis: OrNull,
    /** The error of the provider that parked it, or `Manual`. */
    because: Schema.NullOr(Schema.String),
    models: Schema.Array(Schema.Struct({ model: Schema.String, parkedForMillis: Schema.Finite }))
  }))
})

const Durations = Schema.Struct({
  count: Count,
  sumSeconds: Schema.Finite,
  maxSeconds: Schema.Finite,
  /** How many took up to each bound. The difference of two readings gives the percentiles of the time between. */
  buckets: Schema.Array(Schema.Struct({ upToSeconds: Schema.Finite, count: Count }))
})

export const Requests = Schema.Struct({
  inFlight: Count,
  maxRequests: Count,
  shed: CountsByWord,
  toldRetries: CountsByWord,
  clientsLeft: Count,
  failedInBand: Count,
  byRoute: Schema.Array(Schema.Struct({ route: Schema.String, status: Count, count: Count })),
  /** Of what models answer, from the request to the end of the answer. */
  durations: Durations,
  /** Of the same, from the request to the answer, or to the first content of a stream. */
  waits: Durations,
  /** The part of the time until an answer in which no call to a provider ran. */
  overhead: Durations
})

/** What clients got for their calls since the start of the gateway. */
export const Outcomes = Schema.Struct({
  /** An answer of what they asked for. */
  askedFor: Count,
  fallback: Count,
  stale: Count,
  canned: Count,
  /** Failed, shed or cut short. */
  error: Count,
  /** Wrong or not allowed: the client has to change something. */
  refused: Count,
  /** The client did not wait for the answer. */
  left: Count
})

/** What charts are drawn of. All but `inFlight` and `queued` count from the start of the gateway. */
export const Sample = Schema.Struct({
  /** Wall-clock milliseconds. */
  at: Schema.Finite,
  outcomes: Outcomes,
  /** Calls whose answer, or first content, was there within each bound of `durationBounds`, and all calls last. */
  durations: Schema.Array(Count),
  inFlight: Count,
  /** Calls that wait for a slot of a bulkhead or for a limiter. */
  queued: Count,
  /** Requests refused because the gateway had too much to do. */
  shed: Count,
  /** Calls to models, also those that a guard rejected, and the attempts for them: those beyond the calls are retries. */
  modelCalls: Count,
  attempts: Count,
  cost: Schema.Finite,
  saved: Schema.Finite
})

export const Samples = Schema.Struct({
  everyMillis: Schema.Finite,
  /** Ascending, in seconds. */
  durationBounds: Schema.Array(Schema.Finite),
  /** Oldest first. Only those of the last 15 minutes are kept. */
  samples: Schema.Array(Sample)
})

export const Health = Schema.Struct({
  status: Schema.Literals(["up", "degraded", "down", "unknown"]),
  /** When this status was first seen, in wall-clock milliseconds: it is looked at every five seconds. */
  since: Schema.Finite,
  reasons: Schema.Array(Schema.Struct({
    kind: Schema.String,
    name: Schema.String,
    reason: Schema.String,
    count: Count,
    critical: Schema.Boolean,
    retryAfterMillis: OrNull
  }))
})

export const Cluster = Schema.Struct({
  /** The name of the fleet. */
  fleet: Schema.String,
  /** `away` while Redis does not answer: each gateway goes on by itself. */
  state: Schema.Literals(["joining", "joined", "away"]),
  /** Why Redis does not answer, in a word such as `ECONNREFUSED`; `null` where it answers, or where nothing is heard at all. */
  because: Schema.NullOr(Schema.String),
  /** Gateways that Redis has heard of lately, with this one. */
  nodes: Count,
  /** When Redis answered last, in wall-clock milliseconds. */
  lastSync: OrNull,
  syncs: Count,
  timeouts: Count,
  /** How often changes were missed, and all circuits read again. */
  gaps: Count,
  /** Circuits that this gateway has opened, and the fleet has not. */
  dissent: Schema.Array(Schema.String),
  /** Circuits and limits of which another gateway has other options, and which: the other value, and that of this one. */
  rulesDiffer: Schema.Array(Schema.Struct({ name: Schema.String, difference: Schema.String })),
  /**
   * What limits are while Redis does not answer: `local` for the limit divided by the gateways that were there last, `open` for
   * the whole limit on each gateway, `closed` for nothing.
   */
  away: Schema.Literals(["local", "open", "closed"]),
  /** The limits that all gateways have together. */
  limits: Schema.Array(Schema.Struct({
    limiter: Schema.String,
    resource: Schema.String,
    /** What this gateway has booked so far, and what of it went back unused. */
    booked: Schema.Finite,
    givenBack: Schema.Finite,
    /** Whether Redis does not answer, and the limit is as `away` says. */
    isAway: Schema.Boolean
  })),
  /** The budgets that all gateways have together, in dollars. */
  budgets: Schema.Struct({
    /** Of which this gateway holds a share. */
    count: Count,
    /** What it holds that no call has reserved. */
    held: Schema.Finite,
    /** What its calls have reserved and spent beyond that, of which Redis has not heard. */
    owed: Schema.Finite,
    /** What it has taken so far, and what of that went back unused. */
    taken: Schema.Finite,
    givenBack: Schema.Finite,
    /** Whether Redis does not answer, and budgets are as `away` says. */
    isAway: Schema.Boolean
  })
})

export const Overview = Schema.Struct({
  /** Wall-clock milliseconds. */
  at: Schema.Finite,
  generation: Count,
  ready: Schema.Boolean,
  /** What the token of this request may do. */
  scope: Schema.Literals(["read", "control"]),
  /** The address of the runbook, as the file has it. */
  runbook: Schema.NullOr(Schema.String),
  /** What the file promises to clients. */
  promise: Schema.Struct({ p95Millis: OrNull }),
  health: Health,
  /** `null` where the file has no fleet. */
  cluster: Schema.NullOr(Cluster),
  /** The sample of this moment. */
  totals: Sample,
  /** The number of the last event. */
  lastEventId: Count,
  requests: Requests,
  models: Schema.Array(Model),
  cascades: Schema.Array(Cascade),
  clients: Schema.Array(Client),
  caches: Schema.Array(Cache),
  providers: Schema.Array(Provider)
})

export const Transition = Schema.Struct({
  _tag: Schema.Literal("Transition"),
  id: Count,
  at: Schema.Finite,
  kind: Schema.String,
  subject: Schema.String,
  from: Schema.String,
  to: Schema.String,
  reason: Schema.String,
  openForMillis: Schema.optionalKey(Schema.Finite)
})

export const Act = Schema.Struct({
  _tag: Schema.Literal("Act"),
  id: Count,
  at: Schema.Finite,
  act: Schema.String,
  subject: Schema.String,
  /** The name of the token. */
  by: Schema.String,
  reason: Schema.String,
  result: Schema.String
})

export const Event = Schema.Union([Transition, Act])

export const Events = Schema.Struct({
  lastId: Count,
  /** Oldest first. Only the last thousand are kept. */
  events: Schema.Array(Event)
})
