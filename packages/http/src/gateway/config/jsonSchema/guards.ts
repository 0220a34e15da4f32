/** The options of a model's guards. */
import {
  anyOf,
  choice,
  delay,
  duration,
  durationOrEndless,
  flag,
  group,
  integer,
  type JsonSchema,
  list,
  numberAbove,
  numberFrom,
  option,
  orVariable,
  text,
  wait
} from "./parts.ts"

const share = numberAbove(0, 1)

const window = anyOf(
  group({ lastCalls: option(integer(1, 10_000_000), "The last so many calls.") }, ["lastCalls"]),
  group({
    lasting: option(duration, "The calls of the last so much time."),
    buckets: option(integer(1, 10_000), "The slices of that time in which calls are counted.", 10)
  }, ["lasting"])
)

const openFor = anyOf(
  duration,
  group({
    baseDelay: option(duration, "How long the first opening lasts."),
    factor: option(numberFrom(1), "How much longer each opening in a row lasts than the one before.", 2),
    maxDelay: option(duration, "The longest opening.", "10 minutes"),
    jitter: option(numberFrom(0, 1), "The share by which an opening is longer or shorter, at random.", 0)
  }, ["baseDelay"])
)

const breaker = group({
  window: option(window, "The calls that the rates are taken over.", { lastCalls: 100 }),
  minimumCalls: option(
    integer(1),
    "Results that the window must hold before a rate can open the circuit. 10, or the size of a smaller window."
  ),
  failureRate: option(anyOf(share, { const: "off" }), "The share of failures that opens the circuit, or off.", 0.5),
  slowCallDuration: option(duration, "A call that takes at least this long is slow. Without it, none is."),
  slowCallRate: option(share, "The share of slow calls that opens the circuit.", 1),
  consecutiveFailures: option(integer(1, 1_000_000_000), "Failures in a row that open the circuit. Without it, off."),
  openFor: option(openFor, "How long an opening lasts.", "30 seconds"),
  maxRetryAfter: option(duration, "The longest opening that a provider can ask for.", "10 minutes"),
  patience: option(
    wait,
    "A call that ends because of its caller's deadline is a failure only if it had at least this much time. Learnt where it is left out."
  ),
  halfOpen: option(
    group({
      calls: option(integer(1, 100_000), "Probes that decide.", 5),
      maxWait: option(durationOrEndless, "A probe in flight for this long opens the circuit again.", "60 seconds")
    }),
    "How an open circuit is probed."
  ),
  rampUp: option(
    group({
      over: option(duration, "How long it takes until all calls pass."),
      from: option(share, "The share of calls that passes at first.", 0.1)
    }, ["over"]),
    "After closing, only a share of the calls passes, which grows. Without it, all pass."
  ),
  measureDurations: option(
    orVariable({ enum: ["off", "on"] }, list(duration, 1)),
    "Measures how long calls take; a list is the bounds of its histogram.",
    "off"
  ),
  critical: option(flag, "Whether the gateway is down when this model and every other critical one is.", true)
})

export const limits = list(
  group({
    resource: option(choice("requests", "tokens"), "What is limited."),
    limit: option(numberAbove(0), "How much of it."),
    per: option(duration, "Per how much time."),
    kind: option(choice("token-bucket", "sliding-window"), "How the limit is kept.", "token-bucket"),
    burst: option(numberAbove(0), "The most that a token bucket holds. The limit, where it is left out.")
  }, ["resource", "limit", "per"]),
  1
)

export const hedge = group({
  delay: option(
    anyOf(
      durationOrEndless,
      group({ quantile: option(share, "Of the times of earlier answers of the model.") }, ["quantile"])
    ),
    "How long one is waited for. Without it, as long as 95 of 100 answers take."
  ),
  on: option(
    choice("firstToken", "result"),
    "What is waited for. Whole answers are hedged only by their result.",
    "firstToken"
  ),
  maxHedges: option(integer(1, 10), "Models that are asked beside the first at most.", 1),
  budget: option(
    group({
      ratio: option(share, "Hedges for each request.", 0.05),
      burst: option(integer(1, 1000), "Hedges that can be saved up.", 10)
    }),
    "How much load hedges may add."
  ),
  minimumWinRate: option(numberFrom(0, 1), "The share of hedges that must win. Below it one in ten is started.", 0.25)
})

const rateLimiter = group({
  limits: option(limits, "What the provider allows: at most one limit for each resource."),
  maxWait: option(wait, "How long a call waits for its turn.", 0),
  queue: option(integer(0, 1_000_000), "How many calls may wait.", 10_000),
  maxRetryAfter: option(duration, "The longest pause that a provider can ask for.", "10 minutes"),
  assumedOutput: option(integer(0), "Tokens taken for an answer to a request without max_tokens.", 4096)
})

const bulkhead = group({
  concurrency: option(integer(1), "Calls at the same time.", 50),
  queue: option(integer(0, 1_000_000), "Calls that may wait for a slot.", 50),
  maxWait: option(wait, "How long a call waits for a slot.", "10 seconds"),
  share: option(share, "The share of slots and of the queue that one client may have. Without it, any.")
})

const concurrencyLimit = group({
  algorithm: option(choice("gradient", "aimd", "vegas", "gradient2"), "The rule by which it moves.", "gradient"),
  initial: option(integer(1), "Calls at the same time in the beginning: of all gateways, divided by their number.", 20),
  min: option(integer(1), "The lowest limit: of all gateways, divided by their number.", 4),
  max: option(integer(1), "The highest limit.", 200),
  tolerance: option(numberAbove(1), "How many times slower than usual answers may begin before it is lowered.", 2),
  window: option(duration, "The shortest time from one move to the next.", "1 second"),
  minimumCalls: option(integer(1), "The fewest calls from one move to the next.", 20),
  backoff: option(share, "How much of the share of drops is taken off the limit.", 0.5),
  sample: option(choice("firstToken", "perToken", "duration"), "What is measured of an answer.", "firstToken"),
  queue: option(integer(0, 1_000_000), "Calls that may wait for a slot.", 0),
  maxWait: option(wait, "How long a call waits for a slot.", "10 seconds"),
  share: option(share, "The share of slots and of the queue that one client may have. Without it, any.")
})

const retry = group({
  name: option(text, "Its name in metrics. That of the model, where it is left out."),
  maxAttempts: option(integer(1), "Attempts in all, the first included.", 2),
  baseDelay: option(delay, "The wait before the second attempt.", "200 millis"),
  factor: option(numberFrom(1), "How much longer each wait is than the one before; 1 for a constant wait.", 2),
  maxDelay: option(duration, "The longest wait.", "10 seconds"),
  jitter: option(
    anyOf(choice("none", "full", "equal", "decorrelated"), { type: "number", minimum: 0, maximum: 1 }),
    "How waits are scattered: by a rule, or by a share up and down.",
    "full"
  ),
  maxDuration: option(duration, "The time for all attempts. Without it, that of the deadline.")
})

const retryBudget = group({
  ratio: option(numberFrom(0), "Retries for each success in the window.", 0.2),
  floor: option(integer(0), "Retries in a window without any success.", 10),
  window: option(duration, "How long successes and retries count.", "10 seconds")
})

/** The options that `defaults` has, and each model. */
export const guards: { readonly [name: string]: JsonSchema } = {
  breaker: option(breaker, "The circuit, which spares a model that is down."),
  bulkhead: option(bulkhead, "How many calls are made at the same time, and how many wait."),
  concurrencyLimit: option(
    concurrencyLimit,
    "How many calls are made at the same time, found by how fast answers begin and how many fail. In the place of a bulkhead."
  ),
  rateLimiter: option(rateLimiter, "What the provider allows of a model. Without it, there is no limit."),
  retry: option(retry, "Further attempts at the same model."),
  retryBudget: option(retryBudget, "What the retries of all callers of a model are paid from. Without it, no limit."),
  attemptTimeout: option(duration, "The time for one attempt; of a stream, until its first content.", "10 seconds"),
  deadline: option(
    duration,
    "The time for all attempts and waits; of a stream, until its first content.",
    "30 seconds"
  ),
  readerTimeout: option(durationOrEndless, "How long a stream that has begun waits for its reader.", "5 minutes")
}
