/** The client that a model is given: made, or as a layer that is built with the model. */
import type { OptionsOf } from "@switchgear/core/runtime"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import * as ChatClient from "../ChatClient.ts"

/**
 * The client of a model: one that has been made, or a layer, which is built with the model and lives as long.
 *
 * @category options
 * @since 0.1.0
 */
export type Client = ChatClient.ChatClient["Service"] | Layer.Layer<ChatClient.ChatClient, any, any>

/**
 * What a client can fail with while it is made: the errors of its layer.
 *
 * @category options
 * @since 0.1.0
 */
export type ClientError<C> = C extends Layer.Layer<any, infer E, any> ? E : never

/**
 * What a client needs while it is made: a scope, if it is a layer, and what the layer needs.
 *
 * @category options
 * @since 0.1.0
 */
export type ClientServices<C> = C extends Layer.Layer<any, any, infer R> ? R | Scope.Scope : never

/** The client itself. A layer is built in the scope of the caller. */
export const clientOf = (
  given: Client,
  check: OptionsOf
): Effect.Effect<ChatClient.ChatClient["Service"], any, any> => {
  if (Layer.isLayer(given)) {
    return Effect.map(built(given), (context) => Context.get(context, ChatClient.ChatClient))
  }
  const client = given as ChatClient.ChatClient["Service"]
  const { complete, provider, stream } = client ?? {}
  return typeof provider === "string" && typeof complete === "function" && typeof stream === "function"
    ? Effect.succeed(client)
    // What is given instead may hold a key.
    : check.withhold("client", "a ChatClient, or a layer of one", shown(given))
}

/** Builds a layer among those that are being built, so that models which name the same one share it. */
const built = <E, R>(layer: Layer.Layer<ChatClient.ChatClient, E, R>) =>
  Effect.withFiber((fiber) =>
    Layer.buildWithMemoMap(
      layer,
      Context.getOrUndefined(fiber.context, Layer.CurrentMemoMap) ?? Layer.makeMemoMapUnsafe(),
      Context.getUnsafe(fiber.context, Scope.Scope)
    )
  )

const shown = (given: unknown): string =>
  given === undefined
    ? "none"
    : Effect.isEffect(given)
    ? "an effect that makes one: write yield* before it"
    : "something else (not shown)"
