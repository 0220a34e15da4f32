/**
 * An OpenAI-compatible server over the models and cascades of a {@link GatewayConfig}: chat completions, embeddings and
 * responses, and the messages of Anthropic's API.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { Address, Config } from "./config/model.ts"
import type { ConfigInvalid } from "./GatewayConfig.ts"
import { open, type Options, type SourceError } from "./opening.ts"
import { listen, ListenFailed } from "./server/listener.ts"

export { ListenFailed }
export type { Options, SourceError }

/**
 * A gateway that listens.
 *
 * @category models
 * @since 0.1.0
 */
export interface Gateway {
  /** Where clients call. */
  readonly address: Address
  /** Where operators ask; undefined where the file has no token for them. */
  readonly adminAddress: Address | undefined
  /** How often a file was taken over: 1 from the start. */
  readonly generation: Effect.Effect<number>
  /**
   * Takes over another file. Circuits, limits, caches, budgets and connections of which it says the same stay what they are. Of
   * what has the same name and other options, these stay: the state of a circuit with the time until its next probe, what was
   * taken of a limit or a budget, a pause, kept answers with their ages, and what operators have commanded. Calls in
   * flight end as they began. `listen`, `admin`, `otlp` and `cluster` stay those of the start: so a file without clients is refused
   * where the gateway listens on another address than a loopback one. Files are taken over one after another.
   */
  readonly reload: (config: Config) => Effect.Effect<void, ConfigInvalid>
  /**
   * Reads the file again by `source` and takes it over, as after `SIGHUP`. What is read last is taken over last. The history has it,
   * also where the file cannot be taken over.
   */
  readonly reread: Effect.Effect<void, SourceError>
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
    const { desk, front, reload, reread, state } = yield* open(config, options)
    // Operators watch the end: their address closes after the last answer.
    const adminAddress = desk && (yield* listen(config.admin!, config.listen, desk.handle))
    // An open circuit of the fleet is open here before the first call.
    if (state.node !== undefined) yield* state.node.settled
    const address = yield* listen(config.listen, config.listen, front.handle)
    yield* Effect.addFinalizer(() => front.stop)
    return { address, adminAddress, generation: Effect.sync(() => front.generation), reload, reread }
  })
