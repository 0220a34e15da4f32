/** What a transport is told: how connections are made. */
import type * as Duration from "effect/Duration"
import type { Proxy } from "./proxy.ts"

/**
 * How connections are made.
 *
 * @category options
 * @since 0.1.0
 */
export interface Options {
  /**
   * How long making a connection may take, name look-up and TLS included. undici looks about once a second, so a limit
   * can be overrun by up to a second. @default "5 seconds"
   */
  readonly connectTimeout?: Duration.Input | undefined
  /**
   * How long a connection that is not in use is kept open for the next call. A `keep-alive: timeout=…` of the provider
   * counts instead, less two seconds, up to ten minutes. Longer saves connections; keep it below the idle
   * time-out of the load balancers in between, because some of them drop connections without closing them. At most a day.
   * @default "30 seconds"
   */
  readonly keepAliveTimeout?: Duration.Input | undefined
  /**
   * Connections to one host at most, in use or idle; a call uses one until its answer has ended. Calls beyond that wait,
   * and their time-outs run. A whole number from 1 to 65,535, or `Infinity`. @default Infinity: the bulkhead of each
   * `ChatModel` is the limit
   */
  readonly connections?: number | undefined
  /**
   * `"environment"` follows `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY` (names in lower case first; `HTTP_PROXY` serves https
   * where `HTTPS_PROXY` is not set), `"none"` connects directly, and an object names the proxies: `http` and `https` as
   * URLs, `except` as in `NO_PROXY`. https goes through a `CONNECT` tunnel, so the proxy sees no key; plain http is
   * forwarded. The way to an address is decided at its first call, and kept. A `socks5` proxy has a pool of its own: `keepAliveTimeout` and `connections` do not reach it, and a stale
   * connection through it is an error. @default "environment"
   */
  readonly proxy?: Proxy | "environment" | "none" | undefined
}
