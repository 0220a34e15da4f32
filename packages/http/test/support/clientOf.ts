import { ChatClient } from "@switchgear/http"
import { Effect } from "effect"
import { HttpClient, HttpClientRequest, HttpClientResponse } from "effect/http"

/** A client whose every response is the one given. */
export const clientOf = (
  response: (request: HttpClientRequest.HttpClientRequest) => Response,
  options: Partial<ChatClient.Options> = {}
): Effect.Effect<ChatClient.ChatClient["Service"]> =>
  ChatClient.make({ provider: "openai", baseUrl: "http://simulated.test/v1", ...options }).pipe(
    Effect.provideService(
      HttpClient.HttpClient,
      HttpClient.make((request) => Effect.sync(() => HttpClientResponse.fromWeb(request, response(request))))
    )
  )

/** What such a client makes of one response. */
export const exchange = (body: string, status = 200, headers: Readonly<Record<string, string>> = {}) =>
  Effect.flatMap(
    clientOf(() => new Response(body, { status, headers })),
    (client) => client.complete({ model: "gpt-4.1", messages: [{ role: "user", content: "Hello" }] })
  )
