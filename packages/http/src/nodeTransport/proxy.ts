/** Which proxy a connection goes through. */
import type { OptionsOf } from "@switchgear/core/runtime"
import * as Predicate from "effect/Predicate"

/**
 * The proxies by the scheme of the address, and the hosts that are reached without one, as in `NO_PROXY`.
 *
 * @category options
 * @since 0.1.0
 */
export interface Proxy {
  readonly http?: string | undefined
  readonly https?: string | undefined
  readonly except?: string | undefined
}

/** Named proxies, those of the environment, or none. */
export type ProxyInput = Proxy | "environment" | "none"

/**
 * The proxy as it was given. A URL that makes no sense is refused by the name of its field or variable: at the first call
 * it would be an error of the connection.
 */
export const checkedProxy = (proxy: ProxyInput, check: OptionsOf): ProxyInput => {
  if (proxy !== "environment" && proxy !== "none" && !Predicate.isObject(proxy as unknown)) {
    check.withhold("proxy", "\"environment\", \"none\" or { http, https, except }", "something else (not shown)")
  }
  const named = proxy === "environment"
    ? ["http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY"].map((name) => [name, process.env[name]] as const)
    : proxy === "none"
    ? []
    : [["proxy.http", proxy.http], ["proxy.https", proxy.https]] as const
  for (const [name, value] of named) {
    // A proxy's URL may hold a password, so it is not shown.
    if (
      value !== undefined && value !== "" &&
      !(URL.canParse(value) && /^(https?|socks5?):$/.test(new URL(value).protocol))
    ) {
      check.withhold(name, "a URL such as http://proxy:3128", "something else (not shown)")
    }
  }
  return proxy
}
