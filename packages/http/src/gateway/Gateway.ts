/**
 * An OpenAI-compatible server over the models and cascades of a {@link GatewayConfig}.
 *
 * @since 0.1.0
 */
import * as Registry from "@switchgear/core/Registry"
import * as Effect from "effect/Effect"
import * as Scope from "effect/Scope"
import * as NodeTransport from "../NodeTransport.ts"
import type { Address, Config } from "./config/model.ts"
import { Front } from "./server/front.ts"
import { listen, ListenFailed } from "./server/listener.ts"
import * as Callers from "./service/callers.ts"
import { Keeper } from "./service/keeper.ts"
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
  /** Reads the file again, for an operator who asks for it. @default nothing is read again */
  readonly source?: Effect.Effect<Config, SourceError> | undefined
}

/**
 * Why a file cannot be taken over. The one in force stays.
 *
 * @category errors
 * @since 0.1.0
 */
export interface SourceError {
  readonly _tag: string
  readonly message: string
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
  /** How often a file was taken over: 1 from the start. */
  readonly generation: Effect.Effect<number>
  /**
   * Takes over another file. Circuits, limits, caches, budgets and connections of which it says the same keep their state,
   * and calls in flight end as they began. The addresses and the limits of `listen` stay those of the start.
   */
  readonly reload: (config: Config) => Effect.Effect<void>
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
    const registry = yield* Registry.make()
    const keeper = new Keeper(yield* Scope.Scope)
    const clientOf = options.client ?? NodeTransport.layerChatClient
    const generationOf = (config: Config) =>
      keeper.generation((use) =>
        Effect.flatMap(Targets.make(config, clientOf, use), (targets) => Callers.make(config, targets, use))
      ).pipe(Effect.provideService(Registry.CurrentRegistry, registry))

    const front = new Front((yield* generationOf(config)).value, config.listen, yield* Effect.context<never>())
    let generation = 1
    const address = yield* listen(config.listen, config.listen, front.handle)
    yield* Effect.addFinalizer(() => front.stop)
    return {
      address,
      generation: Effect.sync(() => generation),
      reload: (config) =>
        Effect.gen(function*() {
          const { endOthers, value } = yield* generationOf(config)
          const ended = front.serve(value)
          generation++
          yield* Effect.forkDetach(Effect.andThen(Effect.timeoutOption(ended, config.listen.drainTimeout), endOthers))
        }).pipe(Effect.uninterruptible)
    }
  })
