/** What the attempts of a call have in common. */
import type * as Effect from "effect/Effect"
import type * as ChatStream from "../ChatStream.ts"
import type { Asked } from "./asked.ts"
import type { Exchange } from "./exchange.ts"
import type { Where } from "./guardedCall.ts"
import type { Fetch } from "./options.ts"
import type { Settings } from "./settings.ts"

export type Request = Pick<Asked, "send" | "measure" | "isFaulty">

/** A call: what its attempts are made with, and what they leave behind. */
export interface Attempting {
  readonly asked: Omit<Asked, keyof Request>
  /** Undefined once the response is the caller's: a stream that lasts holds nothing of what was asked. */
  request: Request | undefined
  readonly fetch: Fetch
  readonly settings: Settings
  readonly where: Where
  /** Hears the headers of each response. */
  readonly heard: (headers: ChatStream.Head["headers"]) => Effect.Effect<void>
  /** Requests that were sent. */
  attempts: number
  /** The last response, and whether its body is read here. */
  response: Response | undefined
  isRead: boolean
  /** An exchange that lasts longer than its attempt. */
  taken: Exchange | undefined
}
