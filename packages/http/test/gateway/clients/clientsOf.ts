/** Clients that applications have, unmodified: what they get from a gateway on good and on bad days, wherever that is. */
import { assert, describe, it } from "@effect/vitest"
import { Behaviour } from "@switchgear/http/testing"
import { Effect, Fiber, type Scope } from "effect"
import { vi } from "vitest"
import type { Place, Reached } from "../inProcess.ts"
import { token } from "../running.ts"
import { chunkOf, scripted, sendEvents, sendWhole, usageChunk } from "../scripted.ts"
import { aiSdkCompatible, aiSdkOpenai } from "./aiSdk.ts"
import { type Answer, type Application, codeOf, type Settings, statusOf } from "./application.ts"
import { langchain } from "./langchain.ts"
import { openai6, openai7 } from "./openai.ts"

const applications = [openai7, openai6, aiSdkOpenai, aiSdkCompatible, langchain]

/** The requests that a client has sent, by their headers. */
interface Sent {
  readonly settings: Settings
  readonly requests: Array<Headers>
}

const settingsOf = ({ fetch, url }: Reached, more: Partial<Settings> = {}): Sent => {
  const requests: Array<Headers> = []
  return {
    requests,
    settings: {
      baseURL: `${url}/v1`,
      apiKey: token,
      model: "assistant",
      maxRetries: 0,
      ...more,
      fetch: (input, init) => {
        requests.push(new Headers(init?.headers))
        return fetch(input, init)
      }
    }
  }
}

const ways = ["whole", "streamed"] as const

type Way = typeof ways[number]

const ask = (application: Application, way: Way, settings: Settings): Effect.Effect<Answer> =>
  Effect.promise(() => application[way](settings))

const hasText = (answer: Answer, text: string): void => {
  assert.isUndefined(answer.error)
  assert.strictEqual(answer.text, text)
}

const scoped = (effect: Effect.Effect<void, never, Scope.Scope>) => () => Effect.scoped(effect)

export const clientsOf = ({ running, runningOver }: Place): void => {
  for (const application of applications) {
    describe(application.name, () => {
      for (const way of ways) {
        describe(way, () => {
          it.live(
            "gets the answer of the provider, with why it ended and what it took",
            scoped(Effect.gen(function*() {
              const reached = yield* running()
              const answer = yield* ask(application, way, settingsOf(reached).settings)
              hasText(answer, "Good day")
              assert.strictEqual(answer.finish, "stop")
              assert.isAbove(answer.totalTokens!, 0)
            }))
          )

          it.live(
            "gets the answer of the next model, by one request, when one fails",
            scoped(Effect.gen(function*() {
              const reached = yield* running()
              const { provider } = reached
              yield* provider.set("first", { outcome: Behaviour.serverError })
              const { requests, settings } = settingsOf(reached)
              hasText(yield* ask(application, way, settings), "Good evening")
              assert.strictEqual(requests.length, 1)
              assert.strictEqual((yield* provider.total).started, 2)
            }))
          )

          it.live(
            "does not mind the signs of life of a stream whose content is late",
            scoped(Effect.gen(function*() {
              const reached = yield* running("listen: { port: 0, headAfter: 20 millis }")
              const { provider } = reached
              yield* provider.set("first", { outcome: Behaviour.ok("late"), latency: Behaviour.constant(100) })
              hasText(yield* ask(application, way, settingsOf(reached).settings), "late")
            }))
          )

          it.live(
            "gets a sentence when no model answers and there is one",
            scoped(Effect.gen(function*() {
              const reached = yield* running()
              const { provider } = reached
              yield* provider.set("first", { outcome: Behaviour.serverError })
              hasText(yield* ask(application, way, settingsOf(reached, { model: "polite" }).settings), "We are busy.")
            }))
          )

          it.live(
            "calls a tool and sends back its result",
            scoped(Effect.gen(function*() {
              const { asked, url: provider } = yield* scripted(({ body }, response) => {
                const last = body.messages.at(-1)
                const [given] = ["{\"city\":\"Zürich\"}"]
                if (last.role === "tool") {
                  if (body.stream !== true) return sendWhole(response, { content: `It is ${last.content}.` })
                  sendEvents(response, chunkOf({ role: "assistant", content: "It is " }))
                  sendEvents(response, chunkOf({ content: `${last.content}.` }), chunkOf({}, "stop"))
                } else {
                  const call = { id: "call_1", type: "function", function: { name: "weather", arguments: given } }
                  if (body.stream !== true)
                    return sendWhole(response, { content: null, tool_calls: [call] }, "tool_calls")
                  const first = {
                    index: 0,
                    id: "call_1",
                    type: "function",
                    function: { name: "weather", arguments: "" }
                  }
                  sendEvents(response, chunkOf({ role: "assistant", content: null, tool_calls: [first] }))
                  for (const piece of given!.match(/.{1,5}/gsu)!)
                    sendEvents(response, chunkOf({ tool_calls: [{ index: 0, function: { arguments: piece } }] }))
                  sendEvents(response, chunkOf({}, "tool_calls"))
                }
                sendEvents(response, ...body.stream_options?.include_usage ? [usageChunk] : [], "[DONE]")
                response.end()
              })
              const reached = yield* runningOver(provider)
              const cities: Array<string> = []
              const answer = yield* Effect.promise(() =>
                application.withTool(settingsOf(reached).settings, way, (city) => {
                  cities.push(city)
                  return "sunny ☀️"
                })
              )
              assert.deepStrictEqual(cities, ["Zürich"])
              hasText(answer, "It is sunny ☀️.")
              assert.strictEqual(asked.length, 2)
              assert.strictEqual(asked[1]!.body.messages.at(-1).tool_call_id, "call_1")
            }))
          )

          it.live(
            "is told that its token is wrong, that its model is not there, and does not ask again",
            scoped(Effect.gen(function*() {
              const reached = yield* running()
              const { provider } = reached
              const wrongToken = settingsOf(reached, { apiKey: "sk-wrong-0123456789", maxRetries: 2 })
              const first = yield* ask(application, way, wrongToken.settings)
              assert.strictEqual(statusOf(first.error), 401)
              assert.strictEqual(codeOf(first.error), "invalid_api_key")
              const wrongModel = settingsOf(reached, { model: "gpt-9", maxRetries: 2 })
              const second = yield* ask(application, way, wrongModel.settings)
              assert.strictEqual(statusOf(second.error), 404)
              assert.strictEqual(codeOf(second.error), "model_not_found")
              assert.match((second.error as Error).message, /The model `gpt-9` does not exist/)
              assert.deepStrictEqual([wrongToken.requests.length, wrongModel.requests.length], [1, 1])
              assert.strictEqual((yield* provider.total).started, 0)
            }))
          )

          it.live(
            "ends the call at the provider when it gives up",
            scoped(Effect.gen(function*() {
              const reached = yield* running()
              const { provider } = reached
              yield* provider.set("first", {
                outcome: way === "whole" ? Behaviour.hang : Behaviour.stream({ end: Behaviour.stallAfter(2) })
              })
              const giveUp = new AbortController()
              const { requests, settings } = settingsOf(reached, { signal: giveUp.signal, maxRetries: 2 })
              const fiber = yield* Effect.forkChild(ask(application, way, settings))
              yield* Effect.repeat(Effect.delay(provider.stats("first"), 5), { until: ({ started }) => started === 1 })
              giveUp.abort()
              const { error, finish } = yield* Fiber.join(fiber)
              // The official client ends its stream without a word when the application itself has given up.
              if (way === "whole") assert.isDefined(error)
              assert.notStrictEqual(finish, "stop")
              yield* Effect.repeat(Effect.delay(provider.stats("first"), 5), { until: ({ aborted }) => aborted === 1 })
              assert.strictEqual(requests.length, 1)
              assert.strictEqual((yield* provider.stats("second")).started, 0)
            }))
          )
        })
      }

      it.live(
        "is told that no model has answered also where its stream has begun: it never takes it for an empty answer",
        scoped(Effect.gen(function*() {
          const reached = yield* running("listen: { port: 0, headAfter: 20 millis }")
          const { provider } = reached
          for (const model of ["first", "second"])
            yield* provider.set(model, { outcome: Behaviour.serverError, latency: Behaviour.constant(100) })
          const { requests, settings } = settingsOf(reached, { maxRetries: 1 })
          const answer = yield* ask(application, "streamed", settings)
          assert.isDefined(answer.error)
          assert.notStrictEqual(answer.finish, "stop")
          assert.strictEqual(answer.text, "")
          // It takes an error that comes first for one of the head, and makes its own status of it.
          assert.strictEqual(requests.length, application === aiSdkOpenai ? 2 : 1)
        }))
      )

      it.live(
        "is told that a stream was cut: it never takes it for a whole answer",
        scoped(Effect.gen(function*() {
          const reached = yield* running()
          const { provider } = reached
          yield* provider.set("first", {
            outcome: Behaviour.stream({ text: "one two three four", chunks: 4, end: Behaviour.cutAfter(2) })
          })
          const { requests, settings } = settingsOf(reached, { maxRetries: 2 })
          const answer = yield* ask(application, "streamed", settings)
          assert.notStrictEqual(answer.finish, "stop")
          assert.isTrue("one two three four".startsWith(answer.text))
          assert.isDefined(answer.error)
          assert.strictEqual(requests.length, 1)
          assert.strictEqual((yield* provider.total).started, 1)
        }))
      )
    })
  }

  /** Each waits for seconds and does nothing meanwhile: all at once. */
  vi.setConfig({ maxConcurrency: 100 })
  describe.concurrent("what waits", () => {
    for (const application of applications) {
      for (const way of ways) {
        it.live(
          `${application.name}, ${way}, is told its own limit, comes again when it is told, and gets its answer then`,
          scoped(Effect.gen(function*() {
            const reached = yield* running(
              `clients: [{ name: shop, token: ${token}, limits: [{ resource: requests, limit: 1, per: 5 seconds }] }]`
            )
            const { provider } = reached
            hasText(yield* ask(application, way, settingsOf(reached).settings), "Good day")
            const { error } = yield* ask(application, way, settingsOf(reached).settings)
            assert.strictEqual(statusOf(error), 429)
            assert.strictEqual(codeOf(error), "rate_limit_exceeded")
            const { requests, settings } = settingsOf(reached, { maxRetries: 1 })
            hasText(yield* ask(application, way, settings), "Good day")
            assert.strictEqual(requests.length, 2)
            assert.strictEqual((yield* provider.total).started, 2)
          }))
        )

        it.live(
          `${application.name}, ${way}, gets a sentence before it gives up, whatever the provider does`,
          scoped(Effect.gen(function*() {
            const reached = yield* running()
            const { provider } = reached
            yield* provider.set("first", { outcome: Behaviour.hang })
            const waits = application.tellsTimeout
              ? { timeout: 7900 }
              : { timeout: 20_000, headers: { "x-switchgear-timeout": "3" } }
            const { requests, settings } = settingsOf(reached, { model: "polite", ...waits })
            hasText(yield* ask(application, way, settings), "We are busy.")
            assert.strictEqual(requests.length, 1)
            yield* Effect.repeat(Effect.delay(provider.stats("first"), 5), { until: ({ aborted }) => aborted === 1 })
          }))
        )
      }

      it.live(
        `${application.name} gets a stream whole that takes longer than it waits for the beginning of it`,
        scoped(Effect.gen(function*() {
          const reached = yield* running()
          const { provider } = reached
          const text = "one two three four five six"
          yield* provider.set("first", { outcome: Behaviour.stream({ text, chunks: 6, pause: 1000 }) })
          const waits = application.tellsTimeout ? { timeout: 4000 } : { headers: { "x-switchgear-timeout": "4" } }
          hasText(yield* ask(application, "streamed", settingsOf(reached, waits).settings), text)
        }))
      )
    }

    const asIs = { maxRetries: undefined }
    const exhausted = (application: Application, way: Way, listen: string, more: object) =>
      Effect.gen(function*() {
        const reached = yield* running(`listen: { port: 0${listen} }`)
        const { provider } = reached
        for (const model of ["first", "second"]) yield* provider.set(model, { outcome: Behaviour.serverError })
        const { requests, settings } = settingsOf(reached, more)
        const { error } = yield* ask(application, way, settings)
        assert.isDefined(error)
        return {
          status: statusOf(error),
          code: codeOf(error),
          gateway: requests.length,
          provider: (yield* provider.total).started
        }
      }).pipe(Effect.scoped)

    const code = "cascade_exhausted"
    for (const way of ways) {
      for (const application of [openai7, openai6]) {
        it.live(`${application.name}, ${way}, asks once when every model has failed`, () =>
          Effect.gen(function*() {
            assert.deepStrictEqual(yield* exhausted(application, way, "", asIs), {
              status: 503,
              code,
              gateway: 1,
              provider: 2
            })
          }))
      }
      for (const application of [aiSdkOpenai, aiSdkCompatible]) {
        it.live(`${application.name}, ${way}, asks three times when every model has failed, and once with a status of 424`, () =>
          Effect.gen(function*() {
            assert.deepStrictEqual(yield* exhausted(application, way, "", asIs), {
              status: 503,
              code,
              gateway: 3,
              provider: 6
            })
            assert.deepStrictEqual(
              yield* exhausted(application, way, ", exhaustedStatus: 424", asIs),
              { status: 424, code, gateway: 1, provider: 2 }
            )
          }))
      }
      // It tries six times again by itself, which takes two minutes: here it may once.
      it.live(`${langchain.name}, ${way}, asks as often as it may when every model has failed, and once with a status of 406`, () =>
        Effect.gen(function*() {
          const once = { maxRetries: 1 }
          assert.deepStrictEqual(yield* exhausted(langchain, way, "", once), {
            status: 503,
            code,
            gateway: 2,
            provider: 4
          })
          assert.deepStrictEqual(
            yield* exhausted(langchain, way, ", exhaustedStatus: 406", once),
            { status: 406, code, gateway: 1, provider: 2 }
          )
        }))
    }
  })
}
