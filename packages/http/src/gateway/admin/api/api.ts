/**
 * The API for operators. Its two groups are the two scopes of a token: what is in `observe` needs `read`, and what is in
 * `control` needs `control`.
 */
import * as Schema from "effect/Schema"
import * as HttpApi from "effect/http-api/HttpApi"
import * as HttpApiEndpoint from "effect/http-api/HttpApiEndpoint"
import * as HttpApiGroup from "effect/http-api/HttpApiGroup"
import * as HttpApiMiddleware from "effect/http-api/HttpApiMiddleware"
import * as HttpApiSchema from "effect/http-api/HttpApiSchema"
import * as OpenApi from "effect/http-api/OpenApi"
import * as Schemas from "./schemas.ts"

/** There is no guard or key of that id. */
export class NotFound extends Schema.TaggedError<NotFound>("@switchgear/http/gateway/NotFound")("NotFound", {
  message: Schema.String
}) {}

/** The file cannot be taken over. The one in force stays. */
export class ReloadFailed extends Schema.TaggedError<ReloadFailed>("@switchgear/http/gateway/ReloadFailed")(
  "ReloadFailed",
  { message: Schema.String }
) {}

const notFound = NotFound.pipe(HttpApiSchema.status(404))
const reloadFailed = ReloadFailed.pipe(HttpApiSchema.status(422))

/** For the history, which leaves out characters that nobody sees: why something is done. */
const reason = Schema.String.check(
  Schema.isPattern(/[^\s\p{C}]/u, { message: "Expected a reason that can be seen" }),
  Schema.isMaxLength(200)
)

/** At most a year. */
const seconds = Schema.Finite.check(Schema.isBetween({ minimum: 0.001, maximum: 366 * 86_400 }))

const id = { id: Schema.String }

const observe = HttpApiGroup.make("observe").add(
  HttpApiEndpoint.get("overview", "/admin/overview", { success: Schemas.Overview })
    .annotate(OpenApi.Summary, "Everything there is to see at this moment"),
  HttpApiEndpoint.get("models", "/admin/models", { success: Schema.Array(Schemas.Model) })
    .annotate(OpenApi.Summary, "The models with their guards"),
  HttpApiEndpoint.get("cascades", "/admin/cascades", { success: Schema.Array(Schemas.Cascade) })
    .annotate(OpenApi.Summary, "The cascades, and where their answers come from"),
  HttpApiEndpoint.get("clients", "/admin/clients", { success: Schema.Array(Schemas.Client) })
    .annotate(OpenApi.Summary, "The clients with their limits, spending and budgets"),
  HttpApiEndpoint.get("caches", "/admin/caches", { success: Schema.Array(Schemas.Cache) })
    .annotate(OpenApi.Summary, "The caches of answers"),
  HttpApiEndpoint.get("providers", "/admin/providers", { success: Schema.Array(Schemas.Provider) })
    .annotate(OpenApi.Summary, "The providers, and which of their keys are parked"),
  HttpApiEndpoint.get("cluster", "/admin/cluster", { success: Schema.NullOr(Schemas.Cluster) })
    .annotate(OpenApi.Summary, "The fleet of gateways, as this one sees it; null where the file has none"),
  HttpApiEndpoint.get("samples", "/admin/samples", { success: Schemas.Samples })
    .annotate(OpenApi.Summary, "What clients got in the last 15 minutes, for charts"),
  HttpApiEndpoint.get("events", "/admin/events", {
    query: { since: Schema.optionalKey(Schema.NumberFromString.check(Schema.isInt())) },
    success: Schemas.Events
  }).annotate(OpenApi.Summary, "Changes of guards and acts of operators, after a number"),
  HttpApiEndpoint.get("stream", "/admin/stream", {
    success: HttpApiSchema.StreamSse({
      events: Schema.Union([
        Schema.Struct({
          event: Schema.Literal("snapshot"),
          data: Schema.fromJsonString(Schemas.Overview)
        }),
        Schema.Struct({
          id: Schema.String,
          event: Schema.Literal("event"),
          data: Schema.fromJsonString(Schemas.Event)
        })
      ])
    })
  }).annotate(OpenApi.Summary, "The overview each second, and every event when it happens")
)

const control = HttpApiGroup.make("control").add(
  HttpApiEndpoint.post("circuit", "/admin/circuits/:id", {
    params: id,
    payload: Schema.Union([
      Schema.Struct({ command: Schema.Literals(["open", "close", "disable", "metricsOnly"]), reason }),
      Schema.Struct({ command: Schema.Literal("trip"), seconds, reason })
    ]),
    success: Schemas.Circuit,
    error: notFound
  }).annotate(
    OpenApi.Summary,
    "Opens a circuit for good or for a time, closes it, or lets it pass all calls. In a fleet, open, close and trip are for all gateways, and disable and metricsOnly for this one"
  ),
  HttpApiEndpoint.post("limiter", "/admin/limiters/:id", {
    params: id,
    payload: Schema.Union([
      Schema.Struct({ command: Schema.Literal("pause"), seconds, reason }),
      Schema.Struct({ command: Schema.Literal("resume"), reason })
    ]),
    success: Schemas.Limiter,
    error: notFound
  }).annotate(
    OpenApi.Summary,
    "Pauses a rate limiter, or ends its pause. In a fleet, pause is for all gateways, and resume for this one"
  ),
  HttpApiEndpoint.post("bulkhead", "/admin/bulkheads/:id", {
    params: id,
    payload: Schema.Struct({
      concurrency: Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 1_000_000 })),
      reason
    }),
    success: Schemas.Bulkhead,
    error: notFound
  }).annotate(OpenApi.Summary, "Changes how many calls a bulkhead lets run at once, until the file changes it"),
  HttpApiEndpoint.post("cache", "/admin/caches/:id", {
    params: id,
    payload: Schema.Struct({ command: Schema.Literals(["refresh", "clear"]), reason }),
    success: Schemas.Cache,
    error: notFound
  }).annotate(
    OpenApi.Summary,
    "Makes all answers of a cache stale, so that the next asking calls a model and a stale answer is served only if that fails; or forgets them"
  ),
  HttpApiEndpoint.post("key", "/admin/providers/:id/keys/:key", {
    params: { ...id, key: Schema.String },
    payload: Schema.Union([
      Schema.Struct({ command: Schema.Literal("park"), seconds: Schema.optionalKey(seconds), reason }),
      Schema.Struct({ command: Schema.Literal("unpark"), reason })
    ]),
    success: Schemas.Provider,
    error: notFound
  }).annotate(
    OpenApi.Summary,
    "Parks a key of a provider, by its label or its place: it is not used for so many seconds, or until it is unparked"
  ),
  HttpApiEndpoint.post("reload", "/admin/reload", {
    payload: Schema.Struct({ reason }),
    success: Schema.Struct({ generation: Schema.Finite }),
    error: reloadFailed
  }).annotate(OpenApi.Summary, "Takes over the file again; a wrong one is told, and the one in force stays")
)
  // What is left out of a command lasts for good: `open` with `seconds`, or `park` with `second`.
  .annotate(HttpApi.PayloadParseOptions, { onExcessProperty: "error" })

const nullableText = { type: ["string", "null"] }

/** What the desk answers in place of the platform. */
const refused = {
  type: "object",
  properties: {
    error: {
      type: "object",
      properties: { message: { type: "string" }, type: { type: "string" }, param: nullableText, code: nullableText },
      required: ["message", "type", "param", "code"]
    }
  },
  required: ["error"]
}

const refusalsOf = (statuses: Readonly<Record<number, string>>) =>
  Object.fromEntries(
    Object.entries(statuses).map(([status, description]) => [
      status,
      { description, content: { "application/json": { schema: { $ref: "#/components/schemas/Refused" } } } }
    ])
  )

const refusals = refusalsOf({
  401: "The token is missing or wrong",
  421: "The host is asked by a name that the file does not list",
  429: "Too many wrong tokens came from this address",
  500: "A fault of the gateway"
})

const refusalsOfControl = {
  ...refusalsOf({ 403: "The token may only read" }),
  413: { description: "The body is too large" }
}

interface Operation {
  readonly tags: ReadonlyArray<string>
  readonly responses: Readonly<Record<string, unknown>>
}

type Paths = Readonly<Record<string, Readonly<Record<string, Operation>>>>

const withRefusals = (paths: Paths): Paths => {
  const inDocument = (operation: Operation): Operation => ({
    ...operation,
    responses: { ...refusals, ...operation.tags.includes("control") && refusalsOfControl, ...operation.responses }
  })
  return Object.fromEntries(
    Object.entries(paths).map(([path, item]) => [
      path,
      Object.fromEntries(Object.entries(item).map(([method, operation]) => [method, inDocument(operation)]))
    ])
  )
}

export const api = HttpApi.make("switchgear").add(observe, control)
  .middleware(HttpApiMiddleware.ProblemDetails)
  .annotate(OpenApi.Title, "switchgear: the API for operators")
  .annotate(OpenApi.Version, "1.0.0")
  // The desk asks for the token before the platform sees a request, so that only the document has to know of it.
  .annotate(OpenApi.Transform, (document) => ({
    ...document,
    paths: withRefusals(document["paths"]),
    components: {
      ...document["components"],
      schemas: { ...document["components"].schemas, Refused: refused },
      securitySchemes: { token: { type: "http", scheme: "bearer" } }
    },
    security: [{ token: [] }]
  }))
  .annotate(
    OpenApi.Description,
    "Every request needs the token of the file in `Authorization: Bearer`. The `readToken` may observe, and the `token` may control as well."
  )
