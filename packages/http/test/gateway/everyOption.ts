/** A file that says everything once, and its places. */
import type { GatewayConfig } from "@switchgear/http/gateway"

export type Tree = { readonly [key: string]: unknown }

export const isTree = (value: unknown): value is Tree =>
  typeof value === "object" && value !== null && !Array.isArray(value)

export const environment = { PORT: "4180", TIME: "5 seconds", TEXT: "text" }

const limit = { resource: "requests", limit: 10, per: "1 minute", kind: "sliding-window" } as const

const guards = {
  breaker: {
    window: { lasting: "1 minute", buckets: 6 },
    minimumCalls: 5,
    failureRate: 0.4,
    slowCallDuration: "5 seconds",
    slowCallRate: 0.9,
    consecutiveFailures: 7,
    openFor: { baseDelay: "10 seconds", factor: 1.5, maxDelay: 60_000, jitter: 0.2 },
    maxRetryAfter: "1 minute",
    patience: "2 seconds",
    halfOpen: { calls: 3, maxWait: "Infinity" },
    rampUp: { over: "1 minute", from: 0.2 },
    measureDurations: ["10 millis", "100 millis"],
    critical: false
  },
  bulkhead: { concurrency: 10, queue: 5, maxWait: "Infinity", share: 0.5 },
  rateLimiter: {
    limits: [limit, { resource: "tokens", limit: 1000, per: 60_000, burst: 2000 }],
    maxWait: "1 second",
    queue: 10,
    maxRetryAfter: "1 minute",
    assumedOutput: 100
  },
  retry: {
    name: "again",
    maxAttempts: 3,
    baseDelay: 0,
    factor: 3,
    maxDelay: "5 seconds",
    jitter: 0.3,
    maxDuration: "20 seconds"
  },
  retryBudget: { ratio: 0.1, floor: 0, window: "20 seconds" },
  attemptTimeout: "5 seconds",
  deadline: 20_000,
  readerTimeout: "Infinity"
} as const

/** Every option once: the type of a file has them all. */
const written = {
  listen: {
    host: "127.0.0.1",
    port: "${PORT}",
    maxBodySize: 1000,
    maxBodiesSize: 10_000,
    maxRequests: 10,
    maxConnections: 100,
    headersTimeout: "${TIME}",
    requestTimeout: "1 minute",
    keepAliveTimeout: 1000,
    writeTimeout: "1.5 seconds",
    headAfter: "1 second",
    drainTimeout: "${PORT:-5} seconds",
    exhaustedStatus: 500,
    origins: ["https://app.example"]
  },
  admin: {
    host: "localhost",
    hosts: ["ops.example"],
    port: 0,
    token: "admin",
    readToken: "${TEXT}",
    exemplars: "on",
    runbook: "https://wiki.test/night",
    promise: { p95: "8 seconds" }
  },
  otlp: {
    endpoint: "https://collector.test:4318/otlp",
    headers: { authorization: "Bearer ${TEXT}" },
    encoding: "json",
    signals: ["traces"],
    serviceName: "edge",
    attributes: { "deployment.environment.name": "night", replica: 3 },
    tracesInterval: "${TIME}",
    metricsInterval: 1000,
    sampleRatio: 0.1
  },
  cluster: {
    redis: {
      urls: ["rediss://gateway:${TEXT}@redis.test:6380", "rediss://redis-2.test"],
      username: "gateway",
      password: "secret",
      tls: {
        ca: "-----BEGIN CERTIFICATE-----",
        cert: "-----BEGIN CERTIFICATE-----",
        key: "-----BEGIN PRIVATE KEY-----",
        serverName: "redis.test"
      },
      connectTimeout: "${TIME}",
      pingInterval: 1000
    },
    fleet: "prod",
    interval: "${TIME}",
    timeout: 100,
    heartbeat: "10 seconds",
    span: "3 seconds",
    spread: "any",
    away: "open",
    cover: "200 millis",
    ahead: "${TIME}",
    giveBack: 300
  },
  providers: {
    p: {
      provider: "name",
      baseUrl: "https://p.test/v1",
      apiKey: ["a", "b"],
      parkFor: "1 minute",
      maxRetryAfter: "1 minute",
      accountHost: "openrouter.ai",
      timeout: "1 minute",
      firstContentTimeout: "1 minute",
      idleTimeout: "1 minute",
      headers: { "x-team": "a" },
      connectTimeout: "1 second",
      keepAliveTimeout: "1 second",
      connections: 10,
      proxy: { http: "http://proxy.test:1", https: "http://proxy.test:1", except: "localhost" }
    },
    q: { baseUrl: "http://q.test", apiKey: "c", proxy: "none" }
  },
  defaults: guards,
  models: {
    m: { provider: "p", model: "x", resilience4j: "i", ...guards },
    o: { provider: "q" },
    "n.1": {
      provider: "q",
      concurrencyLimit: {
        algorithm: "gradient2",
        initial: 30,
        min: 3,
        max: 250,
        tolerance: 1.5,
        window: "2 seconds",
        minimumCalls: 5,
        backoff: 0.25,
        sample: "perToken",
        queue: 5,
        maxWait: "Infinity",
        share: 0.5
      },
      breaker: { window: { lastCalls: 5 }, openFor: "5 seconds", measureDurations: "on", failureRate: "off" }
    }
  },
  cascades: {
    c: {
      steps: ["m", "n.1"],
      deadline: "25 seconds",
      cache: {
        capacity: 10,
        maxBytes: 1000,
        timeToLive: 0,
        staleFor: "1 day",
        after: "Infinity",
        storeTimeout: "1 second"
      },
      share: "even",
      attempts: 3,
      canned: { en: "Sorry", default: "Busy" }
    }
  },
  prices: {
    x: {
      input: 1,
      cachedInput: 0.5,
      cacheWrite: 1,
      cacheWrite1h: 2,
      audioInput: 3,
      output: 4,
      reasoning: 4,
      audioOutput: 5,
      tiers: [{ above: 1000, input: 2 }]
    }
  },
  clients: [
    {
      name: "a",
      token: ["t", { token: "u", expires: "2030-02-28T18:00:00+01:00" }],
      models: ["c", "m"],
      limits: [limit],
      budget: { dollars: 5, window: "month" },
      priority: 3,
      share: 2
    },
    {
      name: "b",
      token: { token: `sha256:${"0".repeat(64)}`, expires: "2030-02-28" },
      budget: { dollars: 0.5, window: "2 hours" }
    }
  ],
  resilience4j: {
    circuitbreaker: {
      "circuit-breaker-aspect-order": 1,
      tags: { a: "b" },
      metrics: { enabled: true },
      configs: { default: { sliding_window_type: "time-based", slowCallDurationThreshold: "PT2S" } },
      instances: {
        i: {
          baseConfig: "default",
          slidingWindowSize: "20",
          MINIMUM_NUMBER_OF_CALLS: 3,
          failureRateThreshold: 33.3,
          waitDurationInOpenState: "30s",
          enableExponentialBackoff: "YES",
          exponentialBackoffMultiplier: 2,
          recordExceptions: ["java.io.IOException"],
          ignoreExceptions: "feign.FeignException$BadRequest",
          initialState: "forced-open",
          registerHealthIndicator: true
        },
        "[gpt-4.1]": null
      }
    },
    "retry.instances": { i: { maxAttempts: 2 }, "i.waitDuration": "1s" },
    RateLimiter: { limiters: { i: { limitForPeriod: 10, limitRefreshPeriod: 1000 } } },
    "thread-pool-bulkhead": {
      backends: { i: { maxThreadPoolSize: 4, coreThreadPoolSize: 2, contextPropagators: ["a.B"] } }
    },
    timelimiter: { instances: { i: { timeoutDuration: "3s", cancelRunningFuture: true } } },
    micrometer: { timer: { enabled: true } }
  },
  "resilience4j.bulkhead.instances.j.maxConcurrentCalls": 3
} as const satisfies GatewayConfig.File

export const everything: Tree = written

export type Path = ReadonlyArray<string | number>

/** All places in a tree. */
export const placesOf = (value: unknown, path: Path = []): ReadonlyArray<Path> => [
  path,
  ...Array.isArray(value)
    ? value.flatMap((item, i) => placesOf(item, [...path, i]))
    : isTree(value)
    ? Object.entries(value).flatMap(([key, inner]) => placesOf(inner, [...path, key]))
    : []
]

export const at = (value: unknown, path: Path): any => path.reduce<any>((inner, key) => inner?.[key], value)

/** A tree with another value at a place; without the place for `undefined`. */
export const changed = (value: unknown, [key, ...path]: Path, to: unknown): unknown => {
  if (key === undefined) return to
  if (Array.isArray(value)) {
    return value.flatMap((item, i) => {
      const inner = i === key ? changed(item, path, to) : item
      return inner === undefined ? [] : [inner]
    })
  }
  const inner = changed((value as Tree)[key], path, to)
  const { [key]: _, ...rest } = value as Tree
  return inner === undefined ? rest : { ...rest, [key]: inner }
}

export const places = placesOf(everything).slice(1)

const { admin, cascades, clients, models, prices, providers, ...others } = everything
const short: Tree = {
  providers: { p: { baseUrl: "http://p.test" }, q: { baseUrl: "http://q.test" } },
  models: { m: { provider: "p", model: "x" }, o: { provider: "q" }, "n.1": { provider: "q" } }
}

/** For each section, a file that says all of it, and of the others only what it is held against: tests read each thousands of times. */
export const files: { readonly [section: string]: Tree } = {
  listen: { ...short, listen: others.listen, admin, clients: [{ name: "a", token: "t" }] },
  admin: { ...short, admin, clients: [{ name: "a", token: "t" }] },
  otlp: { ...short, otlp: others.otlp },
  cluster: { ...short, cluster: others.cluster, clients: [{ name: "a", token: "t" }] },
  defaults: { ...short, defaults: others.defaults },
  providers: { ...short, providers },
  models: { ...short, models, cascades, resilience4j: { retry: { instances: { i: { maxAttempts: 2 } } } } },
  cascades: { ...short, cascades },
  prices: { ...short, prices, clients: [{ name: "a", token: "t", budget: { dollars: 5, window: "month" } }] },
  clients: { ...short, cascades: { c: { steps: ["m"] } }, prices, clients, admin },
  resilience4j: {
    ...short,
    models: { m: { provider: "p", resilience4j: "i" } },
    ...Object.fromEntries(Object.entries(others).filter(([section]) => section.startsWith("resilience4j")))
  }
}

/** The one for a place. */
export const fileOf = (place: Path): Tree => files[String(place[0]).split(".")[0]!]!
