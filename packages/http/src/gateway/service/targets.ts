/** What clients can ask for, by name: the models and the cascades of a file, made and guarded. */
import * as RetryBudget from "@switchgear/core/RetryBudget"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import * as ChatClient from "../../ChatClient.ts"
import type { ChatFailure } from "../../ChatFailure.ts"
import * as ChatModel from "../../ChatModel.ts"
import * as ModelCascade from "../../ModelCascade.ts"
import type * as NodeTransport from "../../NodeTransport.ts"
import type { Config, InitialState } from "../config/model.ts"
import { saidBy } from "../config/said.ts"
import type { Dialect } from "../dialects/model.ts"
import * as Spoken from "../dialects/spoken.ts"
import { enterState } from "./circuitState.ts"
import * as GoingOn from "./goingOn.ts"
import type { Use } from "./keeper.ts"
import { type MadeWhenAsked, madeWhenAsked } from "./madeWhenAsked.ts"
import { addressOf, unwatched, type Watch } from "./watched.ts"

/** One name that a request can give as its `model`. */
export interface Target {
  readonly name: string
  readonly kind: "cascade" | "model"
  /** The provider of a model; of a cascade, this gateway. */
  readonly owner: string
  /** Undefined where no provider of it speaks chat completions. */
  readonly chat: ChatModel.ChatModel<ChatFailure> | undefined
  /** The same in the other APIs that its providers speak. */
  readonly spoken: ReadonlyMap<Dialect, ChatModel.ChatModel<ChatFailure>>
}

export type Targets = ReadonlyMap<string, Target>

/** Providers by name, for what there is to read of their keys. */
export type Providers = ReadonlyMap<string, ChatClient.ChatClient["Service"]>

/** What was made of a file. */
export interface Made {
  readonly targets: Targets
  readonly providers: Providers
}

/** How the client of a provider is made. */
export type ClientOf = (options: NodeTransport.ChatClientOptions) => Layer.Layer<ChatClient.ChatClient>

export const make = (
  config: Config,
  clientOf: ClientOf,
  use: Use,
  watch: Watch = unwatched
): Effect.Effect<Made> =>
  Effect.gen(function*() {
    const clients = new Map<string, ChatClient.ChatClient["Service"]>()
    for (const [name, { options, said }] of Object.entries(config.providers)) {
      const made = Effect.map(Layer.build(clientOf(options)), Context.get(ChatClient.ChatClient))
      clients.set(
        name,
        yield* use<ChatClient.ChatClient["Service"], never>(`provider ${name}`, said, (before) =>
          before === undefined ? made : Effect.tap(made, (client) =>
            GoingOn.keys(client, before)))
      )
    }
    const models = new Map<string, ChatModel.GuardedModel>()
    const shared = config.cluster !== undefined
    const goingOn = GoingOn.limiterIn(config)
    for (const [name, { initialState, options, provider, retryBudget, said }] of Object.entries(config.models)) {
      // Operators want to see how long calls take, unless the file says otherwise.
      const breaker = { measureDurations: "on" as const, ...options.breaker, shared }
      // What a provider allows, it allows an account, and so all gateways that use it.
      const rateLimiter = options.rateLimiter && { ...options.rateLimiter, shared }
      const address = addressOf(config.providers[provider]!.options.baseUrl)
      const client = watch(clients.get(provider)!, { operation: "chat", address })
      const made = Effect.flatMap(retryOf(options, retryBudget), (retry) =>
        ChatModel.make({ ...options, ...retry, breaker, rateLimiter, client }))
      const { guarded } = yield* use<MadeModel, never>(
        `model ${name}`,
        saidBy(said, config.providers[provider]!.said),
        (before) =>
          Effect.flatMap(made, (guarded) =>
            begunModel(guarded, initialState, before, goingOn))
      )
      models.set(name, guarded)
    }
    const spokenBy = Spoken.spokenBy(config, { clients, models, watch })

    const targets = new Map<string, Target>()
    for (const [name, { options, said, steps }] of Object.entries(config.cascades)) {
      const saidOfSteps = steps.map((
        step
      ) => [config.models[step]!.said, config.providers[config.models[step]!.provider]!.said])
      const saidOfAll = saidBy(said, saidOfSteps)
      const chatting = steps.filter((step) =>
        speaksChat(config, step)
      ).map((step) => models.get(step)!)
      const chat = isSome(chatting)
        ? yield* use<Cascade, never>(`cascade ${name}`, saidOfAll, (before) => cascadeOf(options, chatting, before))
        : undefined
      const spoken = new Map<Dialect, ChatModel.ChatModel<ChatFailure>>()
      // A sentence is no answer of another API.
      const { canned: _, ...others } = options
      for (const [dialect, models] of spokenBy(steps)) {
        const called = `${name} (${dialect.name})`
        const { model } = yield* use<MadeWhenAsked<ChatFailure, Cascade>, never>(
          `${dialect.name} of cascade ${name}`,
          saidOfAll,
          (before) =>
            madeWhenAsked(called, before?.made(), (before) => cascadeOf({ ...others, name: called }, models, before))
        )
        spoken.set(dialect, model)
      }
      targets.set(name, { name, kind: "cascade", owner: "switchgear", chat, spoken })
    }
    for (const [name, { provider }] of Object.entries(config.models)) {
      targets.set(name, {
        name,
        kind: "model",
        owner: provider,
        chat: speaksChat(config, name) ? models.get(name)! : undefined,
        spoken: new Map(spokenBy([name]).map(([dialect, [model]]) => [dialect, model]))
      })
    }
    return { targets, providers: clients }
  })

/** The retry with a budget, where the file has one. */
const retryOf = ({ retry }: ChatModel.Options, options: RetryBudget.Options | undefined) =>
  options === undefined
    ? Effect.succeed({})
    : Effect.map(RetryBudget.make(options), (budget) => ({ retry: { ...retry, budget } }))

type Models = readonly [ChatModel.GuardedModel, ...ReadonlyArray<ChatModel.GuardedModel>]

const isSome = (models: ReadonlyArray<ChatModel.GuardedModel>): models is Models => models.length > 0

type Cascade = ModelCascade.ModelCascade<ChatFailure>

const cascadeOf = (
  options: ModelCascade.CascadeOptions,
  [first, ...others]: Models,
  before: Cascade | undefined
): Effect.Effect<Cascade, never, Scope.Scope> => {
  const made = ModelCascade.make({ ...options, models: [{ model: first }, ...others.map((model) => ({ model }))] })
  return before === undefined ? made : Effect.tap(made, (cascade) => GoingOn.cache(cascade, before))
}

/** A model, and what the file said of it where an operator may have commanded something else since. */
interface MadeModel {
  readonly guarded: ChatModel.GuardedModel
  readonly slots: number
  readonly initialState: InitialState | undefined
}

const begunModel = (
  guarded: ChatModel.GuardedModel,
  initialState: InitialState | undefined,
  before: MadeModel | undefined,
  goingOn: ReturnType<typeof GoingOn.limiterIn>
): Effect.Effect<MadeModel> =>
  Effect.gen(function*() {
    const { breaker, bulkhead, concurrencyLimit, rateLimiter } = guarded
    const { concurrency: slots } = yield* bulkhead.snapshot
    if (before === undefined || initialState !== before.initialState) {
      if (initialState !== undefined) yield* enterState(breaker.control, initialState)
    } else yield* GoingOn.circuit(breaker, before.guarded.breaker)
    if (before !== undefined) {
      const { bulkhead: bulkheadBefore, concurrencyLimit: limitBefore } = before.guarded
      if (concurrencyLimit !== undefined && limitBefore !== undefined) {
        yield* GoingOn.concurrencyLimit(concurrencyLimit, limitBefore)
      } else if (concurrencyLimit === limitBefore) yield* GoingOn.bulkhead(bulkhead, bulkheadBefore, before.slots)
      const { rateLimiter: limiterBefore } = before.guarded
      if (rateLimiter !== undefined && limiterBefore !== undefined) yield* goingOn(rateLimiter, limiterBefore)
    }
    return { guarded, slots, initialState }
  })

/** Whether the provider of a model speaks chat completions. */
const speaksChat = ({ models, providers }: Config, model: string): boolean =>
  providers[models[model]!.provider]!.speaks.includes("chat")
