/** The options of a guarded client and of a guarded server as they are written. */
import { assert, describe, it } from "@effect/vitest"
import { HttpGuard, ServerGuard } from "@switchgear/http"
import { Schema } from "effect"
import { HttpClient, HttpClientResponse } from "effect/http"
import { expectTypeOf } from "vitest"
import {
  leavesDefaultsToMake,
  meansWhatCodeMeans,
  refusesNonsense,
  refusesUnknownFields,
  refusesWhatMakeRefuses
} from "../../core/test/support/optionsSchema.ts"

const client = HttpClient.make((request) => HttpClientResponse.fromWeb(request, new Response()) as never)

describe("HttpGuard", () => {
  meansWhatCodeMeans(HttpGuard.OptionsSchema, [
    [
      "every time, off or as it is, and what travels",
      "{ name: rates, deadline: off, attemptTimeout: 2 seconds, idleTimeout: 500, capacity: 5, propagate: nothing }",
      {
        name: "rates",
        deadline: "off",
        attemptTimeout: "2 seconds",
        idleTimeout: 500,
        capacity: 5,
        propagate: "nothing"
      } satisfies HttpGuard.Options
    ],
    [
      "every guard",
      "{ retry: { maxAttempts: 2 }, breaker: { openFor: 9 seconds }, bulkhead: { concurrency: 5 } }",
      {
        retry: { maxAttempts: 2 },
        breaker: { openFor: "9 seconds" },
        bulkhead: { concurrency: 5 }
      } satisfies HttpGuard.Options
    ],
    [
      "guards that are off, and a limit in the place of the bulkhead",
      "{ retry: off, breaker: off, bulkhead: off, concurrencyLimit: { algorithm: aimd, max: 50 } }",
      {
        retry: "off",
        breaker: "off",
        bulkhead: "off",
        concurrencyLimit: { algorithm: "aimd", max: 50 }
      } satisfies HttpGuard.Options
    ]
  ])

  leavesDefaultsToMake("HttpGuard", HttpGuard.OptionsSchema, {})

  refusesNonsense(HttpGuard.OptionsSchema, [
    [
      "{ deadline: '30' }",
      "deadline must be a finite duration above zero, got \"30\". A duration is written as \"30 seconds\" or as a number of milliseconds",
      "[\"deadline\"]"
    ],
    [
      "{ concurrencyLimit: { min: 9, max: 8 } }",
      "concurrencyLimit.min must be at most max, which is 8, got 9",
      "[\"concurrencyLimit\"][\"min\"]"
    ],
    [
      "{ propagate: all }",
      "propagate must be one of nothing, budgets, everything, got \"all\"",
      "[\"propagate\"]"
    ]
  ])

  refusesUnknownFields(HttpGuard.OptionsSchema, [
    [
      "{ timeout: 3 }",
      "[\"timeout\"]",
      "name, deadline, attemptTimeout, retry, breaker, bulkhead, concurrencyLimit, rateLimiter, idleTimeout, capacity, propagate"
    ]
  ])

  refusesWhatMakeRefuses(
    "HttpGuard",
    HttpGuard.OptionsSchema,
    (options) => HttpGuard.standard(client, options),
    {},
    ["deadline", "attemptTimeout", "idleTimeout", "capacity"]
  )

  it("has as decoded values what standard takes", () => {
    expectTypeOf(HttpGuard.OptionsSchema.Type).toEqualTypeOf<HttpGuard.Options>()
    type Written = typeof HttpGuard.OptionsSchema.Encoded
    expectTypeOf<Written["deadline"]>().toEqualTypeOf<number | string | undefined>()
    expectTypeOf<"off">().toExtend<Written["bulkhead"]>()
    assert.isTrue(Schema.is(HttpGuard.OptionsSchema)({}))
  })
})

describe("ServerGuard", () => {
  meansWhatCodeMeans(ServerGuard.OptionsSchema, [
    [
      "every number and time",
      "{ name: api, maxRequests: 9, maxBytes: 1000, assumedBytes: 20, deadline: 5 seconds, attempts: 3 }",
      {
        name: "api",
        maxRequests: 9,
        maxBytes: 1000,
        assumedBytes: 20,
        deadline: "5 seconds",
        attempts: 3
      } satisfies ServerGuard.Options
    ]
  ])

  leavesDefaultsToMake("ServerGuard", ServerGuard.OptionsSchema, { name: "api" })

  refusesNonsense(ServerGuard.OptionsSchema, [
    ["{}", "name must be a text that is not empty, but it is missing", "[\"name\"]"],
    [
      "{ name: api, maxBytes: 10, assumedBytes: 11 }",
      "assumedBytes must be a whole number from 1 to 10, got 11",
      "[\"assumedBytes\"]"
    ],
    [
      "{ name: api, deadline: '30' }",
      "deadline must be a finite duration above zero, got \"30\". A duration is written as \"30 seconds\" or as a number of milliseconds",
      "[\"deadline\"]"
    ]
  ])

  refusesUnknownFields(ServerGuard.OptionsSchema, [
    [
      "{ name: api, limit: 5 }",
      "[\"limit\"]",
      "name, maxRequests, maxBytes, assumedBytes, deadline, attempts"
    ]
  ])

  refusesWhatMakeRefuses("ServerGuard", ServerGuard.OptionsSchema, ServerGuard.make, { name: "api" }, [
    "maxRequests",
    "maxBytes",
    "assumedBytes",
    "deadline",
    "attempts"
  ])

  it("has as decoded values what make takes", () => {
    expectTypeOf(ServerGuard.OptionsSchema.Type).toEqualTypeOf<ServerGuard.Options>()
    type Written = typeof ServerGuard.OptionsSchema.Encoded
    expectTypeOf<Written["maxBytes"]>().toEqualTypeOf<number | string | undefined>()
  })
})
