import * as Undici from "@effect/platform-node/Undici"
import { assert, it, vi } from "@effect/vitest"
import { Schema } from "effect"

const { isExcepted } = await vi.importActual<{ readonly isExcepted: (noProxy: string, address: URL) => boolean }>(
  "../src/nodeTransport/noProxy.ts"
)

const hosts = [
  "example.com",
  "api.example.com",
  "a.b.example.com",
  "example.org",
  "notexample.com",
  "10.0.0.7",
  "localhost"
]
const ports = ["", ":80", ":8080", ":443"]
const Address = Schema.Struct({
  host: Schema.Literals([...hosts, "EXAMPLE.com", "example.com.", "[::1]", "[2001:db8::7]"]),
  port: Schema.Literals(ports)
})
const Entry = Schema.Struct({
  prefix: Schema.Literals(["", "", ".", "*.", "*"]),
  host: Schema.Literals([...hosts, "Example.Com", "example.com.", "com", "::1", "[::1]", "[2001:db8::7]", "*", ""]),
  port: Schema.Literals([...ports, ":0", ":x"]),
  after: Schema.Literals([",", " ", ", ", "\n", ",,"])
})

/** undici's own agent, of which only the place is of interest to which it hands a request. */
const isExceptedByUndici = (noProxy: string, address: URL): boolean => {
  let direct = false
  const nowhere = new Undici.MockAgent()
  const agent = new Undici.EnvHttpProxyAgent({
    httpProxy: "http://127.0.0.1:9",
    httpsProxy: "",
    noProxy,
    // Called with the address itself, or with that of the proxy before it.
    factory: (origin) => {
      direct = new URL(origin).host !== "127.0.0.1:9"
      return nowhere
    }
  })
  try {
    agent.dispatch({ origin: address.origin, path: "/", method: "GET" }, {})
  } catch {
    // Nobody listens.
  }
  return direct
}

it.prop(
  "NO_PROXY names the addresses that it names for undici",
  { address: Address, entries: Schema.Array(Entry).check(Schema.isMaxLength(4)) },
  ({ address, entries }) => {
    const url = new URL(`http://${address.host}${address.port}`)
    const noProxy = entries.map(({ after, host, port, prefix }) => `${prefix}${host}${port}${after}`).join("")
    assert.strictEqual(isExcepted(noProxy, url), isExceptedByUndici(noProxy, url), JSON.stringify(noProxy))
  },
  { arbitrary: { runs: 500 } }
)

it("NO_PROXY has a port that is that of the scheme where the address has none", () => {
  assert.isTrue(isExcepted("example.com:443", new URL("https://example.com")))
  assert.isFalse(isExcepted("example.com:443", new URL("http://example.com")))
  assert.isTrue(isExcepted("example.com:80", new URL("http://example.com")))
})
