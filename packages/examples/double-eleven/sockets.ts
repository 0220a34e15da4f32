/** A lane and its provider talk over real sockets: a server on loopback, and connections of the lane's own. */
import { ChatClient } from "@switchgear/http"
import * as NodeTransport from "@switchgear/http/NodeTransport"
import { SimulatedProvider } from "@switchgear/http/testing"
import { Context, Effect, Layer, type Scope } from "effect"
import type { HttpServerError } from "effect/http"
import type { Connect } from "./lanes.ts"

export const sockets: Connect<HttpServerError.ServeError, Scope.Scope> = (provider, timeout) =>
  Effect.gen(function*() {
    const { url } = yield* SimulatedProvider.serve(provider)
    // Built into the scope around the night, since its connections are cut when the layer is released.
    const client = yield* Layer.build(
      NodeTransport.layerChatClient({ provider: "simulated", baseUrl: url, proxy: "none", timeout })
    )
    return Context.get(client, ChatClient.ChatClient)
  })
