/** What operators are shown and may change: the running gateway, as the parts of the admin address see it. */
import type * as Registry from "@switchgear/core/Registry"
import type * as Effect from "effect/Effect"
import type { Config } from "../config/model.ts"
import type { Callers } from "../service/callers.ts"
import type { Targets } from "../service/targets.ts"
import type { Reply } from "../server/refusals.ts"

/** What a token allows: `control` includes `read`. */
export type Scope = "read" | "control"

/** The gateway as it runs now: each property is read anew. */
export interface Running {
  readonly registry: Registry.Registry
  readonly config: Config
  readonly targets: Targets
  readonly callers: Callers
  /** How often a file was taken over: 1 from the start. */
  readonly generation: number
  readonly isReady: boolean
  /** Requests of clients that are being answered. */
  readonly inFlight: number
  /** Takes over the file again. */
  readonly reload: Effect.Effect<void, { readonly _tag: string; readonly message: string }>
}

/** A request to the admin address whose token was found good. */
export interface AdminRequest {
  readonly method: string
  /** Without the query, in parts, each decoded. */
  readonly path: ReadonlyArray<string>
  readonly query: URLSearchParams
  readonly headers: Readonly<Record<string, string | ReadonlyArray<string> | undefined>>
  readonly body: string
  /** The name of the token, for the history. */
  readonly scope: Scope
}

/** One path with its method, the scope that it needs, and what it answers. */
export interface AdminRoute {
  readonly method: "GET" | "POST" | "DELETE"
  /** Parts of a path; one that begins with `:` stands for any. */
  readonly path: string
  readonly scope: Scope
  readonly answer: (request: AdminRequest, running: Running) => Effect.Effect<Reply>
}
