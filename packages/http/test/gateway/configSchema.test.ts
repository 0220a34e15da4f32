/** The JSON schema of a file, held against what reads the file. */
import { assert, describe, it } from "@effect/vitest"
import { GatewayConfig } from "@switchgear/http/gateway"
import { Effect, Schema } from "effect"
import { Ajv2020 } from "ajv/dist/2020.js"
import { readFileSync } from "node:fs"
import {
  at,
  changed,
  environment,
  everything,
  fileOf,
  files,
  isTree,
  type Path,
  places,
  type Tree
} from "./everyOption.ts"
import { problemsOf } from "./support.ts"

const ajv = new Ajv2020({ strict: true, allowUnionTypes: true, allowMatchingProperties: true })
const validate = ajv.compile(GatewayConfig.jsonSchema)

const bySchema = (tree: unknown): ReadonlyArray<string> =>
  validate(tree) ? [] : validate.errors!.map(({ instancePath, message }) => `${instancePath} ${message}`)

const byReader = (tree: unknown): ReadonlyArray<string> =>
  problemsOf(GatewayConfig.check(JSON.stringify(tree), environment))

const plain: Tree = { providers: { p: { baseUrl: "http://p.test" } }, models: { m: { provider: "p" } } }

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
  it("is published with the package, as `switchgear schema` prints it", () =>
    assert.strictEqual(
      readFileSync(new URL("../../gateway.schema.json", import.meta.url), "utf8"),
      `${JSON.stringify(GatewayConfig.jsonSchema, null, 2)}\n`,
      "Write it again: node packages/http/src/gateway/main.ts schema > packages/http/gateway.schema.json"
    ))

  it("takes the file that says everything, and its reader too", () => {
    assert.deepStrictEqual(byReader(everything), [])
    assert.deepStrictEqual(bySchema(everything), [])
    assert.deepStrictEqual(bySchema(plain), [])
    for (const [section, file] of Object.entries(files)) {
      assert.deepStrictEqual(byReader(file), [], section)
      assert.deepStrictEqual(bySchema(file), [], section)
    }
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
        const tree = changed(fileOf(place), place, value)
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
      ["cluster"],
      ["providers", "p"],
      ["models", "m"],
      ["defaults"],
      ["models", "m", "breaker"],
      ["models", "m", "breaker", "halfOpen"],
      ["models", "m", "breaker", "rampUp"],
      ["models", "m", "bulkhead"],
      ["models", "n.1", "concurrencyLimit"],
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

  it("its defaults of the addresses, of the collector and of the fleet are those of the reader", () => {
    const endpoint = "http://127.0.0.1:4318"
    const place = { redis: "redis://127.0.0.1", fleet: "prod" }
    const { admin, cluster, listen, otlp } = GatewayConfig.check(
      JSON.stringify({ ...plain, listen: {}, admin: { token: "t" }, otlp: { endpoint }, cluster: place }),
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
        otlp: { endpoint, ...written("otlp") },
        cluster: { ...place, ...written("cluster") }
      }),
      {}
    )
    assert.deepStrictEqual(Object.keys(written("listen")).toSorted(), Object.keys(listen).toSorted())
    assert.deepStrictEqual(config!.listen, listen)
    assert.deepStrictEqual(config!.admin, admin)
    assert.deepStrictEqual(config!.otlp, otlp)
    assert.isAbove(Object.keys(written("otlp")).length, 5)
    assert.deepStrictEqual(config!.cluster, cluster)
    assert.deepStrictEqual(Object.keys(written("cluster")).toSorted(), Object.keys(cluster!.options).toSorted())
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
      "a fleet without a name": { ...plain, cluster: { redis: "redis://r.test" } },
      "a fleet with braces in its name": { ...plain, cluster: { redis: "redis://r.test", fleet: "a{b}" } },
      "the address of Redis as the name of a fleet": {
        ...plain,
        cluster: { redis: "redis://r.test", fleet: "redis://r.test" }
      },
      "a fleet without a Redis": { ...plain, cluster: { fleet: "prod" } },
      "a Redis without an address": { ...plain, cluster: { redis: { username: "u" }, fleet: "prod" } },
      "one Redis and a Redis Cluster": {
        ...plain,
        cluster: { redis: { url: "redis://r.test", urls: ["redis://r.test"] }, fleet: "prod" }
      },
      "a Redis Cluster without nodes": { ...plain, cluster: { redis: { urls: [] }, fleet: "prod" } },
      "a certificate that is a path": {
        ...plain,
        cluster: { redis: { url: "rediss://r.test", tls: { ca: "/etc/ca.pem" } }, fleet: "prod" }
      },
      "limits without Redis that are none": {
        ...plain,
        cluster: { redis: "redis://r.test", fleet: "prod", away: "remote" }
      },
      "an address of Redis that is none": { ...plain, cluster: { redis: "r.test:6379", fleet: "prod" } },
      "a spread that is none": { ...plain, cluster: { redis: "redis://r.test", fleet: "prod", spread: "all" } },
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

it("docs/gateway-config.md has every key of every section, in that section", () => {
  const page = readFileSync(new URL("../../../../docs/gateway-config.md", import.meta.url), "utf8")
  const sections = [
    ["listen"],
    ["admin"],
    ["otlp"],
    ["cluster"],
    ["providers", "p"],
    ["models", "m"],
    ["cascades", "c"],
    ["clients", 0]
  ]
  for (const place of sections) {
    const [, text = ""] = page.split(`\n## ${place[0]}\n`)
    const documented = text.split("\n## ")[0]!
    const keys = Object.keys(schemaAt(...place).properties)
    assert.isAbove(keys.length, 5)
    for (const key of keys) assert.include(documented, `\`${key}\``, place.join("."))
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
