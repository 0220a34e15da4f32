/**
 * What guards cost a request that passes, without a socket: of an HTTP client beside the platform's own, of a server, and of a
 * `fetch`.
 */
import { Bulkhead, ConcurrencyLimit } from "@switchgear/core"
import { HttpGuard, ServerGuard } from "@switchgear/http"
import { guardedFetch } from "@switchgear/http/fetch"
import { Effect, Schedule } from "effect"
import { HttpClient, HttpClientResponse, HttpServerRequest, HttpServerResponse } from "effect/http"
import { CircuitBreaker } from "effect/persistence"
import { awaited, inFiber, measure, type Subject } from "../harness.ts"
import type { Section } from "../section.ts"
import type { Settings } from "../settings.ts"

const url = "http://api.test/v1/rates"

const answering = HttpClient.make((request) =>
  Effect.sync(() => HttpClientResponse.fromWeb(request, new Response("1")))
)

const ask = <E>(client: HttpClient.HttpClient.With<E>) =>
  inFiber(Effect.map(client.get(url), ({ status }) => status / 200))

/** What Effect has for a client, as its documentation orders it: retries, circuit. Its limiter would add a wait of a millisecond. */
const platform = Effect.gen(function*() {
  const breaker = yield* CircuitBreaker.make({ tripPolicy: CircuitBreaker.consecutive(5), openDuration: "30 seconds" })
  return answering.pipe(
    HttpClient.retryTransient({ times: 2, schedule: Schedule.exponential("200 millis") }),
    HttpClient.withCircuitBreaker({ breaker })
  )
}).pipe(Effect.provide(CircuitBreaker.layerStoreMemory()))

const request = HttpServerRequest.fromWeb(new Request(url, { headers: { "x-switchgear-timeout": "30" } }))

const handler = Effect.succeed(HttpServerResponse.empty({ status: 200 }))

/** A request as a server runs it: with a scope of its own. */
const serve = <E, R>(handler: Effect.Effect<HttpServerResponse.HttpServerResponse, E, R>) =>
  inFiber(
    Effect.scoped(Effect.map(handler, ({ status }) => status / 200)).pipe(
      Effect.provideService(HttpServerRequest.HttpServerRequest, request)
    ) as Effect.Effect<number, E>
  )

const setUp = Effect.gen(function*() {
  const limit = yield* ConcurrencyLimit.make({ name: "api" })
  const full = yield* Bulkhead.make({ name: "full", concurrency: 1 })
  // Its only slot is taken for as long as the process lives.
  Effect.runFork(full.protect(Effect.never))
  return {
    theirs: yield* platform,
    ours: yield* HttpGuard.standard(answering, { name: "rates" }),
    server: yield* ServerGuard.make({
      name: "api",
      maxRequests: 1000,
      maxBytes: 1_000_000,
      limit,
      deadline: "30 seconds"
    }),
    shedding: yield* ServerGuard.make({ name: "full", limit: full })
  }
})

const body = JSON.stringify({ messages: [{ role: "user", content: "Hello!" }], model: "gpt-4.1" })
const reply = JSON.stringify({
  id: "chatcmpl-1",
  object: "chat.completion",
  choices: [{ index: 0, message: { role: "assistant", content: "Hello!" }, finish_reason: "stop" }],
  usage: { prompt_tokens: 5, completion_tokens: 3, total_tokens: 8 }
})
const provider = async () => new Response(reply, { headers: { "content-type": "application/json" } })

const complete = (fetch: typeof globalThis.fetch) =>
  awaited(async () => {
    const response = await fetch("https://api.openai.test/v1/chat/completions", { method: "POST", body })
    const { choices } = await response.json() as { readonly choices: ReadonlyArray<unknown> }
    return choices.length
  })

const refused = (fetch: typeof globalThis.fetch) =>
  awaited(async () =>
    (await fetch("https://api.openai.test/v1/chat/completions", { method: "POST", body })).status / 503
  )

export const http = async (settings: Settings): Promise<Section> => {
  const { ours, server, shedding, theirs } = await Effect.runPromise(Effect.scoped(setUp))
  const guarded = guardedFetch({ fetch: provider })
  const open = guardedFetch({ fetch: provider })
  await open("https://api.openai.test/v1/models").then((response) => response.text())
  open.control("api.openai.test").open()
  const bareClient: Subject = { name: "HttpClient, no guard", run: ask(answering) }
  const bareServer: Subject = { name: "handler, no guard", run: serve(handler) }
  const bareFetch: Subject = { name: "fetch of a reply in memory, read", run: complete(provider) }
  return {
    title: "HTTP: a request that passes, and one that is refused",
    notes: [
      "No socket is involved: what is measured is what the guards add.",
      "Effect's client has retries and one circuit; ours has these for each host, and deadline, bulkhead, time-outs and headers."
    ],
    rows: await measure(settings, [
      bareClient,
      { name: "HttpClient, Effect's retries and circuit", over: bareClient.name, run: ask(theirs) },
      {
        name: "HttpGuard.standard",
        over: bareClient.name,
        against: [{ peer: "HttpClient, Effect's retries and circuit", atMost: 1 }],
        run: ask(ours)
      },
      bareServer,
      { name: "ServerGuard, with a limit that moves", over: bareServer.name, run: serve(server.protect(handler)) },
      {
        name: "ServerGuard, refused",
        run: serve(
          Effect.map(
            shedding.protect(handler),
            (response) => HttpServerResponse.setStatus(response, response.status === 503 ? 200 : 500)
          )
        )
      },
      bareFetch,
      { name: "guardedFetch, a chat completion, read", over: bareFetch.name, run: complete(guarded) },
      { name: "guardedFetch, refused by an open circuit", run: refused(open) }
    ])
  }
}
