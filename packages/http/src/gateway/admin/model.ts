/** What operators are shown and may change: the running gateway, as the parts of the admin address see it. */
import type { IncomingMessage, ServerResponse } from "node:http"
import type * as Registry from "@switchgear/core/Registry"
import type * as Effect from "effect/Effect"
import type * as Metric from "effect/Metric"
import type * as Stream from "effect/Stream"
import type { Guards } from "./guards.ts"
import type { FleetNode } from "../cluster/model.ts"
import type { Config } from "../config/model.ts"
import type { Callers } from "../service/callers.ts"
import type { CallRecord } from "./journal/callRecord.ts"
import type { ClientMinute } from "./journal/clientMinute.ts"
import type { Journal } from "./journal/journal.ts"
import type { Samples } from "./journal/samples.ts"
import type { Shedding } from "./journal/shedding.ts"
import type { Counts } from "../server/counts.ts"
import type { Providers, Targets } from "../service/targets.ts"
import type { Reply } from "../server/refusals.ts"

/** What a token allows: `control` includes `read`. */
export type Scope = "read" | "control"

/** What there is to read of the guards. */
export interface View {
  readonly health: Effect.Effect<Registry.Health>
  readonly guards: Effect.Effect<Guards>
  /** The metrics of all guards, as `Telemetry` publishes them. */
  readonly metrics: Effect.Effect<ReadonlyArray<Metric.Metric.Snapshot>>
}

/** The gateway as it runs now: each property is read anew. */
export interface State {
  readonly registry: Registry.Registry
  readonly view: View
  /** This gateway in its fleet; undefined where it is alone. */
  readonly node: FleetNode | undefined
  readonly config: Config
  readonly targets: Targets
  readonly providers: Providers
  readonly callers: Callers
  /** What was counted of the requests of clients. */
  readonly counts: Counts
  /** How often a file was taken over: 1 from the start. */
  readonly generation: number
  readonly isReady: boolean
  /** Requests of clients that are being answered. */
  readonly inFlight: number
  /** Takes over the file again. */
  readonly reload: Effect.Effect<void, { readonly _tag: string; readonly message: string }>
}

/** The same with what operators look back at. */
export interface Running extends State {
  /** Changes of guards, and acts of operators. */
  readonly journal: Journal
  /** The last calls through each guard. */
  readonly calls: CallRecord
  /** What clients got in the last 15 minutes. */
  readonly samples: Samples
  /** Which bounds the gateway has reached. */
  readonly shedding: Shedding
  /** What each client asked for in the last minute. */
  readonly clientMinute: ClientMinute
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

/** The value of a header that is sent once. */
export const headerOf = ({ headers }: AdminRequest, name: string): string | undefined => {
  const value = headers[name]
  return typeof value === "string" ? value : undefined
}

/** Server-sent events, until they end or the client leaves. */
export interface Streamed {
  readonly events: Stream.Stream<string>
}

interface Placed {
  readonly method: "GET" | "POST" | "DELETE"
  /** Parts of a path; one that begins with `:` stands for any. */
  readonly path: string
}

interface Guarded extends Placed {
  readonly scope: Scope
}

/** A page that is the same for everybody and has nothing of the running gateway in it: no token is asked for. */
export interface OpenRoute extends Placed {
  readonly scope: "open"
  readonly page: Effect.Effect<Reply>
}

/** A path whose requests are handed on, with their body unread, once their token was found good. */
export interface HandedRoute extends Guarded {
  readonly hand: (request: IncomingMessage, response: ServerResponse, token: Scope) => void
}

/** One path with its method, the scope that it needs, and what it answers. */
export interface AdminRoute extends Guarded {
  readonly answer: (request: AdminRequest, running: Running) => Effect.Effect<Reply | Streamed>
}

/** All that there is: what is not listed is not there. */
export type Route = AdminRoute | HandedRoute | OpenRoute
