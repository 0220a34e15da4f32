/** Options of the connection of a fleet that cannot be kept are refused by name, and nothing of a URL is shown. */
import { assert, describe, it } from "@effect/vitest"
import * as FleetRedis from "@switchgear/http/FleetRedis"
import { Effect, Layer, Redacted } from "effect"

const url = Redacted.make("redis://127.0.0.1:1")

const refusal = (layer: () => Layer.Layer<any>) =>
  Effect.map(Effect.exit(Effect.scoped(Layer.build(Layer.suspend(layer)))), String)

describe("the options of the connection of a fleet", () => {
  for (
    const [what, text] of [
      ["no URL", "hidden"],
      ["another scheme", "http://hidden:6379"],
      ["no host", "redis://:hidden@"],
      ["a database that is no number", "redis://hidden/zero"],
      ["a user that cannot be decoded", "redis://%E0%A4%A:hidden@127.0.0.1"],
      ["a socket without a path", "unix://hidden"]
    ] as const
  ) {
    it.effect(`are refused with ${what}`, () =>
      Effect.gen(function*() {
        for (
          const told of [
            yield* refusal(() => FleetRedis.layer({ url: Redacted.make(text) })),
            yield* refusal(() => FleetRedis.layerCluster({ urls: [url, Redacted.make(text)] }))
          ]
        ) {
          assert.match(told, /FleetRedis\.layer(Cluster)?: urls? must be redis:\/\/user:password@host:port/)
          assert.notInclude(told, "hidden")
        }
      }))
  }

  for (
    const [message, layer] of [
      ["FleetRedis.layer: url must be", () => FleetRedis.layer({ url: "redis://hidden" as never })],
      ["FleetRedis.layer: there is no host", () => FleetRedis.layer({ url, host: "hidden" } as never)],
      [
        "FleetRedis.layer: password must be a text in Redacted.make",
        () => FleetRedis.layer({ url, password: "hidden" as never })
      ],
      ["FleetRedis.layer: pingInterval must be", () => FleetRedis.layer({ url, pingInterval: 0 })],
      [
        "FleetRedis.layer: tls must be { ca, cert, key, serverName }",
        () => FleetRedis.layer({ url, tls: { pem: "hidden" } as never })
      ],
      ["FleetRedis.layerCluster: urls must be at least one URL", () => FleetRedis.layerCluster({ urls: [] })],
      [
        "FleetRedis.layerCluster: urls must be",
        () => FleetRedis.layerCluster({ urls: [Redacted.make("redis://hidden/3")] })
      ],
      [
        "FleetRedis.layerCluster: urls must be",
        () => FleetRedis.layerCluster({ urls: [Redacted.make("unix:///hidden")] })
      ]
    ] as const
  ) {
    it.effect(`are refused: ${message}`, () =>
      Effect.gen(function*() {
        const told = yield* refusal(layer)
        assert.include(told, message)
        if (!message.includes("tls")) assert.notInclude(told, "hidden")
      }))
  }
})
