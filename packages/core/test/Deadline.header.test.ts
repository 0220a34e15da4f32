/** A deadline that travels as a header. */
import { assert, it } from "@effect/vitest"
import { Deadline } from "@switchgear/core"
import { Duration, Effect, Schema } from "effect"
import { TestClock } from "effect/testing"

const read = (headers: Deadline.HeaderFields) => {
  const left = Deadline.fromHeader(headers)
  return left && Duration.toMillis(left)
}

const told = (millis: number) =>
  Deadline.toHeader.pipe(Deadline.within(millis), Effect.provide(TestClock.layer()), Effect.runSync)

const Micros = Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 3_600_000_000 }))

it.prop(
  "what one service tells another leaves it no more time, and at most a millisecond less",
  { micros: Micros },
  ({ micros }) => {
    const millis = micros / 1000
    const left = read(told(millis))!
    assert.isAtMost(left, millis)
    assert.isAbove(left, millis - 1)
  },
  { arbitrary: { runs: 500 } }
)

it.effect("without a deadline there is no header, and what still runs after it has no time to give", () =>
  Effect.gen(function*() {
    assert.deepStrictEqual(yield* Deadline.toHeader, {})
    let headers: object | undefined
    const late = Effect.sleep("2 seconds").pipe(
      Effect.andThen(Deadline.toHeader),
      Effect.tap((told) => Effect.sync(() => headers = told)),
      Effect.uninterruptible
    )
    yield* Effect.forkChild(late.pipe(Deadline.within("1 second")))
    yield* TestClock.adjust("2 seconds")
    assert.deepStrictEqual(headers, { "x-switchgear-timeout": "0" })
  }))

it("each dialect is read in its unit", () => {
  assert.strictEqual(read({ "x-switchgear-timeout": "2.5" }), 2500)
  assert.strictEqual(read({ "x-switchgear-timeout": "0" }), 0)
  assert.strictEqual(read({ "x-stainless-timeout": "600" }), 600_000)
  assert.strictEqual(read({ "x-stainless-read-timeout": "5" }), 5000)
  assert.strictEqual(read({ "x-envoy-expected-rq-timeout-ms": "750" }), 750)
  const grpc = { "2H": 7_200_000, "3M": 180_000, "5S": 5000, "100m": 100, "1500u": 1.5, "2000000n": 2, "0m": 0 }
  for (const [text, millis] of Object.entries(grpc)) assert.strictEqual(read({ "grpc-timeout": text }), millis)
})

it("of several times the least counts, also of a header that was sent twice", () => {
  assert.strictEqual(read({ "grpc-timeout": "5S", "x-stainless-timeout": "600", "x-switchgear-timeout": "2" }), 2000)
  assert.strictEqual(read({ "x-switchgear-timeout": "5, 3" }), 3000)
  assert.strictEqual(read({ "x-switchgear-timeout": ["5", "4, soon"] }), 4000)
})

it("what is no time says nothing, and never gives more time than another header", () => {
  const nonsense = [
    "",
    " ",
    "-1",
    "NaN",
    "soon",
    "1e3",
    "1e400",
    "Infinity",
    "0x10",
    "5 S",
    "123456789S",
    "5s",
    "99H",
    "5;3"
  ]
  for (const text of nonsense) {
    for (
      const name of ["x-switchgear-timeout", "grpc-timeout", "x-stainless-timeout", "x-envoy-expected-rq-timeout-ms"]
    ) {
      assert.isUndefined(read({ [name]: text }), `${name}: ${text}`)
      assert.strictEqual(read({ [name]: text, "x-stainless-read-timeout": "2" }), 2000)
    }
  }
  // Here zero is how "no limit" is written.
  assert.isUndefined(read({ "x-stainless-timeout": "0", "x-envoy-expected-rq-timeout-ms": "0" }))
})

const Name = Schema.Literals(["x-switchgear-timeout", "grpc-timeout", "x-stainless-timeout"])
const Text = Schema.Union([Schema.String, Schema.Array(Schema.String)])

it.prop("any text of any header never throws, and never gives a day", { name: Name, text: Text }, ({ name, text }) => {
  const left = read({ [name]: text })
  assert.isTrue(left === undefined || (left >= 0 && left < 86_400_000))
})
