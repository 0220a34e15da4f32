/** What the file of a gateway says, checked and with its defaults. */
import type * as CircuitBreaker from "@switchgear/core/CircuitBreaker"
import type * as RateLimiter from "@switchgear/core/RateLimiter"
import type * as RetryBudget from "@switchgear/core/RetryBudget"
import type * as Duration from "effect/Duration"
import type * as Redacted from "effect/Redacted"
import type * as ChatModel from "../../ChatModel.ts"
import type * as CostLedger from "../../CostLedger.ts"
import type * as FleetRedis from "../../FleetRedis.ts"
import type * as ModelCascade from "../../ModelCascade.ts"
import type * as NodeTransport from "../../NodeTransport.ts"
import type * as Pricing from "../../Pricing.ts"
import type { Address } from "./address.ts"

export type { Address }

/**
 * What the file says of something, in one text. What says the same keeps its state when the file is read again.
 *
 * @category models
 * @since 0.1.0
 */
export interface Said {
  readonly said: string
}

/**
 * The address for clients, and what one of them may take up.
 *
 * @category models
 * @since 0.1.0
 */
export interface Listen extends Address {
  /** Bytes of the body of one request. */
  readonly maxBodySize: number
  /** Bytes of all bodies that are being read or answered. Beyond that, a client is taken from only up to its share. */
  readonly maxBodiesSize: number
  /** Requests that are being answered. Beyond that, a client is taken from only up to its share. */
  readonly maxRequests: number
  readonly maxConnections: number
  /** The time in which the head of a request has to come. */
  readonly headersTimeout: Duration.Duration
  /** The time in which a whole request has to come. */
  readonly requestTimeout: Duration.Duration
  /** How long an idle connection is kept. */
  readonly keepAliveTimeout: Duration.Duration
  /** How long a client may take nothing of an answer that is there for it. */
  readonly writeTimeout: Duration.Duration
  /** How long a stream without content keeps its head back; then comments keep the connection alive. */
  readonly headAfter: Duration.Duration
  /** How long calls in flight may go on once the gateway is told to stop. */
  readonly drainTimeout: Duration.Duration
  /** The status of an answer when every model of a cascade has failed. */
  readonly exhaustedStatus: number
  /** The origins whose pages may call from a browser; `*` for all. */
  readonly origins: ReadonlyArray<string>
}

/**
 * What is promised to clients.
 *
 * @category models
 * @since 0.1.0
 */
export interface Promise {
  /** Nineteen of twenty answers are there within this time. */
  readonly p95: Duration.Duration | undefined
}

/**
 * The address for operators.
 *
 * @category models
 * @since 0.1.0
 */
export interface Admin extends Address {
  /** Further names under which it answers, in small letters. */
  readonly hosts: ReadonlyArray<string>
  /** May read and control. */
  readonly token: Redacted.Redacted
  /** May only read. */
  readonly readToken: Redacted.Redacted | undefined
  /** Whether histograms in OpenMetrics name a request for each bucket. */
  readonly exemplars: "on" | "off"
  /** The page where it is written what to do in a bad night. */
  readonly runbook: string | undefined
  /** What is promised to clients, for the operators' page and for rehearsals. */
  readonly promise: Promise
}

/**
 * What is told to a collector.
 *
 * @category models
 * @since 0.1.0
 */
export type Signal = "traces" | "metrics"

/**
 * A collector that takes OTLP over HTTP.
 *
 * @category models
 * @since 0.1.0
 */
export interface Otlp {
  /** The address before `/v1/traces` and `/v1/metrics`. */
  readonly endpoint: string
  readonly headers: { readonly [name: string]: Redacted.Redacted }
  readonly encoding: "json" | "protobuf"
  readonly signals: ReadonlyArray<Signal>
  readonly serviceName: string
  /** What is told of this gateway with everything, such as `deployment.environment.name`. */
  readonly attributes: { readonly [name: string]: string | number | boolean }
  /** How long spans are gathered. */
  readonly tracesInterval: Duration.Duration
  /** How often metrics are told. */
  readonly metricsInterval: Duration.Duration
  /** The share of requests that are traced whose client does not say whether they are. */
  readonly sampleRatio: number
}

/**
 * The fleet of gateways whose circuits and limits are one.
 *
 * @category models
 * @since 0.1.0
 */
export interface Cluster {
  /** Where they meet: one Redis, or a Redis Cluster. */
  readonly redis: FleetRedis.Options | FleetRedis.ClusterOptions
  /** The name of the fleet. */
  readonly fleet: string
  readonly options: {
    readonly interval: Duration.Duration
    readonly timeout: Duration.Duration
    readonly heartbeat: Duration.Duration
    readonly span: Duration.Duration
    readonly spread: "agreed" | "any"
    readonly away: "local" | "open" | "closed"
    readonly cover: Duration.Duration
    readonly ahead: Duration.Duration
    readonly giveBack: Duration.Duration
  }
}

/**
 * One provider: where it is, and its keys.
 *
 * @category models
 * @since 0.1.0
 */
export interface Provider extends Said {
  readonly options: NodeTransport.ChatClientOptions
  /** The APIs below its base URL. */
  readonly speaks: ReadonlyArray<Spoken>
}

/**
 * An API of a provider: chat completions, embeddings and responses as OpenAI has them, or messages as Anthropic has them.
 *
 * @category models
 * @since 0.1.0
 */
export type Spoken = "chat" | "embeddings" | "messages" | "responses"

/**
 * The state of a circuit that does not begin closed.
 *
 * @category models
 * @since 0.1.0
 */
export type InitialState = Exclude<CircuitBreaker.State, "Closed" | "HalfOpen">

/**
 * One model at one provider.
 *
 * @category models
 * @since 0.1.0
 */
export interface Model extends Said {
  readonly provider: string
  readonly options: ChatModel.Options
  /** What the retries of all its callers are paid from; undefined where they are not limited together. */
  readonly retryBudget: RetryBudget.Options | undefined
  /** The state of its circuit when it is made; undefined for closed. */
  readonly initialState: InitialState | undefined
  /** Which of its guards make the health of the actuator `DOWN` while they let no call pass. */
  readonly failsHealth: ReadonlyArray<"CircuitBreaker" | "RateLimiter">
}

/**
 * Models in order.
 *
 * @category models
 * @since 0.1.0
 */
export interface Cascade extends Said {
  readonly steps: ReadonlyArray<string>
  readonly options: ModelCascade.CascadeOptions
}

/**
 * What a client authenticates with.
 *
 * @category models
 * @since 0.1.0
 */
export interface ClientToken {
  readonly token: Redacted.Redacted
  /** From when on it is refused, in milliseconds since 1970; undefined for never. */
  readonly expires: number | undefined
}

/**
 * Who may call.
 *
 * @category models
 * @since 0.1.0
 */
export interface Client {
  readonly name: string
  /** Any of them. Several are there while one replaces another. */
  readonly tokens: ReadonlyArray<ClientToken>
  /** What the client may ask for; undefined for all cascades. */
  readonly models: ReadonlyArray<string> | undefined
  readonly limits: ReadonlyArray<RateLimiter.Limit>
  readonly budget: Pick<CostLedger.Budget, "dollars" | "window"> | undefined
  /** Where calls queue, a higher one is first. */
  readonly priority: number
  /** Its part of a gateway that is full, against those of the other clients of its priority. */
  readonly share: number
}

/**
 * The whole of it.
 *
 * @category models
 * @since 0.1.0
 */
export interface Config {
  readonly listen: Listen
  /** Undefined where no token is given: then there is no address for operators. */
  readonly admin: Admin | undefined
  /** Undefined where nothing is told to a collector. */
  readonly otlp: Otlp | undefined
  /** Undefined where the gateway is alone. */
  readonly cluster: Cluster | undefined
  readonly providers: { readonly [name: string]: Provider }
  readonly models: { readonly [name: string]: Model }
  readonly cascades: { readonly [name: string]: Cascade }
  readonly prices: Pricing.Catalogue
  /** Nobody needs a token where there are none. */
  readonly clients: ReadonlyArray<Client>
}
