/** The options of a bulkhead as they are written. */
import { assert, describe, it } from "@effect/vitest"
import { Bulkhead } from "@switchgear/core"
import { Effect } from "effect"
import { expectTypeOf } from "vitest"
import {
  meansWhatCodeMeans,
  read,
  refusesNonsense,
  refusesUnknownFields,
  refusesWhatMakeRefuses
} from "./support/optionsSchema.ts"

meansWhatCodeMeans(Bulkhead.OptionsSchema, [
  [
    "Bulkhead",
    "{ name: model, concurrency: 8, queue: 20, maxWait: 2 seconds, share: 0.25 }",
    { name: "model", concurrency: 8, queue: 20, maxWait: "2 seconds", share: 0.25 } satisfies Bulkhead.Options
  ]
])

describe("nothing but what must be given leaves every default to make", () => {
  it.effect("Bulkhead", () =>
    Effect.gen(function*() {
      const bulkhead = yield* Effect.flatMap(read(Bulkhead.OptionsSchema, "{ name: m, concurrency: 2 }"), Bulkhead.make)
      assert.strictEqual((yield* bulkhead.snapshot).queue, 0)
    }))
})

it("the decoded values are what make takes", () => {
  expectTypeOf(Bulkhead.OptionsSchema.Type).toEqualTypeOf<Bulkhead.Options>()
  expectTypeOf<(typeof Bulkhead.OptionsSchema.Encoded)["concurrency"]>().toEqualTypeOf<number | string | undefined>()
})

describe("guards made of what is written", () => {
  it.effect("a bulkhead takes as many as are written", () =>
    Effect.gen(function*() {
      const bulkhead = yield* Effect.flatMap(
        read(Bulkhead.OptionsSchema, "{ name: m, concurrency: 3, queue: 4 }"),
        Bulkhead.make
      )
      const { concurrency, queue } = yield* bulkhead.snapshot
      assert.deepStrictEqual({ concurrency, queue }, { concurrency: 3, queue: 4 })
    }))
})

refusesNonsense(Bulkhead.OptionsSchema, [
  [
    "{ name: m }",
    "concurrency must be a whole number of at least 1, but it is missing",
    "[\"concurrency\"]"
  ],
  [
    "{ name: m, concurrency: 0 }",
    "concurrency must be a whole number of at least 1, got 0",
    "[\"concurrency\"]"
  ],
  [
    "{ name: m, concurrency: .nan }",
    "concurrency must be a whole number of at least 1, got NaN",
    "[\"concurrency\"]"
  ],
  [
    "{ name: m, concurrency: 1, queue: -1 }",
    "queue must be a whole number of at least 0, got -1",
    "[\"queue\"]"
  ],
  [
    "{ name: m, concurrency: 1, maxWait: -1 millis }",
    "maxWait must be a duration of zero or more, got \"-1 millis\"",
    "[\"maxWait\"]"
  ],
  [
    "{ name: m, concurrency: 1, maxWait: .nan }",
    "maxWait must be a duration of zero or more, got NaN",
    "[\"maxWait\"]"
  ],
  [
    "{ name: m, concurrency: 1, share: 0 }",
    "share must be above 0 and at most 1, got 0",
    "[\"share\"]"
  ],
  [
    "{ name: m, concurrency: 1, share: 1.01 }",
    "share must be above 0 and at most 1, got 1.01",
    "[\"share\"]"
  ],
  [
    "{ name: m, concurrency: 1, share: .nan }",
    "share must be above 0 and at most 1, got NaN",
    "[\"share\"]"
  ]
])

refusesUnknownFields(Bulkhead.OptionsSchema, [
  [
    "{ name: m, concurrency: 3, QUEUE: 1 }",
    "[\"QUEUE\"]",
    "name, concurrency, queue, maxWait, share"
  ]
])

refusesWhatMakeRefuses("Bulkhead", Bulkhead.OptionsSchema, Bulkhead.make, { name: "m", concurrency: 1 }, [
  "concurrency",
  "queue",
  "maxWait",
  "share"
])
