/**
 * A listener for the headers of responses: a transport calls it for each response, failed or not, before the body is read.
 */
import * as Context from "effect/Context"
import type * as Fiber from "effect/Fiber"
import type { Headers } from "./transport.ts"

export interface HeadersListener {
  /** Called with the fiber of the call. Must not throw. */
  readonly heard: (headers: Headers, fiber: Fiber.Fiber<unknown, unknown>) => void
}

export const CurrentHeadersListener = Context.Reference<HeadersListener | undefined>(
  "@switchgear/http/chatClient/responseHeaders/CurrentHeadersListener",
  {
    defaultValue: () => undefined
  }
)
