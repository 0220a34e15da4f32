/**
 * The API by which operators read and control a running gateway, for clients in TypeScript. It is served below `/admin` on
 * the address for operators, with a document at `/admin/openapi.json` and a page at `/admin/docs`.
 *
 * ```ts
 * import { AdminApi } from "@switchgear/http/gateway"
 * import { Effect } from "effect"
 * import { FetchHttpClient, HttpClient, HttpClientRequest } from "effect/http"
 * import { HttpApiClient } from "effect/http-api"
 *
 * const program = Effect.gen(function*() {
 *   const client = yield* HttpApiClient.make(AdminApi.api, {
 *     transformClient: HttpClient.mapRequest((request) =>
 *       request.pipe(
 *         HttpClientRequest.prependUrl("http://127.0.0.1:4181"),
 *         HttpClientRequest.bearerToken(process.env.SWITCHGEAR_ADMIN_TOKEN!)
 *       )
 *     )
 *   })
 *   return yield* client.control.circuit({
 *     params: { id: "gpt-4.1" },
 *     payload: { command: "trip", seconds: 60, reason: "The provider announced maintenance" }
 *   })
 * })
 *
 * export const main = program.pipe(Effect.provide(FetchHttpClient.layer))
 * ```
 *
 * @since 0.1.0
 */
import * as Api from "./admin/api/api.ts"

/**
 * The endpoints. Those of the group `observe` need a token that may read, those of `control` one that may control.
 *
 * @category models
 * @since 0.1.0
 */
export const api = Api.api

export {
  /**
   * There is no guard or key of that id.
   *
   * @category errors
   * @since 0.1.0
   */
  NotFound,
  /**
   * The file cannot be taken over. The one in force stays.
   *
   * @category errors
   * @since 0.1.0
   */
  ReloadFailed
} from "./admin/api/api.ts"
