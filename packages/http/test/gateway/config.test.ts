import { assert, describe, it } from "@effect/vitest"
import { GatewayConfig } from "@switchgear/http/gateway"
import { Duration, Effect, Redacted, Schema } from "effect"
import { createHash } from "node:crypto"
import { problemsOf } from "./support.ts"

const base = `
providers:
  p: { baseUrl: http://p.test/v1 }
models:
  m: { provider: p }
`

const redis = "cluster: { redis: \"redis://r.test\", fleet: f }\n"

/** What is wrong with a file, with these variables. */
const wrong = (text: string, environment: GatewayConfig.Environment = {}) =>
  problemsOf(GatewayConfig.check(text, environment))

/** What a file says that is right. */
const right = (text: string, environment: GatewayConfig.Environment = {}): GatewayConfig.Config => {
  const checked = GatewayConfig.check(text, environment)
  assert.deepStrictEqual(problemsOf(checked), [])
  return checked.config!
}

const withToken = (written: string) => `${base}admin: { token: ${written} }\n`

const tokenOf = (config: GatewayConfig.Config): string => Redacted.value(config.admin!.token)

describe("the headers of a collector", () => {
  it("are secrets, with variables in them as well", () => {
    const config = right(
      `${base}otlp: { endpoint: http://c.test, headers: { authorization: "Bearer ${"${KEY}"}", x-team: night } }`,
      { KEY: "collector-secret" }
    )
    const { headers } = config.otlp!
    assert.deepStrictEqual(Object.entries(headers).map(([name, value]) => [name, Redacted.value(value)]), [
      ["authorization", "Bearer collector-secret"],
      ["x-team", "night"]
    ])
    assert.notInclude(JSON.stringify(config), "collector-secret")
    assert.notInclude(JSON.stringify(config), "night")
  })

  it("are the only ones with that name: those of a provider are texts", () =>
    assert.deepStrictEqual(
      right(base.replace("/v1 }", "/v1, headers: { x-team: night } }")).providers["p"]!.options.headers,
      { "x-team": "night" }
    ))
})

describe("the headers and the proxy of a provider", () => {
  const withMore = (more: string) => base.replace("/v1 }", `/v1, ${more} }`)

  it("have a variable of digits as the text that it is", () => {
    for (const value of ["123", "0.10", "true"]) {
      const { providers } = right(withMore("headers: { api-key: ${KEY}, x-team: night }"), { KEY: value })
      assert.deepStrictEqual(providers["p"]!.options.headers, { "api-key": value, "x-team": "night" })
    }
  })

  for (
    const more of [
      "headers: { api-key: [hunter2] }",
      "headers: { api-key: { of: hunter2 } }",
      "headers: hunter2",
      "headers: [hunter2]",
      "headers: { api-key: \"hunter2\\nx\" }",
      "proxy: [http://user:hunter2@proxy.test]",
      "proxy: http://user:hunter2@proxy.test",
      "proxy: { http: [http://user:hunter2@proxy.test] }",
      "proxy: { http: \"user:hunter2@proxy.test\" }"
    ]
  ) {
    it(`are shown by no complaint: ${more}`, () => {
      const lines = wrong(withMore(more))
      assert.isAbove(lines.length, 0)
      assert.notInclude(lines.join("\n"), "hunter2")
    })
  }

  it("are shown by no complaint where one is a number", () =>
    assert.deepStrictEqual(wrong(withMore("headers: { api-key: 1234567 }")), [
      "providers.p.headers.api-key: Expected string, got something else (not shown)."
    ]))
})

describe("tokens", () => {
  const shop = createHash("sha256").update("t-shop").digest("hex")
  const clients = (...tokens: ReadonlyArray<string>) =>
    `clients: [${tokens.map((token, i) => `{ name: c${i}, token: "${token}" }`).join(", ")}]`

  for (
    const [what, more, lines] of [
      ["a digest that is none", clients("sha256:00"), [
        "clients[0].token: Expected 64 hexadecimal digits after sha256:."
      ]],
      ["those that nobody can send", clients("t-shop\\n", "t shop", "t-店", ""), [
        ...[0, 1, 2].map((i) => `clients[${i}].token: Expected printable ASCII without spaces or line breaks.`),
        "clients[3].token: Expected a text that is not empty."
      ]],
      ["one that no operator can send", "admin: { token: \"t-shop\\r\" }", [
        "admin.token: Expected printable ASCII without spaces or line breaks."
      ]],
      ["a digest that is none, of an operator", "admin: { token: \"sha256:t-shop\" }", [
        "admin.token: Expected 64 hexadecimal digits after sha256:."
      ]],
      ["one of two clients, of one as its digest", clients("t-shop", `sha256:${shop.toUpperCase()}`), [
        "clients[1].token: Expected a token of its own, got that of \"c0\"."
      ]],
      ["one of a client who would control the gateway", `admin: { token: t-shop }\n${clients("t-shop")}`, [
        "clients[0].token: Expected a token of its own, got that of \"admin.token\"."
      ]],
      ["one for reading by which one may control", `admin: { token: t-shop, readToken: "sha256:${shop}" }`, [
        "admin.readToken: Expected another token than admin.token."
      ]]
    ] as const
  ) {
    it(`are refused: ${what}`, () => assert.deepStrictEqual(wrong(`${base}${more}`), [...lines]))
  }
})

describe("a name under which operators ask", () => {
  for (const host of ["ops.example:443", "https://ops.example", "*", "[::1]", ""]) {
    it(`is refused where it is ${JSON.stringify(host)}`, () =>
      assert.match(
        wrong(`${base}admin: { token: t, hosts: ["${host}"] }`).join(),
        /^admin\.hosts\[0\]: Expected (the name of a host without a port|a text that is not empty)/
      ))
  }
})

describe("the end of a token", () => {
  const ending = (expires: string) => `${base}clients: [{ name: a, token: [t, { token: u, expires: ${expires} }] }]`

  for (
    const [text, iso] of [
      ["2027-01-31", "2027-01-31T00:00:00Z"],
      ["2027-01-31T18:00Z", "2027-01-31T18:00:00Z"],
      ["\"2027-01-31T18:00:00.5+08:00\"", "2027-01-31T10:00:00.500Z"]
    ] as const
  ) {
    it(`may be written as ${text}`, () => {
      const [client] = right(ending(text)).clients
      assert.deepStrictEqual(client!.tokens.map(({ expires }) => expires), [undefined, Date.parse(iso)])
    })
  }

  for (const text of ["tomorrow", "2027-01-31T18:00:00", "2027-02-30", "2027-13-01", "1893456000000", "null", "''"]) {
    it(`is refused where it is ${text}`, () => {
      const [line, ...others] = wrong(ending(text))
      assert.match(line!, /^clients\[0\]\.token\[1\]\.expires: Expected a day such as 2027-01-31/)
      assert.deepStrictEqual(others, [])
    })
  }

  it("belongs to a token, which is a secret there as well", () => {
    assert.deepStrictEqual(wrong(ending("2027-01-31").replace("token: u", "token: ''")), [
      "clients[0].token[1].token: Expected a text that is not empty."
    ])
    assert.notInclude(JSON.stringify(right(ending("2027-01-31").replace("token: u", "token: hunter2"))), "hunter2")
  })
})

describe("a limit by cost, which would limit nothing,", () => {
  const limits =
    "limits: [{ resource: requests, limit: 1, per: 1 second }, { resource: cost, limit: 1, per: 1 second }]"
  for (
    const [of, text, place] of [
      ["a client", `${base}clients: [{ name: shop, token: t, ${limits} }]`, "clients[0].limits[1].resource"],
      [
        "a model",
        base.replace("provider: p }", `provider: p, rateLimiter: { ${limits} } }`),
        "models.m.rateLimiter.limits[1].resource"
      ],
      ["all models", `${base}defaults: { rateLimiter: { ${limits} } }`, "defaults.rateLimiter.limits[1].resource"]
    ] as const
  ) {
    it(`is refused of ${of}`, () =>
      assert.deepStrictEqual(wrong(text), [
        `${place}: Expected requests or tokens, got "cost": the budget of a client limits costs.`
      ]))
  }
})

describe("addresses", () => {
  for (
    const [listen, headers, request] of [
      ["requestTimeout: 5 seconds", 5000, 5000],
      ["headersTimeout: 2 minutes", 120_000, 120_000],
      ["headersTimeout: 5 seconds, requestTimeout: 6 seconds", 5000, 6000]
    ] as const
  ) {
    it(`give a request the time for its head: ${listen}`, () => {
      const { headersTimeout, requestTimeout } = right(`${base}listen: { ${listen} }`).listen
      assert.deepStrictEqual([headersTimeout, requestTimeout].map(Duration.toMillis), [headers, request])
    })
  }

  it("are refused where the head may take longer than the request", () =>
    assert.deepStrictEqual(wrong(`${base}listen: { headersTimeout: 3 seconds, requestTimeout: 2 seconds }`), [
      "listen.headersTimeout: Expected at most the requestTimeout, \"2 seconds\", got \"3 seconds\"."
    ]))

  it("are refused where they are longer than a gateway can start with", () => {
    for (const time of ["1e99", "36501 days", "9007199254740991 days"]) {
      for (
        const [section, key] of [["listen", "requestTimeout"], ["listen", "keepAliveTimeout"], [
          "otlp",
          "tracesInterval"
        ]]
      ) {
        const others = section === "otlp" ? "endpoint: http://o.test, " : ""
        assert.deepStrictEqual(wrong(`${base}${section}: { ${others}${key}: ${time} }`), [
          `${section}.${key}: Expected at most 36500 days, got ${time === "1e99" ? "1e+99" : `"${time}"`}.`
        ])
      }
    }
  })

  it("are refused where operators have that of the clients", () => {
    for (const host of ["127.0.0.1", "0.0.0.0"]) {
      assert.deepStrictEqual(wrong(`${base}listen: { port: 4000 }\nadmin: { host: ${host}, port: 4000, token: t }`), [
        "admin.port: Expected another port than that of listen, got 4000."
      ])
    }
    const hosts = (listen: string, admin: string) =>
      wrong(`${base}listen: { host: "${listen}", port: 4000 }\nadmin: { host: "${admin}", port: 4000, token: t }`)
    for (const address of ["127.0.0.1", "::1"]) {
      for (const lines of [hosts("localhost", address), hosts(address, "localhost")]) {
        assert.deepStrictEqual(lines, ["admin.port: Expected another port than that of listen, got 4000."], address)
      }
    }
    assert.deepStrictEqual(hosts("127.0.0.1", "127.0.0.2"), [])
    assert.deepStrictEqual(hosts("localhost", "127.0.0.2"), [])
  })
})

describe("variables of the environment", () => {
  const values = {
    "double quotes": "a\"b",
    "single quotes": "it's",
    "a colon and a space": "a: b",
    "a hash": "a #b",
    "a line break": "a\nmodels: evil",
    "an entry of YAML": "x }\nadmin: { token: stolen",
    "a list": "[a, b]",
    "an anchor": "&a *a",
    "a tag": "!!binary x",
    "a tab": "a\tb",
    "a percent sign": "%YAML 1.2",
    "braces": "${OTHER}",
    "a dash": "- a",
    "a backslash": "a\\nb",
    "spaces around": " a ",
    "a dollar and a digit": "$1$&$`",
    "a number with a zero in front": "0123",
    "a number": "123",
    "a boolean": "true",
    "nothing but null": "null"
  }
  /** With a sentence, which may be any text. */
  const saying = (sentence: string) => `${base}cascades: { polite: { steps: [m], canned: { en: ${sentence} } } }\n`
  const saidBy = ({ cascades }: GatewayConfig.Config) => cascades["polite"]!.options.canned!.en
  for (const [what, value] of Object.entries(values)) {
    it(`a text with ${what} is taken as it is`, () =>
      assert.strictEqual(saidBy(right(saying("sk-${KEY}"), { KEY: value, OTHER: "no" })), `sk-${value}`))
    if (!/^[\x21-\x7e]+$/.test(value)) continue
    it(`a secret with ${what} is taken as it is`, () =>
      assert.strictEqual(tokenOf(right(withToken("${KEY}"), { KEY: value, OTHER: "no" })), value))
  }

  it.effect.prop(
    "any value is one scalar, within a text and in quotes",
    { value: Schema.String },
    ({ value }) =>
      Effect.sync(() => {
        if (value === "") return
        const environment = { KEY: value }
        assert.strictEqual(saidBy(right(saying("\"${KEY}.\""), environment)), `${value}.`)
        assert.strictEqual(saidBy(right(saying("'${KEY}.'"), environment)), `${value}.`)
        assert.strictEqual(saidBy(right(saying("sk-${KEY}-${KEY}"), environment)), `sk-${value}-${value}`)
      })
  )

  it("a value that looks like a number or a boolean is one where one is expected", () => {
    const text = `${base}listen: { port: \${PORT}, maxRequests: \${MANY:-7} }`
    assert.deepInclude(right(text, { PORT: "0" }).listen, { port: 0, maxRequests: 7 })
    const critical = base.replace("provider: p }", "provider: p, breaker: { critical: ${CRITICAL} } }")
    assert.isFalse(right(critical, { CRITICAL: "false" }).models.m!.options.breaker!.critical)
  })

  it("a default holds where the variable is missing or empty", () => {
    assert.strictEqual(tokenOf(right(withToken("${KEY:-a:b#c}"))), "a:b#c")
    assert.strictEqual(tokenOf(right(withToken("${KEY:-d}"), { KEY: "" })), "d")
    assert.strictEqual(tokenOf(right(withToken("${KEY:-d}"), { KEY: "k" })), "k")
  })

  it("one that is missing is told with its place, all of them at once", () =>
    assert.deepStrictEqual(wrong(`${withToken("${KEY}")}listen: { port: \${PORT}, host: "\${HOST}" }`), [
      "admin.token: The environment has no KEY. Set it, or write ${KEY:-default} where it may be missing.",
      "listen.host: The environment has no HOST. Set it, or write ${HOST:-default} where it may be missing.",
      "listen.port: The environment has no PORT. Set it, or write ${PORT:-default} where it may be missing."
    ]))

  it("one in a comment is not looked up", () => assert.deepStrictEqual(wrong(`${base}# apiKey: \${MISSING}\n`), []))

  it("one may be in a key", () =>
    assert.deepStrictEqual(Object.keys(right(base.replace("m:", "${NAME}:"), { NAME: "a: b" }).models), ["a: b"]))

  for (
    const written of [
      "${SHOP-KEY}",
      "${KEY:default}",
      "${KEY:?missing}",
      "${ KEY }",
      "${KEY",
      "x${1}",
      "${KEY:-${OTHER}}",
      "${NONE:-${OTHER}}",
      "$KEY"
    ]
  ) {
    it(`one that is written in another way is no value by itself: ${written}`, () => {
      const environment = { KEY: "k", OTHER: "o" }
      const told = "Expected a variable as ${NAME} or ${NAME:-default}, without another one in it. " +
        "A text with ${ can come from a variable."
      assert.deepStrictEqual(wrong(withToken(JSON.stringify(written)), environment), [`admin.token: ${told}`])
      assert.deepStrictEqual(wrong(base.replace("m:", `${JSON.stringify(written)}:`), environment), [`models: ${told}`])
    })
  }

  it("two keys that become one are told: none of them is lost without a word", () =>
    assert.deepStrictEqual(
      wrong(base.replace("m: {", "${ONE}: { provider: p }\n  ${TWO}: {"), { ONE: "same", TWO: "same" }),
      ["models[\"${TWO}\"]: Expected a name of its own: variables give it twice."]
    ))

  it("an empty secret is refused", () => {
    assert.deepStrictEqual(wrong(withToken("${KEY}"), { KEY: "" }).length, 1)
    assert.deepStrictEqual(wrong(`${base}admin: { token: "\${TOKEN}" }`, { TOKEN: "" }), [
      "admin.token: Expected a text that is not empty."
    ])
  })

  it("a secret that is written as a number is refused: it may have lost digits", () => {
    for (const written of ["1.10", "12345678901234567890", "1e3", "true"]) {
      assert.deepStrictEqual(wrong(withToken(written)), [
        "admin.token: Expected a text. Put it in quotes: a number may lose digits."
      ])
      assert.strictEqual(tokenOf(right(withToken(`"${written}"`))), written)
    }
    assert.strictEqual(tokenOf(right(withToken("0123"))), "0123")
  })

  it("no complaint shows a secret", () => {
    const text = `${base}
admin: { token: [ "\${KEY}" ], readToken: { token: "\${KEY}" } }
clients:
  - { name: a, token: "\${KEY}" }
  - { name: b, token: "\${KEY}", modles: [m] }
`
    const lines = wrong(text.replace("baseUrl: http", "baseUrl: ftp"), { KEY: "hunter2-hunter2" })
    assert.isAbove(lines.length, 3)
    assert.notInclude(lines.join("\n"), "hunter2")
    const broken = wrong(`${withToken("\"${KEY}")}`, { KEY: "hunter2-hunter2" })
    assert.strictEqual(broken.length, 1)
    assert.notInclude(broken[0], "hunter2")
    assert.notInclude(broken[0], "switchgear-")
  })
})

describe("what is wrong is told with its place, its range and its value", () => {
  const cases: ReadonlyArray<readonly [text: string, ...lines: ReadonlyArray<string>]> = [
    ["", "models: Expected at least one model."],
    ["- a", "Expected { listen, admin, otlp, cluster, providers", "models: Expected at least one model."],
    [`${base}modles: {}`, "modles: There is no such option. There are: listen, admin, otlp, cluster, providers"],
    [`${base}listen: { prot: 1 }`, "listen.prot: There is no such option. There are: host, port"],
    [`${base}listen: 3`, "listen: Expected { host, port"],
    [`${base}listen: { port: 70000 }`, "listen.port: Expected a whole number from 0 to 65535, got 70000."],
    [`${base}listen: { port: "4180" }`, "listen.port: Expected a whole number from 0 to 65535, got \"4180\"."],
    [`${base}listen: { host: "" }`, "listen.host: Expected a text that is not empty, got \"\"."],
    [
      `${base}listen: { host: 127.999.0.1 }`,
      "listen.host: Expected a loopback address where there are no clients with tokens, got \"127.999.0.1\"."
    ],
    [
      `${base}listen: { host: 0.0.0.0 }`,
      "listen.host: Expected a loopback address where there are no clients with tokens, got \"0.0.0.0\"."
    ],
    [
      `${base}listen: { drainTimeout: soon }`,
      "listen.drainTimeout: Expected a finite duration above zero, such as \"10 seconds\", got \"soon\"."
    ],
    [
      `${base}listen: { drainTimeout: 0 }`,
      "listen.drainTimeout: Expected a finite duration above zero, such as \"10 seconds\", got 0."
    ],
    [
      `${base}listen: { headAfter: }`,
      "listen.headAfter: Expected a finite duration above zero, such as \"10 seconds\", got null."
    ],
    [
      `${base}listen: { exhaustedStatus: 200 }`,
      "listen.exhaustedStatus: Expected a whole number from 400 to 599, got 200."
    ],
    [`${base}admin: {}`, "admin.token: Expected a text that is not empty."],
    [
      `${base}admin: { token: t, tokne: t }`,
      "admin.tokne: There is no such option. There are: host, hosts, port, token, readToken, exemplars, runbook, promise."
    ],
    [`${base}admin: { token: t, exemplars: true }`, "admin.exemplars: Expected on or off, got true."],
    [
      `${base}listen: { origins: https://app.example }`,
      "listen.origins: Expected a list, got \"https://app.example\"."
    ],
    [`${base}otlp: {}`, "otlp.endpoint: Expected a text that is not empty, got undefined."],
    [
      `${base}otlp: { endpoint: collector }`,
      "otlp.endpoint: Expected an address such as http://127.0.0.1:4318, got \"collector\"."
    ],
    [
      `${base}otlp: { endpoint: "https://user:secret@c.test" }`,
      "otlp.endpoint: Expected an address without a user, a query or a fragment. Put a key into headers."
    ],
    [
      `${base}otlp: { endpoint: http://c.test, encoding: grpc, sampleRatio: 2, signals: [logs], tracesInterval: 0 }`,
      "otlp.encoding: Expected protobuf or json, got \"grpc\".",
      "otlp.sampleRatio: Expected a number from 0 to 1, got 2.",
      "otlp.signals[0]: Expected one of traces, metrics, got \"logs\".",
      "otlp.tracesInterval: Expected a finite duration above zero"
    ],
    [
      `${base}otlp: { endpoint: http://c.test, headers: { "a b": x, c: "secret\\nX: y", d: 5, e: "" }, attributes: { f: [] } }`,
      "otlp.attributes.f: Expected a text that is not empty, got [].",
      "otlp.headers.c: Expected a text that a header can have.",
      "otlp.headers.d: Expected a text. Put it in quotes",
      "otlp.headers.e: Expected a text that is not empty.",
      "otlp.headers[\"a b\"]: Expected the name of a header."
    ],
    ...["javascript:alert(1)", "/night", "data:text/html,x", "https://name:password@wiki.test", 7].map((runbook) =>
      [
        `${base}admin: { token: t, runbook: ${JSON.stringify(runbook)} }`,
        "admin.runbook: Expected an address of http or https without a name or a password, got "
      ] as const
    ),
    [`${base}admin: { token: t, promise: { p95: 0 } }`, "admin.promise.p95: Expected a finite duration above zero"],
    [`${base}admin: { token: t, promise: { p99: 1 second } }`, "admin.promise.p99: There is no such option."],
    [`${base}defaults: { retryBudget: { ratio: -1 } }`, "defaults.retryBudget.ratio: "],
    [base.replace("m: { provider: p }", "m: { provider: p, retryBudget: { flor: 1 } }"), "models.m.retryBudget.flor: "],
    [base.replace("http://p", "ftp://p"), "providers.p.baseUrl: "],
    [base.replace("/v1 }", "/v1, timeuot: 3 }"), "providers.p.timeuot: There is no such option."],
    [base.replace("provider: p", "provider: q"), "models.m.provider: Expected one of p, got \"q\"."],
    [base.replace("provider: p", "model: x"), "models.m.provider: "],
    [base.replace("m: { provider: p }", "m: 3"), "models.m: Expected { provider, model, resilience4j"],
    [
      base.replace("provider: p }", "provider: p, breaker: { failureRate: 3 } }"),
      "models.m.breaker.failureRate: breaker.failureRate must be above 0 and at most 1, got 3."
    ],
    [
      base.replace("provider: p }", "provider: p, retry: { maxAttempts: 0 } }"),
      "models.m.retry.maxAttempts: retry.maxAttempts must be a whole number of at least 1, got 0."
    ],
    [base.replace("provider: p }", "provider: p, retyr: 1 }"), "models.m.retyr: There is no such option."],
    [
      base.replace("provider: p }", "provider: p, resilience4j: x }"),
      "models.m.resilience4j: Expected a name of nothing, because there is none, got \"x\"."
    ],
    [`${base}cascades: { c: {} }`, "cascades.c.steps: Expected the names of at least one model."],
    [`${base}cascades: { c: { steps: [m, n] } }`, "cascades.c.steps[1]: Expected one of m, got \"n\"."],
    [`${base}cascades: { m: { steps: [m] } }`, "cascades.m: Expected another name than that of a model."],
    [
      `${base}cascades: { c: { steps: [m], deadline: 0 } }`,
      "cascades.c.deadline: deadline must be a finite duration above zero, got 0."
    ],
    [`${base}prices: { m: { input: -1 } }`, "prices.m.input: Expected dollars for a million tokens"],
    [`${base}prices: { m: { inptu: 1 } }`, "prices.m.inptu: There is no such part."],
    [`${base}clients: 3`, "clients: Expected a list, got 3."],
    [`${base}clients: [{ name: a }]`, "clients[0].token: Expected a text that is not empty."],
    [`${base}clients: [{ name: a, token: [] }]`, "clients[0].token: Expected at least one text that is not empty."],
    [`${base}clients: [{ name: a, token: t, models: }]`, "clients[0].models: Expected a list, got null."],
    [base.replace("p }", "p, model: }"), "models.m.model: "],
    [`${base}clients: [{ token: a }]`, "clients[0].name: Expected a text that is not empty, got undefined."],
    [`${base}clients: [{ name: a, token: t, models: [x] }]`, "clients[0].models[0]: Expected one of m, got \"x\"."],
    [
      `${base}clients: [{ name: a, token: t, budget: { dollars: 5 } }]`,
      "prices: Expected prices, because the client \"a\" has a budget."
    ],
    [
      `${base}prices: { m: { input: 1, output: 1 } }\nclients: [{ name: a, token: t, budget: { dollars: 0.0000001 } }]`,
      "clients[0].budget.dollars: Expected a number of dollars above zero with at most six decimals, got 1e-7."
    ],
    [
      `${base}${redis}clients: [{ name: ${
        "x".repeat(501)
      }, token: t, limits: [{ resource: requests, limit: 1, per: 1 day }] }]`,
      "clients[0].name: Expected at most 500 characters of well-formed text, because its limits are in a fleet."
    ],
    [
      `${base}${redis}prices: { m: { input: 1, output: 1 } }\nclients: [{ name: ${
        "x".repeat(101)
      }, token: t, budget: { dollars: 1, window: day } }]`,
      "clients[0].name: Expected at most 100 characters of well-formed text, because its budget is in a fleet."
    ],
    [
      `${base}  ${"x".repeat(501)}: { provider: p }\n${redis}`,
      `models.${
        "x".repeat(501)
      }: Expected at most 500 characters of well-formed text, because its circuit is in a fleet.`
    ],
    [
      `${base}prices: { m: { input: 1, output: 1 } }\nclients: [{ name: a, token: t, budget: { dollars: 1e12 } }]`,
      "clients[0].budget.dollars: Expected at most 1000000000 dollars, got 1000000000000."
    ],
    [
      `${base}prices: { m: { input: 1, output: 1 } }\nclients: [{ name: a, token: t, budget: { dollars: 1, window: 0.5 millis } }]`,
      "clients[0].budget.window: Expected day, month or a finite duration of at least a millisecond, got 500000 nanos."
    ],
    [
      `${base}clients: [{ name: a, token: t }, { name: a }]`,
      "clients[1].name: Expected a name of its own, got \"a\".",
      "clients[1].token: Expected a text that is not empty."
    ],
    [
      `${base}clients: [{ name: a, token: t }, { name: a, token: u }]`,
      "clients[1].name: Expected a name of its own, got \"a\"."
    ],
    [
      `${
        base.replace("m:", "\"client a\":").replace(
          "p }",
          "p, rateLimiter: { limits: [{ resource: requests, limit: 1, per: 1 second }] } }"
        )
      }
clients: [{ name: a, token: t, limits: [{ resource: requests, limit: 4, per: 1 hour }] }]`,
      "clients[0].name: Expected another name than \"a\", because the model \"client a\" has a rateLimiter, and the limits of this client are called the same."
    ],
    [
      `${base}clients: [{ name: a, token: t }, { name: b, token: t }]`,
      "clients[1].token: Expected a token of its own, got that of \"a\"."
    ],
    [
      `${base}clients: [{ name: a, token: t, limits: [{ resource: requests, limit: 0, per: 1 minute }] }]`,
      "clients[0].limits[0].limit: "
    ],
    [
      `${base}clients: [{ name: a, token: t, priority: 5000 }]`,
      "clients[0].priority: Expected a whole number from -1000 to 1000, got 5000."
    ],
    ["a: [", "The file is no YAML: "],
    ["a: 1\na: 2", "The file is no YAML: "]
  ]
  for (const [text, ...starts] of cases) {
    it(JSON.stringify(text.replace(base, "… ").trim()), () => {
      const lines = wrong(text)
      assert.strictEqual(lines.length, starts.length, lines.join("\n"))
      starts.forEach((start, i) => assert.isTrue(lines[i]!.startsWith(start), lines[i]))
    })
  }

  it("all of the options of a guard at once, and nothing that is right", () => {
    const lines = wrong(`
providers:
  p: { baseUrl: http://p.test/v1, timeout: 0, idleTimeout: -1 }
models:
  m:
    provider: p
    breaker: { failureRate: 3, openFor: 0, halfOpen: { calls: 0, maxWait: 0 }, window: { lastCalls: 0 }, minimumCalls: 200, oddity: 1 }
    retry: { maxAttempts: 0, jitter: 2, baseDelay: 1 second }
    rateLimiter: { limits: [{ resource: requests, limit: 0, per: 1 minute }] }
    attemptTimeout: 0
    deadline: soon
cascades:
  c: { steps: [m], deadline: 0, cache: { capacity: 0, staleFor: -1 }, share: half }
`)
    assert.deepStrictEqual(lines.map((line) => line.split(": ")[0]), [
      "cascades.c.cache.capacity",
      "cascades.c.cache.staleFor",
      "cascades.c.deadline",
      "cascades.c.share",
      "models.m.attemptTimeout",
      "models.m.breaker.failureRate",
      "models.m.breaker.halfOpen.calls",
      "models.m.breaker.halfOpen.maxWait",
      "models.m.breaker.oddity",
      "models.m.breaker.openFor",
      "models.m.breaker.window.lastCalls",
      "models.m.deadline",
      "models.m.rateLimiter.limits[0].limit",
      "models.m.retry.jitter",
      "models.m.retry.maxAttempts",
      "providers.p.idleTimeout",
      "providers.p.timeout"
    ])
  })

  it("a window that is wrong hides nothing else of its circuit", () =>
    assert.deepStrictEqual(
      wrong(base.replace("p }", "p, breaker: { window: { lastCalls: 0 }, failureRate: 3 } }")).map((line) =>
        line.split(": ")[0]
      ),
      ["models.m.breaker.failureRate", "models.m.breaker.window.lastCalls"]
    ))

  it("an option of defaults is told there, once, and one that a model says itself at the model", () =>
    assert.deepStrictEqual(
      wrong(`
providers:
  p: { baseUrl: http://p.test/v1 }
defaults: { breaker: { failureRate: 3 }, retry: { maxAttempts: 0, oddity: 1 }, attemptTimeout: 0, oddity: 2 }
models:
  m: { provider: p, breaker: { openFor: 0 } }
  n: { provider: p, breaker: { failureRate: 4 }, deadline: 0 }
`).map((line) => line.split(": ")[0]),
      [
        "defaults.attemptTimeout",
        "defaults.breaker.failureRate",
        "defaults.oddity",
        "defaults.retry.maxAttempts",
        "defaults.retry.oddity",
        "models.m.breaker.openFor",
        "models.n.breaker.failureRate",
        "models.n.deadline"
      ]
    ))

  it("an option of defaults is told there, once, and one that a model says itself at the model", () =>
    assert.deepStrictEqual(
      wrong(`
providers:
  p: { baseUrl: http://p.test/v1 }
defaults: { breaker: { failureRate: 3 }, retry: { maxAttempts: 0, oddity: 1 }, attemptTimeout: 0, oddity: 2 }
models:
  m: { provider: p, breaker: { openFor: 0 } }
  n: { provider: p, breaker: { failureRate: 4 }, deadline: 0 }
`).map((line) => line.split(": ")[0]),
      [
        "defaults.attemptTimeout",
        "defaults.breaker.failureRate",
        "defaults.oddity",
        "defaults.retry.maxAttempts",
        "defaults.retry.oddity",
        "models.m.breaker.openFor",
        "models.n.breaker.failureRate",
        "models.n.deadline"
      ]
    ))

  it("aliases of aliases that are more values than there is memory for", () => {
    const aliases = Array.from("bcdefghijkl", (name, i) => {
      const before = "abcdefghijkl"[i]
      return `${name}: &${name} [${Array.from({ length: 9 }, () => `*${before}`).join(", ")}]`
    })
    assert.deepStrictEqual(wrong(["a: &a [x]", ...aliases].join("\n")), [
      "The file is no YAML: its aliases make more than 1000000 values of it."
    ])
  })

  it("all of it at once, in the order of the places", () => {
    const lines = wrong(`
listen: { port: -1, host: 0.0.0.0 }
providers:
  p: { baseUrl: nowhere }
models:
  m: { provider: q, retry: { maxAttempts: 0 } }
  "gpt-4.1": { provider: p, bulkhead: { queue: -1 } }
cascades: { c: { steps: [x] } }
clients: [{ name: a, models: [m] }]
`)
    assert.deepStrictEqual(lines.map((line) => line.split(": ")[0]), [
      "cascades.c.steps[0]",
      "clients[0].token",
      "listen.port",
      "models.m.provider",
      "models.m.retry.maxAttempts",
      "models[\"gpt-4.1\"].bulkhead.queue",
      "providers.p.baseUrl"
    ])
  })
})

describe("a budget", () => {
  it("needs a price of all that a client may be billed for: a gateway would not start without", () => {
    const told = wrong(`${base}prices: { m: { input: 1 } }
clients: [{ name: shop, token: sk-shop-0123456789, budget: { dollars: 5, window: day } }]
`)
    assert.lengthOf(told, 1)
    assert.match(JSON.stringify(told), /prices.*output.*m/)
  })
})
