/** Opens a gateway in a context, which has what is not live in a test, such as another clock. */
import { OptionsOf } from "@switchgear/core/runtime"
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Scope from "effect/Scope"
import * as Struct from "effect/Struct"
import * as FetchHttpClient from "effect/http/FetchHttpClient"
import * as ChatClient from "../../ChatClient.ts"
import type { Fetch } from "../../fetch/options.ts"
import type { Config } from "../config/model.ts"
import { ConfigInvalid, type Environment } from "../GatewayConfig.ts"
import { open } from "../opening.ts"
import { listen, ListenFailed } from "../server/listener.ts"
import * as Refusals from "../server/refusals.ts"
import type { ClientOf } from "../service/targets.ts"
import { controlOf, exportedOf, healthOf, metricsOf, onTransition, restoredOf } from "./control.ts"
import { Door } from "./door.ts"
import { OpenGatewayError } from "./error.ts"
import type { OpenedGateway, OpenGatewayOptions } from "./model.ts"
import { configOf, type Source } from "./source.ts"

export const opening = async (
  context: Context.Context<never>,
  source: Source,
  options: OpenGatewayOptions
): Promise<OpenedGateway> => {
  const { environment, fetch, log, operators } = checked(source, options)
  const read = async (source: Source): Promise<Config> => {
    const config = await configOf(source, environment)
    return operators === "listening" ? config : { ...config, admin: undefined }
  }
  const begun = await read(source)
  const quiet = log === "none" ? Context.make(Logger.CurrentLoggers, new Set<never>()) : Context.empty()
  const around = Context.merge(quiet, context)
  const scope = Scope.makeUnsafe()
  const close = () => Effect.runPromiseWith(around)(Scope.close(scope, Exit.void))

  const made = Effect.gen(function*() {
    const opened = yield* open(begun, fetch === undefined ? {} : { client: clientBy(fetch) }, Refusals.closed)
    const { desk, front, state } = opened
    const adminAddress = desk && (yield* listen(begun.admin!, begun.listen, desk.handle))
    if (state.node !== undefined) yield* state.node.settled
    const door = new Door(front)
    yield* Effect.addFinalizer(() => Effect.andThen(front.stop, Effect.sync(() => door.end())))
    return { opened, adminAddress, door }
  })
  const exit = await Effect.runPromiseExitWith(around)(Effect.provideService(made, Scope.Scope, scope))
  if (Exit.isFailure(exit)) {
    await close()
    throw failureOf(exit)
  }
  const { adminAddress, door, opened: { reload, state } } = exit.value
  const sync = Effect.runSyncWith(around)
  let closing: Promise<void> | undefined
  let latest = source
  return {
    fetch: door.fetch,
    adminAddress,
    health: () => healthOf(state, sync),
    metrics: () => metricsOf(state, sync),
    on: (event, listener) => onTransition(state, event, listener),
    control: (target) => controlOf(state, target, sync),
    exportState: () => exportedOf(state, sync),
    restoreState: (given) => restoredOf(state, given, sync),
    reload: async (source = latest) => {
      const taken = await Effect.runPromiseExitWith(around)(reload(await read(source)))
      if (Exit.isFailure(taken)) throw failureOf(taken)
      latest = source
    },
    [Symbol.asyncDispose]: () => closing ??= close()
  }
}

const checked = (source: Source, options: OpenGatewayOptions): Settings => {
  const check = new OptionsOf("openGateway")
  if (typeof source !== "string" && (typeof source !== "object" || source === null)) {
    check.refuse("source", "the path of a file, or an object that says the same", source)
  }
  if (typeof options !== "object" || options === null) check.refuse("options", "an object", options)
  check.known(options, ["environment", "fetch", "operators", "log"])
  const { environment = process.env, fetch, log = "none", operators = "closed" } = options
  check.oneOf("operators", operators, ["closed", "listening"])
  check.oneOf("log", log, ["none", "console"])
  if (fetch !== undefined && typeof fetch !== "function") {
    check.refuse("fetch", "a function that is called as the platform's fetch, such as globalThis.fetch", fetch)
  }
  return { environment, fetch, log, operators }
}

interface Settings {
  readonly environment: Environment
  readonly fetch: Fetch | undefined
  readonly log: "none" | "console"
  readonly operators: "closed" | "listening"
}

/** Clients whose provider is asked by a `fetch`. */
const clientBy = (fetch: Fetch): ClientOf => (options) =>
  ChatClient.layer(Struct.omit(options, ["connectTimeout", "connections", "keepAliveTimeout", "proxy"])).pipe(
    Layer.provide(FetchHttpClient.layer),
    Layer.provide(Layer.succeed(FetchHttpClient.Fetch, fetch as typeof globalThis.fetch))
  )

const failureOf = ({ cause }: Exit.Failure<unknown, ConfigInvalid | ListenFailed>): unknown => {
  const error = Cause.squash(cause)
  return error instanceof ConfigInvalid
    ? new OpenGatewayError(error.message, "config-invalid", error.problems)
    : error instanceof ListenFailed
    ? new OpenGatewayError(error.message, "listen-failed")
    : error
}
