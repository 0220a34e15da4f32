/** What is sent to a provider whose client runs in a fiber: the text of a request, and the headers that go with it. */
import * as Context from "effect/Context"
import type { RequestText } from "./requestText.ts"

export interface Sent {
  readonly text: RequestText
  readonly headers: Readonly<Record<string, string>>
}

export const CurrentSent = Context.Reference<Sent | undefined>(
  "@switchgear/http/gateway/dialects/sent/CurrentSent",
  { defaultValue: () => undefined }
)
