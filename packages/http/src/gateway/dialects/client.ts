/**
 * Asks one provider in one of its other APIs. To the guards of a model, to a cascade and to a ledger it is a client like
 * that of chat completions: they read what an answer says as if it were one. What is passed on is the text as it came.
 */
import { keepingDeadline } from "@switchgear/core/runtime"
import * as Effect from "effect/Effect"
import type { ChatError } from "../../ChatError.ts"
import type { Connection } from "../../chatClient/client.ts"
import type { PreparedRequest } from "../../chatClient/preparedRequest.ts"
import type { Asked as AskedClient } from "../../chatModel/guarded.ts"
import { unknown } from "../../chatReply/asked.ts"
import * as Source from "../../chatStream/source.ts"
import { SealedRequest } from "../../chatRequest/sealedRequest.ts"
import type { ChatRequest } from "../../ChatSchema.ts"
import { decodeAnswer, inWordsOf } from "./decodeAnswer.ts"
import type { Dialect } from "./model.ts"
import { readEvents } from "./readEvents.ts"
import { CurrentSent } from "./sent.ts"

/** Clients that ask through the connection of one for chat completions, and share its keys. */
export const clientsOf = ({ calls, settings, transport }: Connection): (dialect: Dialect) => AskedClient => {
  const { provider } = settings
  const apiKey = settings.keys.flatMap(({ secret }) => secret ?? [])
  const own = Object.fromEntries(
    Object.entries(settings.headers).map(([name, value]) => [name.toLowerCase(), value])
  )

  return (dialect) => {
    const url = settings.base + dialect.path
    const decode = decodeAnswer(dialect)
    const read = readEvents(dialect)
    const inWords = inWordsOf(dialect)

    const to = (accept: string, headers: Readonly<Record<string, string>>, secret: string | undefined) => {
      const key: Readonly<Record<string, string>> = secret === undefined || dialect.keyHeader === "authorization"
        ? {}
        : { [dialect.keyHeader]: secret }
      return transport.to({
        method: "POST",
        url,
        query: settings.query,
        headers: { "accept-encoding": "identity", ...headers, ...own, ...key, accept }
      })
    }
    const bearer = (secret: string | undefined) => dialect.keyHeader === "authorization" ? secret : undefined

    /** The call of the running fiber. */
    const asking = <A, R>(
      request: ChatRequest,
      ask: (
        call: PreparedRequest,
        headers: Readonly<Record<string, string>>,
        fiber: Parameters<typeof calls.whole>[1]
      ) => Effect.Effect<A, ChatError, R>
    ) =>
      // Around it: what `ask` gives is what the fiber evaluates next, and nothing may come between.
      Effect.mapError(
        Effect.withFiber<A, ChatError, R>((fiber) => {
          const { headers, text } = fiber.getRef(CurrentSent)!
          const about = () => ({
            secrets: { apiKey, prompt: SealedRequest.find(request)?.prompt ?? "unknown" as const },
            asked: unknown
          })
          return ask({ model: request.model, body: text.withModel(request.model), about }, headers, fiber)
        }),
        inWords
      )

    const { keepsDeadline } = to("application/json", {}, undefined)

    return {
      provider,
      complete: (request) =>
        keepingDeadline(
          asking(request, (call, headers, fiber) =>
            calls.whole(
              call,
              fiber,
              (secret, until) =>
                to("application/json", headers, secret)
                  .exchange({ body: call.body, secret: bearer(secret) }, until, fiber),
              decode(request)
            )),
          keepsDeadline
        ),
      stream: (request) =>
        Source.streamOf(asking(request, (call, headers, fiber) =>
          calls.streamed(
            call,
            fiber,
            (secret, timeouts) =>
              to("text/event-stream, application/json", headers, secret)
                .open({ body: call.body, secret: bearer(secret) }, timeouts, fiber),
            read
          )))
    }
  }
}
