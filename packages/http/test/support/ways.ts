import { describe } from "@effect/vitest"
import { ChatClient } from "@switchgear/http"
import * as NodeTransport from "@switchgear/http/NodeTransport"
import { Effect, identity, Layer } from "effect"
import { HttpClient } from "effect/http"

/** Makes a client on Node. */
export type LayerChatClient = typeof NodeTransport.layerChatClient

/** The same connections behind an `HttpClient` that is another object, so that requests pass it. */
const layerPortable: LayerChatClient = (options) =>
  ChatClient.layer(options).pipe(
    Layer.provide(
      Layer.effect(HttpClient.HttpClient, Effect.map(HttpClient.HttpClient, HttpClient.mapRequest(identity)))
    ),
    Layer.provide(NodeTransport.layer(options))
  )

/** The two ways from a client to its connections. */
export const ways: ReadonlyArray<readonly [name: string, layerChatClient: LayerChatClient]> = [
  ["straight to the connections", NodeTransport.layerChatClient],
  ["through an HttpClient", layerPortable]
]

/** Tests both ways. */
export const bothWays = (tests: (layerChatClient: LayerChatClient) => void): void => {
  for (const [name, layerChatClient] of ways) describe(name, () => tests(layerChatClient))
}
