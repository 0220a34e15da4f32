/** What pages of other origins may do: what a browser is told, and what is refused to it. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { administered, control } from "./administered.ts"
import { problemsOf } from "./support.ts"
import { ask, chat, type Got, hello, running, token } from "./running.ts"
import { GatewayConfig } from "@switchgear/http/gateway"
import { Behaviour } from "@switchgear/http/testing"

const page = "https://app.example"
const listed = `listen: { port: 0, origins: ["${page}", "chrome-extension://abcdef"] }`

const corsOf = ({ headers }: Got): Record<string, string> =>
  Object.fromEntries([...headers].filter(([name]) => name.startsWith("access-control-") || name === "vary"))

const preflight = (url: string, headers: Record<string, string>) =>
  ask(url, { method: "OPTIONS", headers: { origin: page, "access-control-request-method": "POST", ...headers } })

describe("without origins in the file", () => {
  it.live("no answer has a header for browsers, and a preflight is a method that is not there", () =>
    Effect.scoped(Effect.gen(function*() {
      const { url } = yield* running()
      const got = yield* chat(url, hello, { origin: page })
      assert.strictEqual(got.status, 200)
      assert.deepStrictEqual(corsOf(got), {})
      const asked = yield* preflight(`${url}/v1/chat/completions`, {})
      assert.strictEqual(asked.status, 405)
      assert.deepStrictEqual(corsOf(asked), {})
    })))
})

describe("a page of a listed origin", () => {
  it.live("may send what it asks for, whatever the client of the day adds", () =>
    Effect.scoped(Effect.gen(function*() {
      const { provider, url } = yield* running(listed)
      const names = "authorization,content-type,x-stainless-lang,x-stainless-some-header-of-next-year"
      for (const path of ["/v1/chat/completions", "/v1/messages", "/v1/models", "/v1/models/first"]) {
        const got = yield* preflight(url + path, { "access-control-request-headers": names })
        assert.strictEqual(got.status, 200)
        assert.deepStrictEqual(corsOf(got), {
          "access-control-allow-origin": page,
          "access-control-allow-methods": "GET, HEAD, POST",
          "access-control-allow-headers": names,
          "access-control-max-age": "7200",
          vary: "origin"
        })
        assert.strictEqual(got.text, "")
      }
      assert.strictEqual((yield* provider.total).started, 0)
    })))

  it.live("may read whole answers, streams and errors, with every header of ours", () =>
    Effect.scoped(Effect.gen(function*() {
      const { provider, url } = yield* running(
        `${listed}
clients: [{ name: shop, token: ${token}, limits: [{ resource: requests, limit: 6, per: 1 hour }, { resource: tokens, limit: 90000, per: 1 hour }] }]`
      )
      const headers = { origin: page }
      const messages = (body: object) =>
        ask(`${url}/v1/messages`, {
          method: "POST",
          headers: { authorization: `Bearer ${token}`, ...headers },
          body: JSON.stringify(body)
        })
      const answers = [
        yield* chat(url, hello, headers),
        yield* chat(url, { ...hello, stream: true }, headers),
        yield* chat(url, "{", headers),
        yield* chat(url, hello, { ...headers, authorization: "Bearer nobody" }),
        yield* ask(`${url}/v1/models`, { headers: { authorization: `Bearer ${token}`, ...headers } }),
        yield* ask(`${url}/nowhere`, { headers }),
        yield* messages({ ...hello, max_tokens: 0 }),
        yield* messages({})
      ]
      yield* provider.set("first", { outcome: Behaviour.serverError })
      yield* provider.set("second", { outcome: Behaviour.serverError })
      answers.push(
        yield* chat(url, hello, headers),
        ...yield* Effect.all(Array.from({ length: 8 }, () => chat(url, hello, headers)))
      )
      assert.includeMembers(answers.map(({ status }) => status), [200, 400, 401, 404, 429, 503])
      for (const got of answers) {
        const { "access-control-expose-headers": exposed, ...others } = corsOf(got)
        assert.deepStrictEqual(others, { "access-control-allow-origin": page, vary: "origin" })
        const names = [...got.headers.keys()].filter((name) =>
          /^(x-|openai-|retry-after|request-id)/.test(name) && name !== "x-accel-buffering"
        )
        assert.includeMembers(exposed!.split(", "), names)
      }
    })))

  it.live("of an extension has a scheme of its own", () =>
    Effect.scoped(Effect.gen(function*() {
      const { url } = yield* running(listed)
      const origin = "chrome-extension://abcdef"
      assert.strictEqual(corsOf(yield* chat(url, hello, { origin }))["access-control-allow-origin"], origin)
    })))

  it.live("needs its token as everybody does", () =>
    Effect.scoped(Effect.gen(function*() {
      const { url } = yield* running(listed)
      assert.strictEqual((yield* chat(url, hello, { origin: page, authorization: "" })).status, 401)
    })))
})

describe("a page of another origin", () => {
  for (
    const origin of [
      "https://evil.example",
      "http://app.example",
      "https://app.example.evil",
      "https://app.example:8443",
      "null"
    ]
  ) {
    it.live(`is told nothing: ${origin}`, () =>
      Effect.scoped(Effect.gen(function*() {
        const { url } = yield* running(listed)
        assert.deepStrictEqual(corsOf(yield* chat(url, hello, { origin })), { vary: "origin" })
        const asked = yield* preflight(`${url}/v1/chat/completions`, { origin })
        assert.strictEqual(asked.status, 405)
        assert.deepStrictEqual(corsOf(asked), { vary: "origin" })
      })))
  }

  it.live("makes no call where no token is asked for: a browser would send it and only keep the answer back (ollama)", () =>
    Effect.scoped(Effect.gen(function*() {
      for (const listen of ["listen: { port: 0 }", listed]) {
        const { provider, url } = yield* running(`${listen}\nclients: []`)
        // As a form or `fetch` without CORS sends it.
        const simple = { authorization: "", "content-type": "text/plain", origin: "https://evil.example" }
        const got = yield* chat(url, hello, simple)
        assert.strictEqual(got.status, 403)
        assert.strictEqual(got.json.error.code, "origin_not_allowed")
        assert.strictEqual((yield* ask(`${url}/v1/models`, { headers: { origin: "null" } })).status, 403)
        assert.strictEqual((yield* provider.total).started, 0)
        for (const origin of listen === listed ? [url, page] : [url]) {
          assert.strictEqual((yield* chat(url, hello, { ...simple, origin })).status, 200)
        }
        const { origin: _, ...noPage } = simple
        assert.strictEqual((yield* chat(url, hello, noPage)).status, 200)
      }
    })))
})

describe("all origins", () => {
  it.live("may be listed where clients have tokens, and then no credentials go with it", () =>
    Effect.scoped(Effect.gen(function*() {
      const { url } = yield* running("listen: { port: 0, origins: ['*'] }")
      const got = yield* chat(url, hello, { origin: page })
      const { "access-control-expose-headers": _, ...others } = corsOf(got)
      assert.deepStrictEqual(others, { "access-control-allow-origin": "*" })
    })))

  it.live("are foreign again when the file loses its clients: the origins are those of the start", () =>
    Effect.scoped(Effect.gen(function*() {
      const { reload, url } = yield* running("listen: { port: 0, origins: ['*'] }")
      yield* reload("listen: { port: 0 }\nclients: []")
      const simple = { authorization: "", origin: "https://evil.example" }
      assert.strictEqual((yield* chat(url, hello, simple)).status, 403)
    })))

  const file = (more: string) =>
    GatewayConfig.check(`${more}\nproviders: { p: { baseUrl: http://p.test } }\nmodels: { m: { provider: p } }`, {})

  it("may not be listed where no token is asked for", () =>
    assert.deepStrictEqual(problemsOf(file("listen: { origins: ['*'] }")), [
      "listen.origins: Expected origins by name where there are no clients with tokens, got \"*\"."
    ]))

  for (
    const origin of [
      "app.example",
      "https://app.example/",
      "https://App.example",
      "https://app.example:443",
      "https://*.example",
      "null"
    ]
  ) {
    it(`an origin that no browser sends is an error: ${origin}`, () =>
      assert.deepStrictEqual(problemsOf(file(`listen: { origins: ['${origin}'] }`)), [
        `listen.origins[0]: Expected "*", or an origin such as https://app.example, got "${origin}".`
      ]))
  }
})

describe("the address for operators", () => {
  it.live("is for no page of another origin, whatever is listed", () =>
    Effect.scoped(Effect.gen(function*() {
      const { adminUrl } = yield* administered("listen: { port: 0, origins: ['*'] }")
      const asked = yield* preflight(`${adminUrl}/admin/overview`, {
        "access-control-request-headers": "authorization"
      })
      assert.strictEqual(asked.status, 405)
      assert.deepStrictEqual(corsOf(asked), {})
      const got = yield* ask(`${adminUrl}/admin/overview`, {
        headers: { authorization: `Bearer ${control}`, origin: page }
      })
      assert.strictEqual(got.status, 200)
      assert.deepStrictEqual(corsOf(got), {})
    })))
})
