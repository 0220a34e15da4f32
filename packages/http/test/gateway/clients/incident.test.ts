/**
 * The incident through a gateway, on sockets: a model API that answers, then takes 15 seconds, then hangs, while fifteen times as
 * many customers come. They use the official client of OpenAI as it is, and none of them sees an error.
 *
 * Nothing is asserted of how long anything took: the model API is slow by more than anybody waits, and a machine that is busy only
 * makes more answers degraded.
 */
import { assert, describe, it } from "@effect/vitest"
import { Gateway, GatewayConfig } from "@switchgear/http/gateway"
import { Effect, type Scope } from "effect"
import type { ServerResponse } from "node:http"
import { setTimeout } from "node:timers/promises"
import OpenAI from "openai"
import { ask, token } from "../running.ts"
import { chunkOf, scripted, sendEvents, sendWhole } from "../scripted.ts"

const models = ["gpt-4.1", "claude-sonnet-4.5", "gemini-2.5-flash", "deepseek-v3.2"] as const
const [primary] = models

type Phase = "calm" | "slow" | "hanging"

const control = "admin-control-0123456789"

/** Time-outs and pauses of the incident, about thirty times shorter. */
const fileOf = (api: string): string => `
listen: { port: 0 }
admin: { port: 0, token: ${control} }
providers: { api: { baseUrl: ${api} } }
defaults:
  attemptTimeout: 300 millis
  retry: { maxAttempts: 1 }
  breaker: { window: { lastCalls: 20 }, minimumCalls: 10, openFor: 1 second, halfOpen: { calls: 3 } }
  bulkhead: { concurrency: 6, queue: 6, maxWait: 50 millis }
models:
  gpt-4.1: { provider: api, bulkhead: { concurrency: 24, queue: 24 } }
  claude-sonnet-4.5: { provider: api }
  gemini-2.5-flash: { provider: api }
  deepseek-v3.2: { provider: api }
cascades:
  assistant:
    steps: [${models.join(", ")}]
    deadline: 4 seconds
    canned: { en: We are very busy right now., zh: 当前服务繁忙，AI 助手稍后将回复您。 }
clients: [{ name: shop, token: ${token} }]
`

/** A real server that plays the API of the models. While the first one hangs, everybody goes to the others, which bear no more. */
const modelApi = Effect.gen(function*() {
  let phase: Phase = "calm"
  let underWay = 0
  const { asked, url } = yield* scripted(({ body: { model, stream } }, response) => {
    underWay++
    response.on("close", () => underWay--)
    if (model !== primary && phase === "hanging") return refuse(response)
    if (model === primary && phase === "hanging") return
    const millis = model === primary && phase === "slow" ? 15_000 : 5
    const timer = globalThis.setTimeout(() => answer(response, model, stream), millis)
    response.on("close", () => clearTimeout(timer))
  })
  return {
    url,
    begin: (next: Phase) => Effect.sync(() => (phase = next)),
    askedOf: (model: string) => asked.filter(({ body }) => body.model === model).length,
    /** Requests that are not answered and whose caller has not left. */
    underWay: () => underWay
  }
})

const refuse = (response: ServerResponse): void => {
  response.writeHead(503, { "content-type": "application/json" })
  response.end(JSON.stringify({ error: { message: "Overloaded", type: "server_error", param: null, code: null } }))
}

const answer = (response: ServerResponse, model: string, stream: unknown): void => {
  if (stream !== true) return sendWhole(response, { content: `Good day, says ${model}.` })
  sendEvents(response, chunkOf({ role: "assistant", content: "Good day, " }), chunkOf({ content: `says ${model}.` }))
  sendEvents(response, chunkOf({}, "stop"), "[DONE]")
  response.end()
}

/** What a customer got. */
interface Got {
  readonly degradation: string | null
  readonly text: string
  readonly finish: string | null | undefined
}

const gateway = (
  api: string
): Effect.Effect<Gateway.Gateway, Gateway.ListenFailed | GatewayConfig.ConfigInvalid, Scope.Scope> =>
  Effect.flatMap(GatewayConfig.parse(fileOf(api), {}), (config) => Gateway.make(config))

/** A shop whose customers ask by one client. */
const shopOf = (url: string) => {
  let requests = 0
  const client = new OpenAI({
    apiKey: token,
    baseURL: `${url}/v1`,
    fetch: (input, init) => {
      requests++
      return fetch(input, init)
    }
  })
  const requestOf = (question: string) => ({
    model: "assistant",
    messages: [{ role: "user" as const, content: question }]
  })
  const whole = async (question: string): Promise<Got> => {
    const { data, response } = await client.chat.completions.create(requestOf(question)).withResponse()
    const [choice] = data.choices
    return {
      degradation: response.headers.get("x-switchgear-degradation"),
      text: choice!.message.content ?? "",
      finish: choice!.finish_reason
    }
  }
  const streamed = async (question: string): Promise<Got> => {
    const { data, response } = await client.chat.completions.create({ ...requestOf(question), stream: true })
      .withResponse()
    const got = { degradation: response.headers.get("x-switchgear-degradation"), text: "", finish: null }
    for await (const { choices: [choice] } of data) {
      got.text += choice?.delta.content ?? ""
      Object.assign(got, choice?.finish_reason && { finish: choice.finish_reason })
    }
    return got
  }
  let customers = 0
  const ask = (): Promise<Got> => {
    const customer = customers++
    // Some questions come again and again, and some were never asked before.
    const question = customer % 5 < 2 ? `When does the sale end? (${customer % 4})` : `Where is my order ${customer}?`
    return (customer % 3 === 0 ? streamed : whole)(question)
  }
  return {
    ask,
    requests: () => requests,
    /** Customers who come one after the other, and do not wait for each other. */
    crowd: (count: number, everyMillis: number): Effect.Effect<ReadonlyArray<Got>> =>
      Effect.promise(async () => {
        const all: Array<Promise<Got>> = []
        for (let i = 0; i < count; i++) {
          all.push(ask())
          await setTimeout(everyMillis)
        }
        return Promise.all(all)
      })
  }
}

const calm = 10
const crowd = 15 * calm

describe("the incident", () => {
  it.live(
    "no customer of the official client sees an error, nor does the client try again",
    () =>
      Effect.scoped(Effect.gen(function*() {
        const api = yield* modelApi
        const { address, adminAddress } = yield* gateway(api.url)
        const url = `http://127.0.0.1:${address.port}`
        const shop = shopOf(url)
        const circuitOf = (model: string): Effect.Effect<string> =>
          Effect.map(
            ask(`http://127.0.0.1:${adminAddress!.port}/admin/models`, {
              headers: { authorization: `Bearer ${control}` }
            }),
            ({ json }) => json.find((one: any) => one.name === model).circuit.state
          )
        const isReady = Effect.map(ask(`${url}/health/ready`), ({ status }) => status === 200)

        const before = yield* shop.crowd(calm, 50)
        assert.include(before.map(({ degradation }) => degradation), "none")

        yield* api.begin("slow")
        const askedBefore = api.askedOf(primary)
        const slow = [...yield* shop.crowd(crowd, 5)]
        assert.isTrue(yield* isReady)
        while ((yield* circuitOf(primary)) === "Closed") slow.push(yield* Effect.promise(shop.ask))

        yield* api.begin("hanging")
        const hanging = yield* shop.crowd(crowd, 5)
        assert.isTrue(yield* isReady)
        assert.notStrictEqual(yield* circuitOf(primary), "Closed")
        const askedInVain = api.askedOf(primary) - askedBefore
        // Nobody waits for the API of the models any more.
        while (api.underWay() > 0) yield* Effect.sleep(10)

        yield* api.begin("calm")
        const after: Array<Got> = []
        while ((yield* circuitOf(primary)) !== "Closed") {
          after.push(yield* Effect.promise(shop.ask))
          yield* Effect.sleep(20)
        }
        while (after.at(-1)?.degradation !== "none") after.push(yield* Effect.promise(shop.ask))

        const all = [...before, ...slow, ...hanging, ...after]
        assert.strictEqual(shop.requests(), all.length)
        for (const { finish, text } of all) assert.deepStrictEqual([text !== "", finish], [true, "stop"])
        const degradations = (of: ReadonlyArray<Got>) => [...new Set(of.map(({ degradation }) => degradation))]
        assert.notInclude(degradations(slow), "none")
        assert.include(degradations(slow), "fallback")
        assert.sameMembers(degradations(hanging), ["stale", "canned"])
        // The circuit spares the model and its callers: without it, every customer would have waited for it.
        assert.isBelow(askedInVain, 2 * crowd / 3)
      })),
    60_000
  )
})
