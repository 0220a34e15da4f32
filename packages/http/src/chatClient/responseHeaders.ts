/** Whoever wants to hear the heads of responses: a client tells each of them, good or bad, before it reads the body. */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"

export type Listener = (headers: Readonly<Record<string, string | undefined>>) => Effect.Effect<void>

export const CurrentListener = Context.Reference<Listener | undefined>(
  "@switchgear/http/internal/heads/CurrentListener",
  {
    defaultValue: () => undefined
  }
)
