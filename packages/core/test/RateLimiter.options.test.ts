/** The options of a rate limiter as they are written. */
import { assert, describe, it } from "@effect/vitest"
import { RateLimiter } from "@switchgear/core"
import { Effect } from "effect"
import { expectTypeOf } from "vitest"
import {
  meansWhatCodeMeans,
  read,
  refusesNonsense,
  refusesUnknownFields,
  refusesWhatMakeRefuses
} from "./support/optionsSchema.ts"

meansWhatCodeMeans(RateLimiter.OptionsSchema, [
  [
    "RateLimiter",
    `
      name: model
      maxWait: 500
      queue: 20
      maxRetryAfter: 1 minute
      limits:
        - { resource: requests, limit: 100, per: 1 second }
        - { resource: tokens, limit: 90000, per: 1 minute, kind: sliding-window }
        - { resource: cost, limit: 0.5, per: 1 hour, burst: 2 }
      `,
    {
      name: "model",
      maxWait: 500,
      queue: 20,
      maxRetryAfter: "1 minute",
      limits: [
        RateLimiter.requests(100, "1 second"),
        RateLimiter.tokens(90_000, "1 minute", { kind: "sliding-window" }),
        RateLimiter.cost(0.5, "1 hour", { burst: 2 })
      ]
    } satisfies RateLimiter.Options
  ]
])

it("the decoded values are what make takes", () => {
  expectTypeOf(RateLimiter.OptionsSchema.Type).toEqualTypeOf<RateLimiter.Options>()
})

describe("guards made of what is written", () => {
  it.effect("a limiter holds what is written", () =>
    Effect.gen(function*() {
      const limiter = yield* Effect.flatMap(
        read(
          RateLimiter.OptionsSchema,
          "{ name: m, limits: [{ resource: tokens, limit: 10, per: 1 second, burst: 30 }] }"
        ),
        RateLimiter.make
      )
      assert.deepStrictEqual((yield* limiter.snapshot).limits, [{ resource: "tokens", available: 30, capacity: 30 }])
    }))
})

refusesNonsense(RateLimiter.OptionsSchema, [
  ["{ name: m }", "limits must be at least one, got \"none\"", "[\"limits\"]"],
  ["{ name: m, limits: [] }", "limits must be at least one, got \"none\"", "[\"limits\"]"],
  [
    "{ name: m, limits: [{ resource: requests, limit: 0, per: 1 }] }",
    "limits[0].limit must be a number above zero, got 0",
    "[\"limits\"][0][\"limit\"]"
  ],
  [
    "{ name: m, limits: [{ resource: cost, limit: 1, per: 1 }, { resource: requests, limit: .nan, per: 1 }] }",
    "limits[1].limit must be a number above zero, got NaN",
    "[\"limits\"][1][\"limit\"]"
  ],
  [
    "{ name: m, limits: [{ resource: tokens, limit: 1, per: 0 }] }",
    "limits[0].per must be a finite duration above zero, got 0",
    "[\"limits\"][0][\"per\"]"
  ],
  [
    "{ name: m, limits: [{ resource: tokens, limit: 1 }] }",
    "limits[0].per must be a finite duration above zero, but it is missing",
    "[\"limits\"][0][\"per\"]"
  ],
  [
    "{ name: m, limits: [{ resource: tokens, limit: 1, per: 1, burst: -1 }] }",
    "limits[0].burst must be a number above zero, got -1",
    "[\"limits\"][0][\"burst\"]"
  ],
  [
    "{ name: m, limits: [{ resource: tokens, limit: 1, per: 1, kind: leaky }] }",
    "limits[0].kind must be one of token-bucket, sliding-window, got \"leaky\"",
    "[\"limits\"][0][\"kind\"]"
  ],
  [
    "{ name: m, limits: [{ resource: token, limit: 1, per: 1 }] }",
    "limits[0].resource must be one of requests, tokens, cost, got \"token\"",
    "[\"limits\"][0][\"resource\"]"
  ],
  [
    "{ name: m, limits: [{ resource: tokens, limit: 1, per: 1 }, { resource: tokens, limit: 2, per: 1 }] }",
    "limits must be at most one for each resource, got \"two for tokens\"",
    "[\"limits\"]"
  ],
  [
    "{ name: m, limits: [{ resource: cost, limit: 1, per: 1 }], maxWait: -1 }",
    "maxWait must be a duration of zero or more, got -1",
    "[\"maxWait\"]"
  ]
])

refusesUnknownFields(RateLimiter.OptionsSchema, [
  [
    "{ name: m, limits: [{ resource: cost, limit: 1, per: 1, brust: 2 }] }",
    "[\"limits\"][0][\"brust\"]",
    "resource, limit, per, kind, burst"
  ]
])

const limits = [{ resource: "tokens", limit: 1, per: 1, kind: "token-bucket" }]
refusesWhatMakeRefuses("RateLimiter", RateLimiter.OptionsSchema, RateLimiter.make, { name: "m", limits }, [
  "maxWait",
  "queue",
  "maxRetryAfter"
])
