/** A gateway's file as an object, as it is written. */
import type { Time } from "../../fetch/options.ts"
import type { FileGuards, FileLimit, Variable } from "./fileGuards.ts"

/**
 * The address for clients, and what they may take up.
 *
 * @category models
 * @since 0.1.0
 */
export interface FileListen {
  /** The address to listen on. One that is not loopback needs clients with tokens. @default "127.0.0.1" */
  readonly host?: string | undefined
  /** The port for clients; 0 for any free one. @default 4180 */
  readonly port?: number | Variable | undefined
  /** Bytes of the body of one request. @default 20971520 */
  readonly maxBodySize?: number | Variable | undefined
  /** Bytes of all bodies that are being read or answered. @default 268435456 */
  readonly maxBodiesSize?: number | Variable | undefined
  /** Requests that are being answered. @default 1000 */
  readonly maxRequests?: number | Variable | undefined
  /** Connections of clients. @default 10000 */
  readonly maxConnections?: number | Variable | undefined
  /** The time in which the head of a request has to come. @default "10 seconds" */
  readonly headersTimeout?: Time | undefined
  /** The time in which a whole request has to come. @default "60 seconds" */
  readonly requestTimeout?: Time | undefined
  /** How long an idle connection is kept. @default "75 seconds" */
  readonly keepAliveTimeout?: Time | undefined
  /** How long a client may take nothing of an answer that is there for it. @default "30 seconds" */
  readonly writeTimeout?: Time | undefined
  /** How long a stream without content keeps its head back. @default "20 seconds" */
  readonly headAfter?: Time | undefined
  /** How long calls in flight may go on once the gateway is told to stop. @default "30 seconds" */
  readonly drainTimeout?: Time | undefined
  /** The status when every model of a cascade has failed. @default 503 */
  readonly exhaustedStatus?: number | Variable | undefined
  /** The origins whose pages may call from a browser, such as https://app.example; * for all. @default [] */
  readonly origins?: ReadonlyArray<string> | undefined
}

/**
 * The address for operators.
 *
 * @category models
 * @since 0.1.0
 */
export interface FileAdmin {
  /** The address to listen on. @default "127.0.0.1" */
  readonly host?: string | undefined
  /** Further names under which operators ask, such as that of a proxy in front. @default [] */
  readonly hosts?: ReadonlyArray<string> | undefined
  /** The port for operators; 0 for any free one. @default 4181 */
  readonly port?: number | Variable | undefined
  /** May read and control. There is no address for operators without it. */
  readonly token: string
  /** May only read. */
  readonly readToken?: string | undefined
  /** Whether histograms in OpenMetrics name a request for each bucket, by its trace or its id. @default "off" */
  readonly exemplars?: "on" | "off" | Variable | undefined
  /** The page where it is written what to do in a bad night. The operators' page has a link to it. */
  readonly runbook?: string | undefined
  /** What is promised to clients. The operators' page shows it, and a rehearsal holds the file to it. */
  readonly promise?: {
    /** Nineteen of twenty answers are there within this time. */
    readonly p95?: Time | undefined
  } | undefined
}

/**
 * The collector to which traces and metrics go by OTLP.
 *
 * @category models
 * @since 0.1.0
 */
export interface FileOtlp {
  /** The address before /v1/traces and /v1/metrics, such as http://127.0.0.1:4318. */
  readonly endpoint: string
  /** Headers that go with everything, such as the key of the collector. */
  readonly headers?: { readonly [name: string]: string } | null | undefined
  /** How it is written. @default "protobuf" */
  readonly encoding?: "protobuf" | "json" | Variable | undefined
  /** What is told. @default ["traces","metrics"] */
  readonly signals?: ReadonlyArray<"traces" | "metrics" | Variable> | undefined
  /** The name of this gateway: service.name. @default "switchgear" */
  readonly serviceName?: string | undefined
  /** What is told of this gateway with everything, such as deployment.environment.name. */
  readonly attributes?: { readonly [name: string]: string | number | boolean } | null | undefined
  /** How long spans are gathered. @default "5 seconds" */
  readonly tracesInterval?: Time | undefined
  /** How often metrics are told. @default "30 seconds" */
  readonly metricsInterval?: Time | undefined
  /** The share of requests that are traced whose client does not say whether they are. @default 1 */
  readonly sampleRatio?: number | Variable | undefined
}

/**
 * How a fleet connects to Redis.
 *
 * @category models
 * @since 0.1.0
 */
export interface FileRedis {
  /** The ACL user, where the address has none. */
  readonly username?: string | undefined
  /** Its password, where the address has none. */
  readonly password?: string | undefined
  /** For addresses that begin with rediss://. */
  readonly tls?: {
    /** Certificate authorities as a PEM text. Those of Node, where it is left out. */
    readonly ca?: string | undefined
    /** The certificate of the gateway as a PEM text. */
    readonly cert?: string | undefined
    /** The key of that as a PEM text. */
    readonly key?: string | undefined
    /** The name that the certificate of the server has. */
    readonly serverName?: string | undefined
  } | undefined
  /** How long an attempt to connect may take. @default "2 seconds" */
  readonly connectTimeout?: Time | undefined
  /** How often the connection is looked at by a PING, and how long that may take. @default "5 seconds" */
  readonly pingInterval?: Time | undefined
}

/**
 * The fleet of gateways whose circuits and limits are one, and the Redis where they meet.
 *
 * @category models
 * @since 0.1.0
 */
export interface FileCluster {
  /** The address of Redis, such as redis://127.0.0.1:6379, or rediss://user:password@redis.example:6379 with TLS; or a group with url or, for a Redis Cluster, urls. */
  readonly redis:
    | string
    | FileRedis & {
      /** The address of one Redis. */
      readonly url: string
    }
    | FileRedis & {
      /** The addresses of some nodes of a Redis Cluster. */
      readonly urls: ReadonlyArray<string>
    }
  /** The name of the fleet, which is in all its keys: gateways of one name are one fleet. */
  readonly fleet: string
  /** How often a gateway tells what it has counted. @default "250 millis" */
  readonly interval?: Time | undefined
  /** How long a gateway waits for Redis, and a call for a probe or for a limit of which nothing is booked. At most interval. @default "50 millis" */
  readonly timeout?: Time | undefined
  /** How often a gateway tells of all its circuits, whatever happens. @default "5 seconds" */
  readonly heartbeat?: Time | undefined
  /** How long calls count at least, where the window counts calls. @default "1 second" */
  readonly span?: Time | undefined
  /** Whether all gateways together open a circuit, or the first one that does. @default "agreed" */
  readonly spread?: "agreed" | "any" | Variable | undefined
  /** What limits are while Redis does not answer: the share of this gateway, the whole limit on each gateway, or nothing. @default "local" */
  readonly away?: "local" | "open" | "closed" | Variable | undefined
  /** For how much of its own demand a gateway books of a limit. @default "100 millis" */
  readonly cover?: Time | undefined
  /** How far ahead a gateway books. @default "200 millis" */
  readonly ahead?: Time | undefined
  /** After how long what is booked and not used goes back. @default "200 millis" */
  readonly giveBack?: Time | undefined
}

/**
 * One provider: where it is, and its keys.
 *
 * @category models
 * @since 0.1.0
 */
export interface FileProvider {
  /** Its name in errors and metrics. That of the entry, where it is left out. */
  readonly provider?: string | undefined
  /** The address before /chat/completions, such as https://api.openai.com/v1. */
  readonly baseUrl: string
  /** The key, or several: when one is of no use, the next one is taken. */
  readonly apiKey?: string | ReadonlyArray<string> | undefined
  /** The APIs below its base URL: those of OpenAI, and messages of Anthropic. chat and embeddings where it is left out. */
  readonly speaks?: ReadonlyArray<"chat" | "embeddings" | "messages" | "responses" | Variable> | undefined
  /** How long a key that is of no use is left alone. @default "5 minutes" */
  readonly parkFor?: Time | undefined
  /** The longest time for which a provider can ask that of a key. @default "10 minutes" */
  readonly maxRetryAfter?: Time | undefined
  /** The host whose account endpoint this address has. */
  readonly accountHost?:
    | "api.deepseek.com"
    | "openrouter.ai"
    | "api.moonshot.cn"
    | "api.moonshot.ai"
    | "api.siliconflow.cn"
    | "api.siliconflow.com"
    | Variable
    | undefined
  /** The time for a whole answer; 10 minutes for a stream where it is left out. @default "60 seconds" */
  readonly timeout?: Time | undefined
  /** How long a stream may take to its first content. @default "60 seconds" */
  readonly firstContentTimeout?: Time | undefined
  /** How long a stream may go without content. @default "30 seconds" */
  readonly idleTimeout?: Time | undefined
  /** Headers that go with every request. */
  readonly headers?: { readonly [name: string]: string } | undefined
  /** How long making a connection may take. @default "5 seconds" */
  readonly connectTimeout?: Time | undefined
  /** How long an idle connection is kept. @default "30 seconds" */
  readonly keepAliveTimeout?: Time | undefined
  /** Connections to one host at most. Without it, the bulkheads are the limit. */
  readonly connections?: number | Variable | undefined
  /** The way out: by the variables of the environment, none, or the proxies. @default "environment" */
  readonly proxy?:
    | "environment"
    | "none"
    | {
      /** The proxy for http, as a URL. */
      readonly http?: string | undefined
      /** The proxy for https, as a URL. */
      readonly https?: string | undefined
      /** Hosts without a proxy, as in NO_PROXY. */
      readonly except?: string | undefined
    }
    | Variable
    | undefined
}

/**
 * One model at one provider.
 *
 * @category models
 * @since 0.1.0
 */
export interface FileModel extends FileGuards {
  /** The name of its provider. */
  readonly provider: string
  /** The name that the provider knows it by. That of the entry, where it is left out. */
  readonly model?: string | undefined
  /** The instance of resilience4j whose options it has. */
  readonly resilience4j?: string | undefined
}

/**
 * Models in order.
 *
 * @category models
 * @since 0.1.0
 */
export interface FileCascade {
  /** The names of models, the first choice first. */
  readonly steps: ReadonlyArray<string>
  /** The time for all models together. Without it, each has its own. */
  readonly deadline?: Time | undefined
  /** Answers that are kept for when every model fails. */
  readonly cache?: {
    /** Answers that are kept. @default 10000 */
    readonly capacity?: number | Variable | undefined
    /** Bytes of all answers that are kept. @default 268435456 */
    readonly maxBytes?: number | Variable | undefined
    /** How long an answer is fresh. Equal requests share it and their calls. @default 0 */
    readonly timeToLive?: Time | undefined
    /** How long after that it is served when every model has failed. @default "1 day" */
    readonly staleFor?: Time | undefined
    /** How long a call is waited for when there is a stale answer. @default "Infinity" */
    readonly after?: Time | undefined
    /** How long a second tier is waited for. @default "50 millis" */
    readonly storeTimeout?: Time | undefined
  } | undefined
  /** How the time is shared among the models. @default "measured" */
  readonly share?: "measured" | "even" | "none" | Variable | undefined
  /** Attempts at all models together. */
  readonly attempts?: number | Variable | undefined
  /** Requests that wait and ask the models again when all have refused or failed them. @default 0 */
  readonly queue?: number | Variable | undefined
  /** How long such a request waits at most, within its deadline. @default "10 seconds" */
  readonly maxWait?: Time | undefined
  /** The last answer, by language, such as { en, zh }. That of default is for all other languages. */
  readonly canned?: { readonly [name: string]: string } | undefined
}

/**
 * Dollars for a million tokens of each kind.
 *
 * @category models
 * @since 0.1.0
 */
export interface FilePriceParts {
  /** Dollars for a million tokens of input. */
  readonly input?: number | Variable | undefined
  /** Dollars for a million tokens of cachedInput. */
  readonly cachedInput?: number | Variable | undefined
  /** Dollars for a million tokens of cacheWrite. */
  readonly cacheWrite?: number | Variable | undefined
  /** Dollars for a million tokens of cacheWrite1h. */
  readonly cacheWrite1h?: number | Variable | undefined
  /** Dollars for a million tokens of audioInput. */
  readonly audioInput?: number | Variable | undefined
  /** Dollars for a million tokens of output. */
  readonly output?: number | Variable | undefined
  /** Dollars for a million tokens of reasoning. */
  readonly reasoning?: number | Variable | undefined
  /** Dollars for a million tokens of audioOutput. */
  readonly audioOutput?: number | Variable | undefined
}

/**
 * What a model costs.
 *
 * @category models
 * @since 0.1.0
 */
export interface FilePrice extends FilePriceParts {
  /** Other prices for long prompts. */
  readonly tiers?:
    | ReadonlyArray<
      FilePriceParts & {
        /** Of prompts of more tokens than this. */
        readonly above: number | Variable
      }
    >
    | undefined
}

/**
 * A token with an end.
 *
 * @category models
 * @since 0.1.0
 */
export interface FileToken {
  /** The token, or sha256: and the digest of it. */
  readonly token: string
  /** From when on it is refused: a day, which begins in UTC, or a time with its zone. */
  readonly expires: string
}

/**
 * Who may call.
 *
 * @category models
 * @since 0.1.0
 */
export interface FileClient {
  /** Its name in metrics and the log. */
  readonly name: string
  /** What it authenticates with, or sha256: and the digest of it. Several for a rotation, each with an end if it has one. */
  readonly token: string | FileToken | ReadonlyArray<string | FileToken>
  /** The models and cascades that it may ask for. All cascades and models, where it is left out. */
  readonly models?: ReadonlyArray<string> | undefined
  /** What it may use per time. */
  readonly limits?: ReadonlyArray<FileLimit> | undefined
  /** What it may spend. */
  readonly budget?: {
    /** What may be spent within the window. */
    readonly dollars: number | Variable
    /** Of the calendar in UTC, or so much time, counted from the epoch. @default "1 day" */
    readonly window?: "day" | "month" | Variable | Time | undefined
  } | undefined
  /** Where calls queue, a higher one is first. @default 0 */
  readonly priority?: number | Variable | undefined
  /** Its part of a gateway that is full, against those of the other clients of its priority. @default 1 */
  readonly share?: number | Variable | undefined
}

/**
 * A gateway's file as an object. What stands in it is checked as in a file, variables of the environment included.
 *
 * @category models
 * @since 0.1.0
 */
export interface File {
  /** The address for clients, and what they may take up. */
  readonly listen?: FileListen | null | undefined
  /** The address for operators. */
  readonly admin?: FileAdmin | null | undefined
  /** The collector to which traces and metrics go by OTLP. */
  readonly otlp?: FileOtlp | null | undefined
  /** The fleet of gateways whose circuits and limits are one, and the Redis where they meet. */
  readonly cluster?: FileCluster | null | undefined
  /** Where models are, by name. */
  readonly providers?: { readonly [name: string]: FileProvider } | null | undefined
  /** The options of every model that does not say otherwise. */
  readonly defaults?: FileGuards | null | undefined
  /** The models, by the names that clients ask for. */
  readonly models: { readonly [name: string]: FileModel }
  /** Models in order, by the names that clients ask for. */
  readonly cascades?: { readonly [name: string]: FileCascade } | null | undefined
  /** Dollars for a million tokens, by the names that providers know models by. */
  readonly prices?: { readonly [name: string]: FilePrice } | null | undefined
  /** Who may call. Without any, everyone on this machine may. */
  readonly clients?: ReadonlyArray<FileClient> | null | undefined
  /** The properties of resilience4j, nested or with dots. */
  readonly resilience4j?: object | null | undefined
  readonly [properties: `resilience4j.${string}`]: unknown
}
