/** The name under which a request asks. */
import { isIP } from "node:net"
import { isLoopback } from "../config/addresses.ts"
import type { Admin } from "../config/model.ts"

/**
 * Whether an address that is listened on answers under a name. On a loopback address, that is only its own: a page of
 * another origin can let a browser ask there under a name that it has made point to it.
 */
export const isHostOf = (host: string | undefined, listened: string): boolean =>
  !isLoopback(listened) || isOwn(nameOf(host), listened)

/**
 * The same of the address for operators, which is as careful wherever it listens. A number is no name that anybody could let
 * point to it.
 */
export const isHostOfOperators = (host: string | undefined, { host: listened, hosts }: Admin): boolean => {
  const name = nameOf(host)
  return isOwn(name, listened) ||
    (name !== undefined && (hosts.includes(name) || !isLoopback(listened) && isIP(name) !== 0))
}

const nameOf = (host: string | undefined): string | undefined =>
  host?.replace(/:\d+$/, "").replace(/^\[|\]$/g, "").toLowerCase()

const isOwn = (name: string | undefined, listened: string): boolean =>
  name !== undefined && (name === listened.toLowerCase() || isLoopback(name))
