/** What the operators' page makes of what it is told. */
import { assert, describe, it } from "@effect/vitest"
import { EventStream } from "../../page/eventStream.ts"
import * as Format from "../../page/format.ts"
import type { Sample } from "../../page/readings.ts"
import { between, quantileOf, Timeline } from "../../page/series.ts"
import { languageFor, words } from "../../page/words.ts"

const none = { askedFor: 0, fallback: 0, stale: 0, canned: 0, error: 0, refused: 0, left: 0 }

const sample = (seconds: number, changes: Partial<Sample> = {}): Sample => ({
  at: seconds * 1000,
  outcomes: none,
  durations: [0, 0, 0],
  inFlight: 0,
  queued: 0,
  cost: 0,
  saved: 0,
  ...changes
})

const bounds = [1, 2]

describe("server-sent events", () => {
  it("are the same however the bytes are cut", () => {
    const text =
      "event: snapshot\ndata: {\"a\":1}\n\n: quiet\n\nid: 7\r\nevent: event\r\ndata: one\r\ndata: two\r\n\r\n"
    const expected = [{ event: "snapshot", data: "{\"a\":1}" }, { event: "event", data: "one\ntwo" }]
    for (let cut = 0; cut <= text.length; cut++) {
      const stream = new EventStream()
      assert.deepStrictEqual([...stream.push(text.slice(0, cut)), ...stream.push(text.slice(cut))], expected)
    }
  })

  it("are not told before they are whole", () => {
    const stream = new EventStream()
    assert.deepStrictEqual(stream.push("data: 1\n"), [])
    assert.deepStrictEqual(stream.push("\n"), [{ event: "message", data: "1" }])
  })
})

describe("samples", () => {
  it("give what happened between them", () => {
    const { calls, cost, counts, seconds } = between(
      sample(0, { outcomes: { ...none, askedFor: 5 }, cost: 1 }),
      sample(10, { outcomes: { ...none, askedFor: 8, error: 2 }, cost: 1.5 }),
      bounds
    )
    assert.deepStrictEqual({ calls, cost, seconds }, { calls: 5, cost: 0.5, seconds: 10 })
    assert.deepStrictEqual(counts, { ...none, askedFor: 3, error: 2 })
  })

  it("give no negative numbers when counters begin anew", () => {
    const { calls, cost } = between(
      sample(0, { outcomes: { ...none, askedFor: 50 }, cost: 9 }),
      sample(5, { outcomes: { ...none, askedFor: 2 }, cost: 1 }),
      bounds
    )
    assert.deepStrictEqual({ calls, cost }, { calls: 2, cost: 1 })
  })

  it("give percentiles between the bounds of their buckets", () => {
    assert.strictEqual(quantileOf([10, 10, 10], bounds, 0.5), 0.5)
    assert.strictEqual(quantileOf([0, 10, 10], bounds, 0.5), 1.5)
    assert.strictEqual(quantileOf([0, 0, 10], bounds, 0.5), 2, "the last bound where it is beyond")
    assert.strictEqual(quantileOf([0, 0, 0], bounds, 0.5), undefined)
  })

  it("are kept for 15 minutes at their distance, with the moment last", () => {
    const timeline = new Timeline(5000, bounds, [sample(0)])
    for (let second = 1; second <= 1200; second++) timeline.add(sample(second))
    const times = timeline.all.map(({ at }) => at / 1000)
    assert.strictEqual(times[0], 300)
    assert.strictEqual(times.at(-1), 1200)
    assert.isAtMost(times.length, 182)
    timeline.add(sample(1201))
    assert.deepStrictEqual(timeline.all.slice(-2).map(({ at }) => at / 1000), [1200, 1201])
  })

  it("tell of the last minute only", () => {
    const timeline = new Timeline(5000, bounds, [sample(0)])
    assert.strictEqual(timeline.now, undefined)
    for (let second = 1; second <= 300; second++) {
      timeline.add(
        sample(second, { outcomes: { ...none, askedFor: Math.min(second, 200), error: Math.max(0, second - 200) } })
      )
    }
    assert.deepStrictEqual(timeline.now?.counts, { ...none, error: 60 })
  })
})

describe("words and numbers", () => {
  it("round no share to nothing or to all", () => {
    assert.deepStrictEqual(
      [[0, 9], [1, 1e6], [1, 30], [1, 2], [999_999, 1e6], [9, 9], [0, 0]].map(([part, of]) => Format.share(part!, of!)),
      ["0 %", "< 0.1 %", "3.3 %", "50 %", "> 99.9 %", "100 %", "0 %"]
    )
  })

  it("tell no more tokens than there are", () => {
    assert.deepStrictEqual([999, 9999, 12_345, 299_999, 1_990_000].map(Format.short), [
      "999",
      "9,999",
      "12k",
      "299k",
      "1.9M"
    ])
  })

  it("count down to the second and not to nothing", () => {
    assert.deepStrictEqual([1, 1000, 61_000, 3_660_000].map(Format.span), ["1 s", "1 s", "1 min 1 s", "1 h 1 min"])
  })

  it("are there in both languages for the same things", () => {
    const keysOf = (value: unknown, path = ""): ReadonlyArray<string> =>
      typeof value === "object" && value !== null
        ? Object.entries(value).flatMap(([key, one]) => keysOf(one, `${path}.${key}`))
        : [path]
    assert.deepStrictEqual(keysOf(words.zh), keysOf(words.en))
    assert.deepStrictEqual(["zh-CN", "zh", "en-GB", "de"].map(languageFor), ["zh", "zh", "en", "en"])
  })
})
