/** What a gateway in the process is opened with, and what there is to read and to do at it. */
import type { Guards } from "../../fetch/model.ts"
import type { Fetch } from "../../fetch/options.ts"
import type { Address } from "../config/address.ts"
import type { Environment } from "../config/environment.ts"
import type { File } from "../config/file.ts"

/**
 * What `openGateway` is given besides its file.
 *
 * @category options
 * @since 0.1.0
 */
export interface OpenGatewayOptions {
  /** The variables that a file may name. @default process.env */
  readonly environment?: Environment | undefined
  /**
   * By what providers are asked. With one of your own, their connections are yours: `connectTimeout`, `keepAliveTimeout`,
   * `connections` and `proxy` of the file have no effect. @default connections of the gateway's own
   */
  readonly fetch?: Fetch | undefined
  /** Whether the address for operators is listened on, where the file has a token for it. @default "closed" */
  readonly operators?: "closed" | "listening" | undefined
  /** Whether what the gateway logs is printed: changes of circuits, and faults of its own. @default "none" */
  readonly log?: "none" | "console" | undefined
}

/**
 * A gateway in the process. Its targets are the models of its file.
 *
 * @category models
 * @since 0.1.0
 */
export interface OpenedGateway extends Guards {
  /**
   * Answers a request by its path, whatever its host: the option of a client, with a base URL such as `http://gateway/v1`, and the
   * handler of a server.
   */
  readonly fetch: Fetch
  /** Where operators ask; undefined unless that is listened on. */
  readonly adminAddress: Address | undefined
  /**
   * Takes over another file, or reads the same one again. Rejects where it is wrong, and then the one in force stays. What has
   * the same name goes on: the state of circuits, limits, budgets and caches.
   */
  readonly reload: (source?: string | URL | File) => Promise<void>
  /**
   * Refuses new calls, waits `drainTimeout` for those in flight, and ends what is left of them with an error. It is there when
   * all have ended.
   */
  readonly [Symbol.asyncDispose]: () => Promise<void>
}
