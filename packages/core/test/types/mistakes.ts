/** Mistakes that are easy to make, beside the last line of what compilers say about them. */

const forgotten = "This is an Effect that makes the part: write yield* before it"
const noPart =
  "There is no part of this name. There are: deadline, retry, hedge, rateLimiter, bulkhead, breaker, attemptTimeout, guards"
const noDuration = "A duration is a text such as '30 seconds' or a number of milliseconds"
const noGuards = "Further guards are given by their place, as in { innermost: guard }"
const noPlace =
  "There is no place of this name. There are: outermost, perAttempt, beforeBulkhead, beforeBreaker, innermost"

/** What is the mistake: the expression, and the line that says why, which is the last one. */
export const mistakes: Readonly<Record<string, readonly [expression: string, why: string]>> = {
  "a part that still has to be made asks for its yield*": [
    `Pipeline.make({ breaker: CircuitBreaker.make({ name: "model" }) })`,
    `Type 'Effect<CircuitBreaker, never, never>' is not assignable to type '"${forgotten}"'.`
  ],
  "so does one among others": [
    "Pipeline.make({ breaker, retry: Retry.make({}), attemptTimeout: \"1 second\" })",
    `Type 'Effect<Retry<unknown>, never, never>' is not assignable to type '"${forgotten}"'.`
  ],
  "so does one that may be absent": [
    "Pipeline.make({ breaker: maybe })",
    `Type 'Effect<CircuitBreaker, never, never>' is not assignable to type '"${forgotten}"'.`
  ],
  "so does one beside times from the configuration": [
    `Pipeline.fromConfig("model", { bulkhead: Bulkhead.make({ name: "model", concurrency: 3 }) })`,
    `Type 'Effect<Bulkhead, never, never>' is not assignable to type '"${forgotten}"'.`
  ],
  "so does a further guard": [
    "Pipeline.make({ breaker, guards: { innermost: opening } })",
    `Type 'Effect<Guard<Closed | Crowded>, never, never>' is not assignable to type '"${forgotten}"'.`
  ],
  "so does one of several further guards": [
    "Pipeline.make({ breaker, guards: { innermost: [shop, opening] } })",
    `Type 'Effect<Guard<Closed | Crowded>, never, never>' is not assignable to type '"${forgotten}"'.`
  ],
  "a part that is misspelt beside others is no part": [
    "Pipeline.make({ breaker, attemptTimout: \"3 seconds\" })",
    `Type 'string' is not assignable to type 'Refusal<"${noPart}">'.`
  ],
  "one that is misspelt and alone is told what it may be": [
    "Pipeline.make({ attemptTimout: \"3 seconds\" })",
    "Object literal may only specify known properties, but 'attemptTimout' does not exist in type 'Given & Parts & "
    + "{ readonly retry?: Retry<DeadlineExceeded> | undefined; }'. Did you mean to write 'attemptTimeout'?"
  ],
  "a place that is misspelt is no place": [
    "Pipeline.make({ guards: { innermst: [shop] } })",
    `Property '"~@switchgear/core/Pipeline/refusal"' is missing in type '[Guard<Closed | Crowded>]' but required`
    + ` in type 'Refusal<"${noPlace}">'.`
  ],
  "a text that is no duration is told what one is": [
    "Pipeline.make({ breaker, deadline: \"sixty\" })",
    `Type 'string' is not assignable to type 'Refusal<"${noDuration}">'.`
  ],
  "guards without a place are asked for it": [
    "Pipeline.make({ guards: [shop] })",
    `Property '"~@switchgear/core/Pipeline/refusal"' is missing in type '[Guard<Closed | Crowded>]' but required in type`
    + ` 'Refusal<"${noGuards}">'.`
  ],
  "a part of another kind lacks what the right one has": [
    "Pipeline.make({ breaker: bulkhead })",
    "Type 'Bulkhead' is missing the following properties from type 'CircuitBreaker': gate, state, transitions, control"
  ],
  "a pipeline that still has to be made is called an Effect": [
    "Pipeline.make({ breaker }).protect(work)",
    "Property 'protect' does not exist on type 'Effect<Pipeline<CircuitOpen>, never, never>'."
  ]
}

export const mistakePreamble = `declare const maybe: Effect.Effect<CircuitBreaker.CircuitBreaker> | undefined
declare const opening: Effect.Effect<Guard.Guard<Closed | Crowded>>
`
