/** What the command prints when it serves. */
import { GatewayConfig } from "@switchgear/http/gateway"
import { Effect } from "effect"
import { assert, it, vi } from "vitest"

const { greeting } = await vi.importActual<{
  readonly greeting: (
    addresses: Record<"address" | "adminAddress", GatewayConfig.Address>,
    config: GatewayConfig.Config,
    path: string,
    token: string
  ) => string
}>("../../src/gateway/command/greeting.ts")

for (const [host, inUrl] of [["127.0.0.1", "127.0.0.1"], ["localhost", "localhost"], ["::1", "[::1]"]] as const) {
  it(`every address that is printed can be opened: ${host}`, () => {
    const config = Effect.runSync(
      GatewayConfig.parse("{ providers: { p: { baseUrl: http://p.test } }, models: { m: { provider: p } } }", {})
    )
    const text = greeting({ address: { host, port: 1 }, adminAddress: { host, port: 2 } }, config, "gateway.yaml", "t")
    const urls = text.match(/http:\/\/[^\s']+/g)!
    assert.deepStrictEqual(urls, [
      `http://${inUrl}:1/v1`,
      `http://${inUrl}:2/`,
      `http://${inUrl}:1/v1/chat/completions`
    ])
    assert.isTrue(urls.every((url) => URL.canParse(url)))
  })
}
