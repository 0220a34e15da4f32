/** The JSON schema of a file, held against what reads the file. */
import { assert, describe, it } from "@effect/vitest"
import { GatewayConfig } from "@switchgear/http/gateway"
import { Effect, Schema } from "effect"
import { Ajv2020 } from "ajv/dist/2020.js"
import { readFileSync } from "node:fs"
import { problemsOf } from "./support.ts"

const ajv = new Ajv2020({ strict: true, allowUnionTypes: true, allowMatchingProperties: true })
const validate = ajv.compile(GatewayConfig.jsonSchema)

type Tree = { readonly [key: string]: unknown }

const isTree = (value: unknown): value is Tree => typeof value === "object" && value !== null && !Array.isArray(value)

const bySchema = (tree: unknown): ReadonlyArray<string> =>
  validate(tree) ? [] : validate.errors!.map(({ instancePath, message }) => `${instancePath} ${message}`)

const environment = { PORT: "4180", TIME: "5 seconds", TEXT: "text" }

const byReader = (tree: unknown): ReadonlyArray<string> =>
  problemsOf(GatewayConfig.check(JSON.stringify(tree), environment))

const limit = { resource: "requests", limit: 10, per: "1 minute", kind: "sliding-window" }

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
}

/** Every option once. */
const everything: Tree = {
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
      token: ["t", "u"],
      models: ["c", "m"],
      limits: [limit],
      budget: { dollars: 5, window: "month" },
      priority: 3
    },
    { name: "b", token: `sha256:${"0".repeat(64)}`, budget: { dollars: 0.5, window: "2 hours" } }
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
}

const plain: Tree = { providers: { p: { baseUrl: "http://p.test" } }, models: { m: { provider: "p" } } }

type Path = ReadonlyArray<string | number>

/** All places in a tree. */
const placesOf = (value: unknown, path: Path = []): ReadonlyArray<Path> => [
  path,
  ...Array.isArray(value)
    ? value.flatMap((item, i) => placesOf(item, [...path, i]))
    : isTree(value)
    ? Object.entries(value).flatMap(([key, inner]) => placesOf(inner, [...path, key]))
    : []
]

const at = (value: unknown, path: Path): any => path.reduce<any>((inner, key) => inner?.[key], value)

/** A tree with another value at a place; without the place for `undefined`. */
const changed = (value: unknown, [key, ...path]: Path, to: unknown): unknown => {
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

const places = placesOf(everything).slice(1)

/** Values that an editor might see, right and wrong. */
const values: ReadonlyArray<unknown> = [
  undefined,
  null,
  0,
  1,
  -1,
  1.5,
  100,
  "",
  "text",
  "5 seconds",
  "0 seconds",
  "-5 seconds",
  "30s",
  "PT10S",
  "Infinity",
  "true",
  "on",
  "off",
  "none",
  "5",
  "${PORT}",
  "${TIME}",
  "${TEXT}",
  true,
  false,
  [],
  ["a"],
  [1],
  {},
  { a: 1 },
  { calls: 1 }
]

describe("the JSON schema of a file", () => {
  it("takes the file that says everything, and its reader too", () => {
    assert.deepStrictEqual(byReader(everything), [])
    assert.deepStrictEqual(bySchema(everything), [])
    assert.deepStrictEqual(bySchema(plain), [])
  })

  it("takes the article's file, with its variables as they are written", async () => {
    const { parse } = await import("effect/encoding/Yaml")
    const text = readFileSync(new URL("./article.yaml", import.meta.url), "utf8")
    // Variables are no YAML by themselves: as in an editor, they stand as texts.
    assert.deepStrictEqual(bySchema(parse(text.replace(/(\$\{[^}]*\})(\/\S+)?/g, "\"$1$2\""))), [])
  })

  it("refuses nothing at any place that the reader takes", { timeout: 120_000 }, () => {
    const wrongly: Array<string> = []
    // What `defaults` says is the same as what a model says.
    for (const place of places.filter(([section, guard]) => section !== "defaults" || guard === undefined)) {
      for (const value of values) {
        const tree = changed(everything, place, value)
        if (!validate(tree) && byReader(tree).length === 0) wrongly.push(`${place.join(".")}: ${JSON.stringify(value)}`)
      }
    }
    assert.deepStrictEqual(wrongly, [])
  })

  it.effect.prop(
    "nor where several places are other",
    {
      changes: Schema.Array(
        Schema.Tuple([
          Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: places.length - 1 })),
          Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: values.length - 1 }))
        ])
      ).check(Schema.isMaxLength(6))
    },
    ({ changes }) =>
      Effect.sync(() => {
        const tree = changes.reduce<unknown>((tree, [place, value]) => {
          const path = places[place]!
          return path.length > 1 && !isHolder(at(tree, path.slice(0, -1))) || at(tree, path) === undefined
            ? tree
            : changed(tree, path, values[value])
        }, everything)
        if (byReader(tree).length === 0) assert.deepStrictEqual(bySchema(tree), [])
      })
  )

  const isHolder = (value: unknown) => isTree(value) || Array.isArray(value)

  it.effect.prop(
    "and the reader ends with a file or with what is wrong, whatever stands anywhere",
    {
      place: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: places.length - 1 })),
      key: Schema.String,
      value: Schema.Json
    },
    ({ key, place, value }) =>
      Effect.sync(() => {
        const path = places[place]!
        for (
          const tree of [changed(everything, path, value), changed(everything, [...path.slice(0, -1), key], value)]
        ) {
          const { config, problems } = GatewayConfig.check(JSON.stringify(tree), environment)
          assert.strictEqual(config === undefined, problems.length > 0)
          assert.isString(GatewayConfig.report({ config, problems, became: [] }))
        }
        for (const name of ["__proto__", "constructor", "toString", "hasOwnProperty", "[", "].", ".", "[]"]) {
          GatewayConfig.check(JSON.stringify(changed(everything, [...path.slice(0, -1), name], value)), environment)
        }
      })
  )

  it("refuses an option that the reader does not know, in every group", () => {
    for (const place of [[], ...places].filter((place) => isTree(at(everything, place)))) {
      if (isFree(place)) continue
      const tree = changed(everything, [...place, "oddity"], 1)
      assert.isAbove(byReader(tree).length, 0, place.join("."))
      assert.isAbove(bySchema(tree).length, 0, place.join("."))
    }
  })

  /** Where names are chosen by the file, or mean nothing. */
  const isFree = (place: Path) =>
    /^(models|cascades|providers|prices)$|^providers\.p\.headers$|^otlp\.(headers|attributes)$|\.canned$|\.(tags|metrics|micrometer|timer)(\.|$)|^resilience4j\.[^.]+\.(configs|instances|limiters|backends)$|retry\.instances|\[/
      .test(place.join("."))

  it("has the options that the reader knows, and no others", () => {
    const known = (line: string) => line.split("There are: ")[1]!.replace(/\.$/, "").split(", ").toSorted()
    const groups: ReadonlyArray<Path> = [
      ["listen"],
      ["admin"],
      ["otlp"],
      ["providers", "p"],
      ["models", "m"],
      ["defaults"],
      ["models", "m", "breaker"],
      ["models", "m", "breaker", "halfOpen"],
      ["models", "m", "breaker", "rampUp"],
      ["models", "m", "bulkhead"],
      ["models", "m", "rateLimiter"],
      ["models", "m", "retry"],
      ["cascades", "c"],
      ["cascades", "c", "cache"],
      ["prices", "x"],
      ["clients", 0],
      ["clients", 0, "budget"],
      ["resilience4j", "circuitbreaker", "instances", "i"],
      ["resilience4j", "timelimiter", "instances", "i"]
    ]
    for (const place of groups) {
      const lines = byReader(changed(everything, [...place, "oddity"], 1))
      const line = lines.find((line) => line.includes("oddity: There is no such"))
      assert.isDefined(line, `${place.join(".")}: ${lines.join("\n")}`)
      assert.deepStrictEqual(Object.keys(schemaAt(...place).properties).toSorted(), known(line!), place.join("."))
    }
  })

  it("describes every option", () => {
    const walk = (given: any, place: string) => {
      const schema = resolved(given)
      for (const [name, inner] of Object.entries<any>(schema.properties ?? {})) {
        assert.isString(resolved(inner).description, `${place}.${name}`)
        walk(inner, `${place}.${name}`)
      }
      for (const inner of schema.anyOf ?? []) walk(inner, place)
      if (isTree(schema.additionalProperties)) walk(schema.additionalProperties, `${place}.*`)
      if (isTree(schema.items)) walk(schema.items, `${place}[]`)
    }
    walk(GatewayConfig.jsonSchema, "")
  })

  it("each of its defaults is one that the reader takes", () => {
    let defaults = 0
    for (const place of places) {
      if (place[0] === "resilience4j" && place.at(-1) === "tags") continue
      const described = optionAt(place)
      if (described?.default === undefined) continue
      defaults++
      // The rules of a circuit hold its options together: only its window is left as it is.
      assert.deepStrictEqual(byReader(changed(everything, place, described.default)), [], place.join("."))
    }
    assert.isAbove(defaults, 60)
  })

  it("its defaults of the addresses and of the collector are those of the reader", () => {
    const endpoint = "http://127.0.0.1:4318"
    const { admin, listen, otlp } = GatewayConfig.check(
      JSON.stringify({ ...plain, listen: {}, admin: { token: "t" }, otlp: { endpoint } }),
      {}
    ).config!
    const written = (section: string) =>
      Object.fromEntries(
        Object.entries<any>(schemaAt(section).properties).flatMap(([name, option]) =>
          option.default === undefined ? [] : [[name, option.default]]
        )
      )
    const { config } = GatewayConfig.check(
      JSON.stringify({
        ...plain,
        listen: written("listen"),
        admin: { token: "t", ...written("admin") },
        otlp: { endpoint, ...written("otlp") }
      }),
      {}
    )
    assert.deepStrictEqual(Object.keys(written("listen")).toSorted(), Object.keys(listen).toSorted())
    assert.deepStrictEqual(config!.listen, listen)
    assert.deepStrictEqual(config!.admin, admin)
    assert.deepStrictEqual(config!.otlp, otlp)
    assert.isAbove(Object.keys(written("otlp")).length, 5)
  })

  for (
    const [what, tree] of Object.entries<unknown>({
      "no models": { providers: plain.providers },
      "a number as a name": { ...plain, models: { m: { provider: 3 } } },
      "a port as a text": { ...plain, listen: { port: "4180" } },
      "a port that is none": { ...plain, listen: { port: 70_000 } },
      "a duration without a unit": { ...plain, listen: { headAfter: "20" } },
      "a duration of Spring": { ...plain, models: { m: { provider: "p", deadline: "20s" } } },
      "a rate in percent": { ...plain, defaults: { breaker: { failureRate: 50 } } },
      "a window of both kinds": { ...plain, defaults: { breaker: { window: { lastCalls: 3, lasting: 3 } } } },
      "a jitter that is none": { ...plain, defaults: { retry: { jitter: "some" } } },
      "an empty cascade": { ...plain, cascades: { c: { steps: [] } } },
      "a limit of nothing": { ...plain, clients: [{ name: "a", token: "t", limits: [{ limit: 1, per: 1 }] }] },
      "an address of another kind": { ...plain, providers: { p: { baseUrl: "p.test" } } },
      "a collector without an address": { ...plain, otlp: {} },
      "an address of a collector that is none": { ...plain, otlp: { endpoint: "collector:4318" } },
      "a share of traces in percent": { ...plain, otlp: { endpoint: "http://c.test", sampleRatio: 10 } },
      "a signal that is none": { ...plain, otlp: { endpoint: "http://c.test", signals: ["logs"] } },
      "exemplars that are neither on nor off": { ...plain, admin: { token: "t", exemplars: "yes" } },
      "a client without a token": { ...plain, clients: [{ name: "a" }] },
      "a key of resilience4j that is none": {
        ...plain,
        resilience4j: { retry: { instances: { i: { attempts: 3 } } } }
      },
      "a duration of Effect in resilience4j": {
        ...plain,
        resilience4j: { retry: { instances: { i: { waitDuration: "soon" } } } }
      },
      "a section of resilience4j that is none": { ...plain, resilience4j: { circuit: {} } }
    })
  ) {
    it(`refuses ${what}, as the reader does`, () => {
      assert.isAbove(byReader(tree).length, 0)
      assert.isAbove(bySchema(tree).length, 0)
    })
  }
})

/** Without references. Where one has a description, that is of the place. */
const resolved = (schema: any): any => {
  if (schema?.$ref === undefined) return schema
  const { $ref, ...own } = schema
  return { ...resolved((GatewayConfig.jsonSchema.$defs as any)[$ref.slice("#/$defs/".length)]), ...own }
}

/** All that a schema may be, its alternatives included. */
const alternatives = (schema: any): ReadonlyArray<any> => {
  const own = resolved(schema)
  return own === undefined ? [] : [own, ...(own.anyOf ?? []).flatMap(alternatives)]
}

/** The schema of what stands at a place, with its description. */
const optionAt = (place: Path): any =>
  place.reduce<any>((schema, key) =>
    alternatives(schema).map((one) =>
      typeof key === "number"
        ? one.items
        : one.properties?.[key] ?? (isTree(one.additionalProperties) ? one.additionalProperties : undefined)
    ).map(resolved).find((found) => found !== undefined), GatewayConfig.jsonSchema)

/** The schema of the group at a place. */
const schemaAt = (...place: Path): any => {
  const keys = Object.keys(at(everything, place))
  return alternatives(optionAt(place)).find(({ properties }) => keys.some((key) => properties?.[key] !== undefined))
}
