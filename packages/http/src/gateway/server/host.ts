/** The name under which a request asks. */
import { isLoopback } from "../config/addresses.ts"

/**
 * Whether an address that is listened on answers under a name. On a loopback address, that is only its own: a page of
 * another origin can let a browser ask there under a name that it has made point to it.
 */
export const isHostOf = (host: string | undefined, listened: string): boolean => {
  const name = host?.replace(/:\d+$/, "").replace(/^\[|\]$/g, "")
  return !isLoopback(listened) || (name !== undefined && (name === listened || isLoopback(name)))
}
