/** What the address for clients counts. Every label is a word of this file or a status, so that their number is bounded. */
import type { IncomingHttpHeaders } from "node:http"
import type { Exchange } from "./exchange.ts"
import { type Exemplar, Histogram } from "./histogram.ts"
import type { Upstream } from "./upstream.ts"

/** The paths that are served, and `other` for all else. */
export type Route =
  | "/v1/chat/completions"
  | "/v1/embeddings"
  | "/v1/messages"
  | "/v1/messages/count_tokens"
  | "/v1/responses"
  | "/v1/models"
  | "/v1/models/{id}"
  | "/health/live"
  | "/health/ready"
  | "other"

/** Those to which a model answers. */
export const answered: ReadonlySet<Route> = new Set<Route>([
  "/v1/chat/completions",
  "/v1/embeddings",
  "/v1/messages",
  "/v1/responses"
])

/** Why a request was shed. */
export type Shed = "requests" | "bytes" | "stopping"

/** How an answer was not what was asked for. */
export type Degraded = "fallback" | "stale" | "canned"

/** How often a client says that it has asked before. */
export type ToldRetries = "0" | "1" | "2" | "more"

/** What a client of the file has asked for. */
export interface ClientCounts {
  requests: number
  /** Refused because the gateway has too much to do, or is being stopped. */
  shed: number
  /** Refused with a 429, by a limit or a budget of the client. */
  limited: number
}

export class Counts {
  /** By the names of the file. */
  readonly clients = new Map<string, ClientCounts>()
  readonly requests = new Map<Route, Map<number, number>>()
  readonly shed: Record<Shed, number> = { requests: 0, bytes: 0, stopping: 0 }
  readonly toldRetries: Record<ToldRetries, number> = { "0": 0, "1": 0, "2": 0, more: 0 }
  /** Answers that failed after their head was sent. */
  failedInBand = 0
  /** Answers that were not of the model that was asked for first. */
  readonly degraded: Record<Degraded, number> = { fallback: 0, stale: 0, canned: 0 }
  /** Clients that did not wait for the end of their answer. */
  left = 0
  /** Of what models answer, from the request to the end of the answer. */
  readonly durations = new Histogram([0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 40, 80, 160])
  /** Of the same, from the request to the answer, or the first content of a stream: how long a customer waits. */
  readonly waits = new Histogram(this.durations.bounds)
  /** The part of the time until an answer in which no call to a provider ran. */
  readonly overhead = new Histogram([0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 1, 10])

  private readonly wallClock: (() => number) | undefined

  /** With a clock, which tells milliseconds, each bucket has an exemplar. */
  constructor(wallClock: (() => number) | undefined) {
    this.wallClock = wallClock
  }

  /** Counts a request when its answer is over. */
  watch(exchange: Exchange, route: Route): void {
    exchange.whenOver(() => {
      let statuses = this.requests.get(route)
      if (statuses === undefined) this.requests.set(route, statuses = new Map<number, number>())
      const { status } = exchange
      statuses.set(status, (statuses.get(status) ?? 0) + 1)
      if (exchange.hasLeft) this.left++
      if (exchange.hasFailedInBand) this.failedInBand++
      if (!answered.has(route)) return
      if (status < 400 && !exchange.hasFailedInBand) this.noteDegraded(exchange.degradation)
      this.observe(this.durations, exchange.age / 1000, exchange)
      this.observe(this.waits, exchange.wait / 1000, exchange)
    })
  }

  private noteDegraded(degradation: string | undefined): void {
    if (degradation === "fallback" || degradation === "stale" || degradation === "canned") this.degraded[degradation]++
  }

  /** The counts of a client, to be counted up. */
  of(client: string): ClientCounts {
    const known = this.clients.get(client)
    if (known !== undefined) return known
    const counts = { requests: 0, shed: 0, limited: 0 }
    this.clients.set(client, counts)
    return counts
  }

  /** Counts what the gateway adds to an answer for which a provider is asked. */
  watchOverhead(exchange: Exchange, upstream: Upstream): void {
    exchange.whenAnswered(() => {
      const { overheadMillis } = exchange
      if (upstream.attempts > 0 && overheadMillis !== undefined) {
        this.observe(this.overhead, overheadMillis / 1000, exchange)
      }
    })
  }

  private observe(histogram: Histogram, seconds: number, exchange: Exchange): void {
    histogram.observe(seconds, this.wallClock && exemplarOf(exchange, seconds, this.wallClock()))
  }

  /** Counts what a client says of itself, where it does. */
  told(headers: IncomingHttpHeaders): void {
    const retries = headers["x-stainless-retry-count"]
    if (typeof retries !== "string" || !/^\d{1,3}$/.test(retries)) return
    const count = Number(retries)
    this.toldRetries[count > 2 ? "more" : `${count}` as ToldRetries]++
  }
}

/** By the trace of the request where it has one, and else by the id that its client and the log have. */
const exemplarOf = ({ id, traceId }: Exchange, value: number, at: number): Exemplar => ({
  labels: traceId === undefined ? { request_id: id } : { trace_id: traceId },
  value,
  at
})
