/** What is wrong in one place of a file hides nothing that is wrong in another one. */
import { assert, describe, it } from "@effect/vitest"
import { GatewayConfig } from "@switchgear/http/gateway"
import { Duration, Effect, Schema } from "effect"
import { at, changed, environment, everything, fileOf, type Path, places } from "./everyOption.ts"
import { problemsOf } from "./support.ts"

const pathsOf = (tree: unknown): ReadonlyArray<string> =>
  GatewayConfig.check(JSON.stringify(tree), environment).problems.map(({ path }) => path.join(" "))

/** Values that are wrong at most places. */
const odd: ReadonlyArray<unknown> = [-1, "???", { oddity: 1 }, 1e99, "", [], null, ["?"]]

/** A value that is wrong for each option, and the place where that is told. */
const wrong = places.flatMap((place: Path) => {
  const value = at(everything, place)
  if (typeof value === "object" && value !== null) return []
  for (const given of odd) {
    const told = pathsOf(changed(everything, place, given))
    if (told.length === 1 && told[0]!.startsWith(place.join(" "))) return [{ place, given, told: told[0]! }]
  }
  return []
})

describe("what is wrong", () => {
  it("can be almost every option", () => assert.isAbove(wrong.length, 215))

  it("is told of all options at once", () =>
    assert.deepStrictEqual(
      new Set(pathsOf(wrong.reduce<unknown>((tree, { given, place }) => changed(tree, place, given), everything))),
      new Set(wrong.map(({ told }) => told))
    ))

  it.effect.prop(
    "is told of each of some options, wherever they are, and of no other one",
    {
      chosen: Schema.Array(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: wrong.length - 1 }))).check(
        Schema.isMinLength(2),
        Schema.isMaxLength(8)
      )
    },
    ({ chosen }) =>
      Effect.sync(() => {
        const some = Array.from(new Set(chosen), (i) => wrong[i]!)
        const tree = some.reduce<unknown>((tree, { given, place }) => changed(tree, place, given), everything)
        assert.deepStrictEqual(new Set(pathsOf(tree)), new Set(some.map(({ told }) => told)))
      }),
    { arbitrary: { runs: 500 } }
  )

  it("is told as the file has it: a secret in a variable that is put anywhere is in no complaint", () => {
    const secret = `hunter2-${"0123456789".repeat(9)}`
    for (const place of places) {
      const values = ["${PUT}", ["${PUT}"], { oddity: "${PUT}" }, "x${PUT}"]
      // What the file names, such as a model, is called so everywhere.
      const hasNames = place.length === 1 || place.includes("configs")
      const keys = hasNames ? [] : [{ "${PUT}": 1 }, { "x${PUT}": { oddity: 1 } }]
      for (const put of [...values, ...keys]) {
        // A whole section may be told of in each of the others.
        const file = place.length === 1 ? everything : fileOf(place)
        const text = JSON.stringify(changed(file, place, put))
        for (const PUT of [secret, "hunter2"]) {
          for (const line of problemsOf(GatewayConfig.check(text, { ...environment, PUT })))
            assert.notInclude(line, "hunter2", place.join("."))
        }
      }
    }
    // Two that are compared with each other, of which one is no duration.
    const compared = problemsOf(GatewayConfig.check(
      `
listen: { headersTimeout: 2 minutes, requestTimeout: \${PUT} }
providers: { p: { baseUrl: http://p.test } }
models: { m: { provider: p } }
cluster: { redis: redis://r.test, fleet: f, interval: 10 millis, timeout: \${PUT} }
`,
      { PUT: secret }
    ))
    const duration = "Expected a finite duration above zero, such as \"10 seconds\", got ${PUT}."
    assert.deepStrictEqual(compared, [`cluster.timeout: ${duration}`, `listen.requestTimeout: ${duration}`])
    const port = (written: string, PORT: string) =>
      problemsOf(GatewayConfig.check(
        `{ listen: { port: ${written} }, providers: { p: { baseUrl: http://p.test } }, models: { m: { provider: p } } }`,
        { PORT }
      ))
    const expected = "listen.port: Expected a whole number from 0 to 65535, got"
    assert.deepStrictEqual(port("${PORT}", secret), [`${expected} \${PORT}.`])
    assert.deepStrictEqual(port("a${PORT}", secret), [`${expected} a\${PORT}.`])
    assert.deepStrictEqual(port("${PORT:-0}", "1e9"), [`${expected} \${PORT:-0}.`])
    assert.deepStrictEqual(port("1e9", ""), [`${expected} 1000000000.`])
  })

  it("is told at the place in the file, also after clients and keys that cannot be read", () =>
    assert.deepStrictEqual(
      problemsOf(GatewayConfig.check(
        `
providers: { p: { baseUrl: http://p.test/v1, apiKey: [good, "", "a b"], timeout: 0 } }
models: { m: { provider: p } }
clients: [{ token: a }, { name: a, token: b }, { name: a, token: b }]
`,
        {}
      )).map((line) => line.split(": ")[0]),
      [
        "clients[0].name",
        "clients[2].name",
        "clients[2].token",
        "providers.p.apiKey[1]",
        "providers.p.apiKey[2]",
        "providers.p.timeout"
      ]
    ))

  it("with the address of Redis as the name of its fleet is refused, and the address is not shown", () => {
    const address = "redis://user:hunter2@redis.test:6379"
    for (
      const fleet of [address, `${address}/{0}`, `${address}/${"x".repeat(101)}`, [address], { url: address }, "${URL}"]
    ) {
      const problems = problemsOf(GatewayConfig.check(
        JSON.stringify({
          providers: { p: { baseUrl: "http://p.test" } },
          models: { m: { provider: "p" } },
          cluster: { redis: "redis://r.test", fleet }
        }),
        { URL: address }
      ))
      assert.deepStrictEqual(problems, [
        "cluster.fleet: Expected a name, and not an address: the one of Redis is written in cluster.redis."
      ])
    }
  })

  it("with a fleet is told with its place, its value and its range, and never the address of Redis", () => {
    const problems = problemsOf(GatewayConfig.check(
      `
providers: { p: { baseUrl: http://p.test } }
models: { m: { provider: p } }
cluster: { redis: "http://u:hunter2@r.test", fleet: "a{b}", interval: 10 millis, timeout: 1 second, heartbeat: 0, spread: all, shards: 2 }
`,
      {}
    ))
    assert.deepStrictEqual(problems.map((line) => line.replace(/(such as redis:).*/, "$1")), [
      "cluster.fleet: Expected a name of 1 to 100 characters without braces, got \"a{b}\".",
      "cluster.heartbeat: Expected a finite duration above zero, such as \"10 seconds\", got 0.",
      "cluster.interval: Expected at least the timeout, \"1 second\", got \"10 millis\".",
      "cluster.redis: Expected an address such as redis:",
      "cluster.shards: There is no such option. There are: redis, fleet, interval, timeout, heartbeat, span, spread, away, cover, ahead, giveBack.",
      "cluster.spread: Expected agreed or any, got \"all\"."
    ])
    for (const redis of ["", "hunter2", "redis://", "redis://h/x", "redis://h/0?a=1", "rediss://:%@hunter2"]) {
      const [line = "", ...others] = problemsOf(GatewayConfig.check(
        `{ providers: { p: { baseUrl: http://p.test } }, models: { m: { provider: p } }, cluster: { redis: "${redis}", fleet: f } }`,
        {}
      ))
      assert.match(line, /^cluster\.redis: Expected/)
      assert.deepStrictEqual([line.includes("hunter2"), others], [false, []])
    }
  })

  it("with a Redis of its own options is told at each of them, and shows no secret", () => {
    const problems = (redis: object) =>
      problemsOf(GatewayConfig.check(
        JSON.stringify({
          providers: { p: { baseUrl: "http://p.test" } },
          models: { m: { provider: "p" } },
          cluster: { fleet: "f", redis }
        }),
        { PASSWORD: "hunter2" }
      ))
    const told = [
      problems({
        urls: ["redis://a.test", "rediss://b.test", "redis://u:hunter2@c.test", "redis://d.test/3", "hunter2"],
        username: "",
        password: "",
        tls: { ca: "hunter2", key: "${PASSWORD}", pem: "hunter2" },
        connectTimeout: "soon",
        pingInterval: 0,
        shards: 2
      }),
      problems({ url: "redis://u:${PASSWORD}@a.test", tls: {} }),
      problems({ url: "redis://a.test", urls: ["redis://a.test"] }),
      problems({ urls: "redis://a.test" }),
      problems({ url: "redis://a.test", password: 12 }),
      problems(["redis://:hunter2@a.test"]),
      problems({})
    ]
    assert.deepStrictEqual(told.map((lines) => lines.map((line) => line.replace(/(such as redis:).*/, "$1"))), [
      [
        "cluster.redis.connectTimeout: Expected a finite duration above zero, such as \"10 seconds\", got \"soon\".",
        "cluster.redis.password: Expected a text that is not empty.",
        "cluster.redis.pingInterval: Expected a finite duration above zero, such as \"10 seconds\", got 0.",
        "cluster.redis.shards: There is no such option. There are: url, urls, username, password, tls, connectTimeout, pingInterval.",
        "cluster.redis.tls.ca: Expected a PEM text, which begins with -----BEGIN CERTIFICATE-----.",
        "cluster.redis.tls.cert: Expected cert and key together, or neither.",
        "cluster.redis.tls.key: Expected a PEM text, which begins with -----BEGIN PRIVATE KEY-----.",
        "cluster.redis.tls.pem: There is no such option. There are: ca, cert, key, serverName.",
        "cluster.redis.urls[1]: Expected TLS, user and password as in the first address: they are for all nodes.",
        "cluster.redis.urls[2]: Expected TLS, user and password as in the first address: they are for all nodes.",
        "cluster.redis.urls[3]: Expected an address without a path and a database: a Redis Cluster has neither.",
        "cluster.redis.urls[4]: Expected an address such as redis:",
        "cluster.redis.username: Expected a text that is not empty, got \"\"."
      ],
      ["cluster.redis.tls: Expected an address that begins with rediss:// beside it."],
      ["cluster.redis: Expected url for one Redis, or urls for some nodes of a Redis Cluster."],
      ["cluster.redis.urls: Expected a list of at least one address of a node."],
      ["cluster.redis.password: Expected a text. Put it in quotes: a number may lose digits."],
      [
        "cluster.redis: Expected an address, or { url, urls, username, password, tls, connectTimeout, pingInterval }, got [\"<redacted>\"]."
      ],
      ["cluster.redis: Expected url for one Redis, or urls for some nodes of a Redis Cluster."]
    ])
    assert.notInclude(JSON.stringify(told), "hunter2")
  })

  it("with a fleet is nothing where only one of interval and timeout is written, or the name looks like a number", () => {
    const pausesOf = (more: object) => {
      const cluster = { redis: "redis://r.test", fleet: "f", ...more }
      const { config } = GatewayConfig.check(
        JSON.stringify({ providers: { p: { baseUrl: "http://p.test" } }, models: { m: { provider: "p" } }, cluster }),
        {}
      )
      const { interval, timeout } = config!.cluster!.options
      return [Duration.toMillis(interval), Duration.toMillis(timeout)]
    }
    const { config } = GatewayConfig.check(
      "{ providers: { p: { baseUrl: http://p.test } }, models: { m: { provider: p } }, cluster: { redis: redis://r.test, fleet: \"${FLEET}\" } }",
      { FLEET: "7" }
    )
    assert.strictEqual(config!.cluster!.fleet, "7")
    assert.deepStrictEqual(pausesOf({ timeout: "1 second" }), [1000, 1000])
    assert.deepStrictEqual(pausesOf({ interval: "20 millis" }), [20, 20])
  })

  it("with prices is told beside what is wrong with an address", () =>
    assert.deepStrictEqual(
      pathsOf({
        listen: { port: -1 },
        providers: { p: { baseUrl: "http://p.test" } },
        models: { m: { provider: "p" } },
        prices: { m: { input: 1 } },
        clients: [{ name: "a", token: "t", budget: { dollars: 1, window: "day" } }]
      }),
      ["listen port", "prices"]
    ))
})
