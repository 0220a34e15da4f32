/**
 * An OpenAI-compatible server over the models and cascades of a {@link GatewayConfig}.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as NodeTransport from "../NodeTransport.ts"
import type { Address, Config } from "./config/model.ts"
import { Front } from "./server/front.ts"
import { listen, ListenFailed } from "./server/listener.ts"
import * as Callers from "./service/callers.ts"
import * as Targets from "./service/targets.ts"

export { ListenFailed }

/**
 * What a gateway is made with besides its file.
 *
 * @category options
 * @since 0.1.0
 */
export interface Options {
  /** Makes the client of a provider. @default `NodeTransport.layerChatClient` */
  readonly client?: Targets.ClientOf | undefined
}

/**
 * A gateway that listens.
 *
 * @category models
 * @since 0.1.0
 */
export interface Gateway {
  /** Where clients call. */
  readonly address: Address
}

/**
 * Starts a gateway. When the scope ends, it is no longer ready, waits for the calls in flight, ends what is left of them
 * with an error, and closes its connections.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (
  config: Config,
  options: Options = {}
): Effect.Effect<Gateway, ListenFailed, Scope.Scope> =>
  Effect.gen(function*() {
    const targets = yield* Targets.make(config, options.client ?? NodeTransport.layerChatClient)
    const callers = yield* Callers.make(config, targets)
    const context = yield* Effect.context<never>()
    const front = new Front(callers, config.listen, context)
    const address = yield* listen(config.listen, config.listen, front.handle)
    yield* Effect.addFinalizer(() => front.stop)
    return { address }
  })
