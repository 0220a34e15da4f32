/**
 * What pages of other origins may do in a browser: those that the file lists may call, and read the answers. No answer allows
 * credentials that a browser keeps by itself: a page has to have the token.
 */
import type { Exchange, Incoming } from "./exchange.ts"
import type { Reply } from "./refusals.ts"

export class Cors {
  private readonly origins: ReadonlySet<string>
  private readonly isForAll: boolean

  constructor(origins: ReadonlyArray<string>) {
    this.origins = new Set(origins)
    this.isForAll = this.origins.has("*")
  }

  allows(origin: string): boolean {
    return this.isForAll || this.origins.has(origin)
  }

  /** Whether the file names it: another file may have taken the tokens away for which all origins were listed. */
  names(origin: string): boolean {
    return this.origins.has(origin)
  }

  /** Puts what a browser asks for into the head of the answer. Gives the whole answer to a preflight. */
  head(exchange: Pick<Exchange, "request" | "setHeader">): Reply | undefined {
    const { headers, method } = exchange.request
    const { origin } = headers
    // What is kept of an answer between here and there is for this origin only.
    if (!this.isForAll) exchange.setHeader("vary", "origin")
    if (origin === undefined || !this.allows(origin)) return undefined
    exchange.setHeader("access-control-allow-origin", this.isForAll ? "*" : origin)
    if (method === "OPTIONS" && headers["access-control-request-method"] !== undefined) {
      return preflight(headers["access-control-request-headers"])
    }
    exchange.setHeader("access-control-expose-headers", exposed)
    return undefined
  }
}

/** The official clients send more headers with every version, so what is asked for is allowed: none of them is passed on. */
const preflight = (asked: string | undefined): Reply => ({
  status: 200,
  headers: {
    "access-control-allow-methods": "GET, HEAD, POST",
    "access-control-max-age": "7200",
    ...asked !== undefined && isNames(asked) && { "access-control-allow-headers": asked }
  },
  body: ""
})

const isNames = (text: string): boolean => /^[\w!#$%&'*+.^`|~-]+(?:[ \t]*,[ \t]*[\w!#$%&'*+.^`|~-]+)*$/.test(text)

const exposed = [
  "x-request-id",
  "x-upstream-request-id",
  "request-id",
  "openai-processing-ms",
  "retry-after",
  "retry-after-ms",
  "x-should-retry",
  ...["requests", "tokens"].flatMap((resource) =>
    ["limit", "remaining", "reset"].map((what) => `x-ratelimit-${what}-${resource}`)
  ),
  ...["model", "step", "degradation", "attempts", "cost-usd", "cache", "overhead-ms"].map((name) =>
    `x-switchgear-${name}`
  )
].join(", ")

/**
 * Whether a request comes from a page of another origin that the file does not list. A browser sends a simple request of any
 * page, and only keeps the answer from it: where no token is asked for, the call would have been made and paid.
 */
export const isForeign = ({ headers: { host, origin } }: Pick<Incoming, "headers">, cors: Cors | undefined): boolean =>
  origin !== undefined && origin !== `http://${host}` && cors?.names(origin) !== true
