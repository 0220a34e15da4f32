/**
 * A listener for the headers of responses: a client calls it for each response, failed or not, before it reads the
 * body.
 */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"

type HeadersListener = (headers: Readonly<Record<string, string | undefined>>) => Effect.Effect<void>

export const CurrentHeadersListener = Context.Reference<HeadersListener | undefined>(
  "@switchgear/http/chatClient/responseHeaders/CurrentHeadersListener",
  {
    defaultValue: () => undefined
  }
)
