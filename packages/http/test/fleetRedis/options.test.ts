/** Options of the connection of a fleet that cannot be kept are refused by name, and nothing of a URL is shown. */
import { assert, describe, it, vi } from "@effect/vitest"
import * as FleetRedis from "@switchgear/http/FleetRedis"
import { ConfigProvider, Effect, Exit, Layer, Redacted, Schema } from "effect"

const { clusterCodec } = await vi.importActual<typeof import("../../src/fleetRedis/codec.ts")>(
  "../../src/fleetRedis/codec.ts"
)

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
      ["a socket without a path", "unix://hidden"],
      ["options behind it, which nobody reads", "redis://127.0.0.1/0?password=hidden"]
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
      ],
      [
        "FleetRedis.layerCluster: urls must be URLs of one scheme, user and password",
        () => FleetRedis.layerCluster({ urls: [url, Redacted.make("redis://:hidden@127.0.0.1:2")] })
      ],
      [
        "FleetRedis.layerCluster: urls must be URLs of one scheme, user and password",
        () => FleetRedis.layerCluster({ urls: [url, Redacted.make("rediss://hidden:2")] })
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

  it.effect("are read from an environment and from a file, and no error shows them", () =>
    Effect.gen(function*() {
      const told = (layer: Layer.Layer<any, any>, provider: ConfigProvider.ConfigProvider) =>
        Layer.build(layer).pipe(
          Effect.scoped,
          Effect.exit,
          Effect.map(String),
          Effect.provideService(ConfigProvider.ConfigProvider, provider)
        )
      const environment = (env: Record<string, string>) => ConfigProvider.fromEnv({ env })
      for (const [name, text] of [["REDIS_URL", "http://hidden"], ["REDIS_PASSWORD", "hidden"]] as const) {
        const error = yield* told(FleetRedis.layerConfig("redis"), environment({ [name]: text }))
        assert.include(error, "redis://user:password@host:port")
        assert.notInclude(error, "hidden")
      }
      const interval = yield* told(
        FleetRedis.layerConfig("redis"),
        environment({ REDIS_URL: "redis://:hidden@127.0.0.1", REDIS_PING_INTERVAL: "soon" })
      )
      assert.include(interval, "pingInterval")
      assert.notInclude(interval, "hidden")
      const file = (urls: ReadonlyArray<string>) =>
        ConfigProvider.fromUnknown({ redis: { urls, tls: { serverName: "redis" } } })
      const isGiven = yield* Effect.exit(
        clusterCodec.config("redis", { tls: { ca: "given in code" } }).pipe(
          Effect.provideService(ConfigProvider.ConfigProvider, file(["rediss://a.internal", "rediss://b.internal:1"]))
        )
      )
      assert.deepInclude(Exit.isSuccess(isGiven) ? isGiven.value : {}, {
        tls: { ca: "given in code", serverName: "redis" }
      })
      const wrong = yield* told(FleetRedis.layerClusterConfig("redis"), file(["redis://hidden/3"]))
      assert.include(wrong, "urls")
      assert.notInclude(wrong, "hidden")
      const written = Schema.decodeUnknownSync(FleetRedis.OptionsSchema)({
        url: "redis://h",
        connectTimeout: "1 second"
      })
      assert.strictEqual(Redacted.value(written.url), "redis://h")
    }))
})
