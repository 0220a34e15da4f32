/** Exemplars of the histograms, which lead from a bucket to one of its requests. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { administered, control, reader } from "./administered.ts"
import { collecting } from "./collector.ts"
import { type Exemplar, parse, type Sample } from "./exposition.ts"
import { chat, hello } from "./running.ts"

const openMetrics = { headers: { accept: "application/openmetrics-text; version=1.0.0" } }

const withExemplars = `admin: { port: 0, token: ${control}, readToken: ${reader}, exemplars: on }`

/** Each bucket that has one, by its bound. */
const exemplarsOf = (samples: ReadonlyMap<string, Sample>, name: string): ReadonlyArray<readonly [number, Exemplar]> =>
  [...samples.values()].flatMap((sample) =>
    sample.name === `${name}_bucket` && sample.exemplar !== undefined
      ? [[Number(sample.labels["le"]!.replace("+Inf", "Infinity")), sample.exemplar] as const]
      : []
  )

const duration = "switchgear_gateway_request_duration_seconds"
const overhead = "switchgear_gateway_overhead_seconds"
const trace = "0af7651916cd43dd8448eb211c80319c"
const traced = (flags: string) => ({ traceparent: `00-${trace}-b7ad6b7169203331-${flags}` })

describe("exemplars", () => {
  it.live("are off unless the file says so", () =>
    Effect.scoped(Effect.gen(function*() {
      const { admin, url } = yield* administered()
      yield* chat(url, hello)
      const samples = parse((yield* admin("/metrics", openMetrics)).text, "openMetrics")
      for (const { exemplar } of samples.values()) assert.isUndefined(exemplar)
    })))

  it.live("name the last request of each bucket by the id that its client has, in OpenMetrics alone", () =>
    Effect.scoped(Effect.gen(function*() {
      const { admin, url } = yield* administered("", {}, withExemplars)
      const began = Date.now() / 1000
      const ids: Array<string | null> = []
      for (let i = 0; i < 3; i++) ids.push((yield* chat(url, hello, traced("01"))).headers.get("x-request-id"))
      const samples = parse((yield* admin("/metrics", openMetrics)).text, "openMetrics")
      for (const name of [duration, overhead]) {
        const exemplars = exemplarsOf(samples, name)
        assert.isAtLeast(exemplars.length, 1)
        for (const [bound, { at, labels, value }] of exemplars) {
          assert.deepStrictEqual(Object.keys(labels), ["request_id"])
          assert.include(ids, labels["request_id"])
          assert.isAtMost(value, bound)
          assert.isAtLeast(at, began - 0.001)
        }
        assert.isTrue(exemplars.some(([, { labels }]) => labels["request_id"] === ids.at(-1)))
      }
      assert.notInclude((yield* admin("/metrics")).text, "req_")
      assert.notInclude((yield* admin("/actuator/prometheus")).text, "req_")
    })))

  it.live("name the trace of a request that is traced, which is where to look it up", () =>
    Effect.scoped(Effect.gen(function*() {
      const collector = yield* collecting
      const { admin, url } = yield* administered(
        `otlp: { endpoint: ${collector.url}, signals: [traces], sampleRatio: 0 }`,
        {},
        withExemplars
      )
      const labels = Effect.map(
        admin("/metrics", openMetrics),
        ({ text }) => exemplarsOf(parse(text, "openMetrics"), duration).map(([, { labels }]) => labels)
      )
      yield* chat(url, hello, traced("01"))
      assert.deepStrictEqual(yield* labels, [{ trace_id: trace }])
      const { headers } = yield* chat(url, hello, traced("00"))
      assert.deepInclude(yield* labels, { request_id: headers.get("x-request-id")! })
    })))
})
