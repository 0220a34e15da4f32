/** The options of a circuit breaker as they are written. */
import { assert, describe, it } from "@effect/vitest"
import { CircuitBreaker } from "@switchgear/core"
import { Duration, Effect } from "effect"
import { TestClock } from "effect/testing"
import { expectTypeOf } from "vitest"
import {
  leavesDefaultsToMake,
  meansWhatCodeMeans,
  read,
  refusesNonsense,
  refusesUnknownFields
} from "./support/optionsSchema.ts"

meansWhatCodeMeans(CircuitBreaker.OptionsSchema, [
  [
    "CircuitBreaker",
    `
      name: model
      window: { lasting: 60 seconds, buckets: 12 }
      minimumCalls: 20
      failureRate: off
      slowCallDuration: 1.5 seconds
      slowCallRate: 0.8
      consecutiveFailures: 5
      openFor: 45000
      halfOpen: { calls: 3, maxWait: Infinity }
      rampUp: { over: 1 minute, from: 0.2 }
      measureDurations: on
      critical: false
      `,
    {
      name: "model",
      window: CircuitBreaker.lasting("60 seconds", { buckets: 12 }),
      minimumCalls: 20,
      failureRate: "off",
      slowCallDuration: "1.5 seconds",
      slowCallRate: 0.8,
      consecutiveFailures: 5,
      openFor: 45_000,
      halfOpen: { calls: 3, maxWait: "Infinity" },
      rampUp: { over: "1 minute", from: 0.2 },
      measureDurations: "on",
      critical: false
    } satisfies CircuitBreaker.Options
  ],
  [
    "a window of calls",
    "{ name: model, window: { lastCalls: 7 } }",
    { name: "model", window: CircuitBreaker.lastCalls(7) } satisfies CircuitBreaker.Options
  ],
  [
    "a window of time, in ten buckets",
    "{ name: model, window: { lasting: 1 minute } }",
    { name: "model", window: CircuitBreaker.lasting("1 minute") } satisfies CircuitBreaker.Options
  ]
])

leavesDefaultsToMake("CircuitBreaker", CircuitBreaker.OptionsSchema, { name: "model" })

it("the decoded values are what make takes", () => {
  expectTypeOf(CircuitBreaker.OptionsSchema.Type).toEqualTypeOf<CircuitBreaker.Options>()
})

const breaker = (yaml: string) => Effect.flatMap(read(CircuitBreaker.OptionsSchema, yaml), CircuitBreaker.make)

const failures = (breaker: CircuitBreaker.CircuitBreaker, times: number) =>
  Effect.forEach(Array.from({ length: times }), () => Effect.exit(Effect.fail("503").pipe(breaker.protect)))

describe("guards made of what is written", () => {
  it.effect("a circuit opens by the written rates and for the written time", () =>
    Effect.gen(function*() {
      const model = yield* breaker(
        "{ name: model, window: { lastCalls: 4 }, minimumCalls: 2, failureRate: 1, openFor: 7 seconds }"
      )
      yield* failures(model, 1)
      assert.strictEqual(yield* model.state, "Closed")
      yield* failures(model, 1)
      assert.deepStrictEqual((yield* model.snapshot).nextRetry, Duration.seconds(7))
    }))

  const openings = (openFor: string) =>
    Effect.gen(function*() {
      const model = yield* breaker(
        `{ name: model, consecutiveFailures: 1, halfOpen: { calls: 1 }, openFor: ${openFor} }`
      )
      const millis: Array<number> = []
      for (let opening = 1; opening <= 4; opening++) {
        yield* failures(model, 1)
        const { nextRetry } = yield* model.snapshot
        millis.push(Duration.toMillis(nextRetry!))
        yield* TestClock.adjust(nextRetry!)
      }
      return millis
    })

  it.effect("openings in a row grow by the factor up to the cap", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* openings("{ baseDelay: 1 second, factor: 3, maxDelay: 20 seconds }"), [
        1000,
        3000,
        9000,
        20_000
      ])
      assert.deepStrictEqual(yield* openings("{ baseDelay: 5 minutes }"), [300_000, 600_000, 600_000, 600_000])
      assert.deepStrictEqual(yield* openings("{ baseDelay: 1 hour, factor: 1 }"), [
        3_600_000,
        3_600_000,
        3_600_000,
        3_600_000
      ])
    }))

  it.effect("jitter scatters openings by its share, and never above the cap", () =>
    Effect.gen(function*() {
      const millis = yield* openings("{ baseDelay: 10 seconds, factor: 1, jitter: 0.2 }")
      for (const each of millis) assert.isTrue(each >= 8000 && each <= 12_000, `${each}`)
      assert.isAbove(new Set(millis).size, 1)
      const capped = yield* openings("{ baseDelay: 10 seconds, factor: 1, maxDelay: 10 seconds, jitter: 1 }")
      for (const each of capped) assert.isTrue(each >= 1 && each <= 10_000 && Number.isInteger(each), `${each}`)
    }))
})

refusesNonsense(CircuitBreaker.OptionsSchema, [
  ["{ name: '' }", "name must be a text that is not empty, got \"\"", "[\"name\"]"],
  ["{}", "name must be a text that is not empty, but it is missing", "[\"name\"]"],
  [
    "{ name: m, failureRate: 1.5 }",
    "failureRate must be above 0 and at most 1, got 1.5",
    "[\"failureRate\"]"
  ],
  [
    "{ name: m, failureRate: .nan }",
    "failureRate must be above 0 and at most 1, got NaN",
    "[\"failureRate\"]"
  ],
  [
    "{ name: m, failureRate: 0 }",
    "failureRate must be above 0 and at most 1, got 0",
    "[\"failureRate\"]"
  ],
  [
    "{ name: m, failureRate: often }",
    "failureRate must be above 0 and at most 1, got \"often\"",
    "[\"failureRate\"]"
  ],
  [
    "{ name: m, failureRate: '0.5' }",
    "failureRate must be above 0 and at most 1, got \"0.5\"",
    "[\"failureRate\"]"
  ],
  [
    "{ name: m, slowCallRate: -1 }",
    "slowCallRate must be above 0 and at most 1, got -1",
    "[\"slowCallRate\"]"
  ],
  [
    "{ name: m, window: { lastCalls: 0 } }",
    "window.lastCalls must be a whole number of at least 1, got 0",
    "[\"window\"][\"lastCalls\"]"
  ],
  [
    "{ name: m, window: { lastCalls: 1.5 } }",
    "window.lastCalls must be a whole number of at least 1, got 1.5",
    "[\"window\"][\"lastCalls\"]"
  ],
  [
    "{ name: m, window: { lasting: 0 seconds } }",
    "window.lasting must be a finite duration above zero, got \"0 seconds\"",
    "[\"window\"][\"lasting\"]"
  ],
  [
    "{ name: m, window: { lasting: 1 second, buckets: 0 } }",
    "window.buckets must be a whole number of at least 1, got 0",
    "[\"window\"][\"buckets\"]"
  ],
  [
    "{ name: m, window: { lastCalls: 1, lasting: 5 } }",
    "window must be { lastCalls } or { lasting, buckets }, got {\"lastCalls\":1,\"lasting\":5}",
    "[\"window\"]"
  ],
  [
    "{ name: m, window: { lastCalls: 1, buckets: 5 } }",
    "window must be { lastCalls } or { lasting, buckets }, got {\"lastCalls\":1,\"buckets\":5}",
    "[\"window\"]"
  ],
  [
    "{ name: m, window: {} }",
    "window must be { lastCalls } or { lasting, buckets }, got {}",
    "[\"window\"]"
  ],
  [
    "{ name: m, window: 100 }",
    "Expected { lastCalls, lasting, buckets }",
    "[\"window\"]"
  ],
  [
    "{ name: m, window: { lastCalls: 5 }, minimumCalls: 6 }",
    "minimumCalls must be a whole number from 1 to 5, got 6",
    "[\"minimumCalls\"]"
  ],
  [
    "{ name: m, minimumCalls: 0 }",
    "minimumCalls must be a whole number from 1 to 100, got 0",
    "[\"minimumCalls\"]"
  ],
  [
    "{ name: m, consecutiveFailures: 0 }",
    "consecutiveFailures must be a whole number of at least 1, got 0",
    "[\"consecutiveFailures\"]"
  ],
  [
    "{ name: m, openFor: -1 seconds }",
    "openFor must be a finite duration above zero, got \"-1 seconds\"",
    "[\"openFor\"]"
  ],
  [
    "{ name: m, openFor: .nan }",
    "openFor must be a finite duration above zero, got NaN",
    "[\"openFor\"]"
  ],
  [
    "{ name: m, openFor: 30s }",
    `openFor must be a finite duration above zero, got "30s". A duration is written as "30 seconds" or as a number of milliseconds`,
    "[\"openFor\"]"
  ],
  [
    "{ name: m, openFor: [1] }",
    "Expected a duration or { baseDelay, factor, maxDelay, jitter }, got [1]",
    "[\"openFor\"]"
  ],
  [
    "{ name: m, openFor: { factor: 2 } }",
    "openFor.baseDelay must be a finite duration above zero, but it is missing",
    "[\"openFor\"][\"baseDelay\"]"
  ],
  [
    "{ name: m, openFor: { baseDelay: 1 second, factor: 0.5 } }",
    "openFor.factor must be a number of at least 1, got 0.5",
    "[\"openFor\"][\"factor\"]"
  ],
  [
    "{ name: m, openFor: { baseDelay: 1 second, maxDelay: 0 } }",
    "openFor.maxDelay must be a finite duration above zero, got 0",
    "[\"openFor\"][\"maxDelay\"]"
  ],
  [
    "{ name: m, openFor: { baseDelay: 1 second, jitter: 1.1 } }",
    "openFor.jitter must be a number from 0 to 1, got 1.1",
    "[\"openFor\"][\"jitter\"]"
  ],
  [
    "{ name: m, openFor: { baseDelay: 1 second, jitter: full } }",
    "openFor.jitter must be a number from 0 to 1, got \"full\"",
    "[\"openFor\"][\"jitter\"]"
  ],
  [
    "{ name: m, slowCallDuration: -5 }",
    "slowCallDuration must be a finite duration above zero, got -5",
    "[\"slowCallDuration\"]"
  ],
  [
    "{ name: m, rampUp: { over: 0 } }",
    "rampUp.over must be a finite duration above zero, got 0",
    "[\"rampUp\"][\"over\"]"
  ],
  [
    "{ name: m, rampUp: { from: 0.5 } }",
    "rampUp.over must be a finite duration above zero, but it is missing",
    "[\"rampUp\"][\"over\"]"
  ],
  [
    "{ name: m, rampUp: { over: 1 second, from: 0 } }",
    "rampUp.from must be above 0 and at most 1, got 0",
    "[\"rampUp\"][\"from\"]"
  ],
  [
    "{ name: m, halfOpen: { calls: 0 } }",
    "halfOpen.calls must be a whole number of at least 1, got 0",
    "[\"halfOpen\"][\"calls\"]"
  ],
  [
    "{ name: m, halfOpen: { maxWait: 0 } }",
    "halfOpen.maxWait must be a duration above zero, got 0",
    "[\"halfOpen\"][\"maxWait\"]"
  ],
  [
    "{ name: m, failureRate: true }",
    "Expected a number or a text, got true",
    "[\"failureRate\"]"
  ],
  ["{ name: 7 }", "Expected string, got 7", "[\"name\"]"]
])

refusesUnknownFields(CircuitBreaker.OptionsSchema, [
  ["{ name: m, halfOpen: { call: 3 } }", "[\"halfOpen\"][\"call\"]", "calls, maxWait"],
  [
    "{ name: m, window: { lastcalls: 3 } }",
    "[\"window\"][\"lastcalls\"]",
    "lastCalls, lasting, buckets"
  ],
  [
    "{ name: m, openFor: { bse: 3 } }",
    "[\"openFor\"][\"bse\"]",
    "baseDelay, factor, maxDelay, jitter"
  ]
])
