/** What the operators' page makes of what it is told. */
import { assert, describe, it } from "@effect/vitest"
import { EventStream } from "../../page/eventStream.ts"
import * as Format from "../../page/format.ts"
import type { Client, Model, Sample } from "../../page/readings.ts"
import { between, quantileOf, Timeline } from "../../page/series.ts"
import { byNoise } from "../../page/view/noisiest.ts"
import { tightest } from "../../page/view/money.ts"
import { tightestBudget } from "../../page/view/retries.ts"
import { languageFor, words } from "../../page/words.ts"

const none = { askedFor: 0, fallback: 0, stale: 0, canned: 0, error: 0, refused: 0, left: 0 }

const sample = (seconds: number, changes: Partial<Sample> = {}): Sample => ({
  at: seconds * 1000,
  outcomes: none,
  durations: [0, 0, 0],
  inFlight: 0,
  queued: 0,
  shed: 0,
  modelCalls: 0,
  attempts: 0,
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

describe("retries", () => {
  it("are the attempts beyond the calls, and never less than none", () => {
    const of = (modelCalls: number, attempts: number) =>
      between(sample(0, { modelCalls: 5, attempts: 6 }), sample(10, { modelCalls, attempts }), bounds)
    assert.deepInclude(of(15, 20), { attempts: 14, retries: 4 })
    assert.deepInclude(of(16, 16), { attempts: 10, retries: 0 }, "a call whose first attempt has not begun")
  })

  it("are paid from the budget of which the smallest share is left", () => {
    const model = (id: string, available: number, used: number) =>
      ({ retryBudget: { id, available, retries: used, successes: 0, refused: 0 } }) as Model
    const models = [model("a", 8, 2), model("b", 1, 9), { retryBudget: null } as Model, model("c", 2, 0)]
    assert.strictEqual(tightestBudget(models)?.id, "b")
    assert.strictEqual(tightestBudget([{ retryBudget: null } as Model]), undefined)
  })
})

describe("the tightest budget", () => {
  it("is that of which the largest share is gone, with what its own client spends", () => {
    const client = (name: string, spent: number, dollars: number) =>
      ({
        name,
        lastMinute: { dollars, seconds: 60 },
        money: { budget: { limit: 10, spent, reserved: 1, resetsInMillis: 1 } }
      }) as unknown as Client
    const { lastMinute, name } = tightest([client("a", 2, 5), client("b", 8, 0.1)])!
    assert.deepStrictEqual([name, lastMinute.dollars], ["b", 0.1])
  })
})

describe("the noisiest clients", () => {
  it("are those with most requests, without those that are silent", () => {
    const client = (name: string, requests: number) =>
      ({ name, lastMinute: { requests, shed: 0, limited: 0 } }) as unknown as Client
    const clients = [client("a", 3), client("b", 0), client("c", 70)]
    assert.deepStrictEqual(byNoise(clients).map(({ name }) => name), ["c", "a"])
  })
})

describe("acts in the history", () => {
  it("are in Chinese with what they were done by", () => {
    assert.deepStrictEqual(
      ["open", "pause for 5m", "resize to 7", "pin at 7", "park for 1h30m", "unpark", "refresh", "reload", "explode"]
        .map(
          words.zh.act
        ),
      ["熔断", "暂停 5m", "调整并发至 7", "固定并发 7", "停用密钥 1h30m", "启用密钥", "刷新缓存", "重新加载", "explode"]
    )
    assert.deepStrictEqual(["file", "openai key 2", "gpt-4.1"].map(words.zh.subject), [
      "配置文件",
      "openai 密钥 2",
      "gpt-4.1"
    ])
  })
})

describe("words and numbers", () => {
  it("call a limit that finds its number itself by its name", () => {
    const told = [words.en, words.zh].map(({ reasonOf }) => reasonOf("ConcurrencyLimit", "gpt", "full"))
    assert.isTrue(told[0]!.startsWith("concurrency limit gpt: "), told[0])
    assert.isTrue(told[1]!.startsWith("并发限制 gpt："), told[1])
  })

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
    const spans = [1, 1000, 61_000, 3_660_000, 200_000_000]
    assert.deepStrictEqual(spans.map(words.en.span), ["1 s", "1 s", "1 min 1 s", "1 h 1 min", "2 d"])
    assert.deepStrictEqual(spans.map(words.zh.span), ["1 秒", "1 秒", "1 分 1 秒", "1 小时 1 分", "2 天"])
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
