/**
 * A model provider to test against: it speaks chat completions for several models, whole and streamed, and does what a
 * script says, from a healthy answer to a connection that hangs. The script can be changed while calls are running.
 *
 * The same provider is reached in two ways: over real sockets (`serve`, on loopback and a free port), or in memory as
 * an `HttpClient` (`layerHttpClient`, and `layerHosts` for several providers), where every wait follows the Effect
 * clock and so a night passes in a moment under `TestClock`. Chance comes from the `Random` service at the time the
 * provider is made, so a seed repeats a run.
 *
 * **Gotchas**
 *
 * A change of script does not end a call that hangs or waits: it ends when its client gives up, as with a real
 * provider. A call that waits for its turn meets the script of the moment its turn comes.
 *
 * @since 0.1.0
 */
import { OptionsOf } from "@switchgear/core/runtime"
import { SimulatedService } from "@switchgear/core/testing"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Predicate from "effect/Predicate"
import * as HttpClient from "effect/http/HttpClient"
import type * as HttpServerError from "effect/http/HttpServerError"
import * as Layer from "effect/Layer"
import * as Metric from "effect/Metric"
import * as Random from "effect/Random"
import * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import { textOf } from "../ChatSchema.ts"
import { parseJson } from "../chatError/parseJson.ts"
import * as Behaviour from "./Behaviour.ts"
import { type Counters, counters, type Stats } from "./simulatedProvider/counters.ts"
import * as Hosts from "./simulatedProvider/hosts.ts"
import * as InMemory from "./simulatedProvider/inMemory.ts"
import * as PlayBehaviour from "./simulatedProvider/playBehaviour.ts"
import { encodeOutcome, tokensOf } from "./simulatedProvider/encodeOutcome.ts"
import { ProviderCall } from "./simulatedProvider/providerCall.ts"
import { timed, TokenWindow } from "./simulatedProvider/tokens.ts"
import type * as Wire from "./simulatedProvider/wire.ts"

export type { Stats } from "./simulatedProvider/counters.ts"

/**
 * A provider that follows a script.
 *
 * @category models
 * @since 0.1.0
 */
export class SimulatedProvider extends Context.Service<SimulatedProvider, {
  /** Gives a model another behaviour from the next request on, or adds a model. */
  readonly set: (model: string, behaviour: Behaviour.Behaviour) => Effect.Effect<void>
  /**
   * Gives the requests with a key a behaviour of their own from the next on, or, with `undefined`, that of the model.
   */
  readonly setKey: (key: string, behaviour: Behaviour.Behaviour | undefined) => Effect.Effect<void>
  /** The counts of one model. All are 0 for a model that was not asked. */
  readonly stats: (model: string) => Effect.Effect<Stats>
  /** The counts of one key. All are 0 for a key that was not used. */
  readonly keyStats: (key: string) => Effect.Effect<Stats>
  /** The counts over all requests, those for unknown models and with wrong keys included. */
  readonly total: Effect.Effect<Stats>
  /** Answers a request by script, whatever way it came. */
  readonly handle: Wire.Handle
}>()("@switchgear/http/testing/SimulatedProvider") {}

/**
 * What the provider offers, and how it behaves.
 *
 * @category options
 * @since 0.1.0
 */
export interface Options {
  /** The models there are and what they do. Any other model is answered with 404. */
  readonly models: Readonly<Record<string, Behaviour.Behaviour>>
  /** The only key that is accepted beside `keys`; any other gets a 401. @default every key, and none, is accepted */
  readonly apiKey?: Redacted.Redacted | undefined
  /** Keys that meet a behaviour of their own whatever the model, such as one that is spent or slow. @default none */
  readonly keys?: Readonly<Record<string, Behaviour.Behaviour>> | undefined
  /**
   * What a `GET` of a path meets, such as `/user/balance`. Without them only completions are answered. @default none
   */
  readonly pages?: Readonly<Record<string, Behaviour.Behaviour>> | undefined
}

/**
 * Makes a provider without a way to reach it: see `serve` and `httpClient`.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = Effect.fnUntraced(function*(options: Options): Effect.fn.Return<SimulatedProvider["Service"]> {
  new OptionsOf("SimulatedProvider.make").known(options, ["models", "apiKey", "keys", "pages"])
  const random = yield* Random.Random
  const models = new Map<string, Model>()
  const keys = new Map<string, Model>()
  const pages = new Map<string, Model>()
  const used = new Map<string, Counters>()
  const all = counters()
  const authorization = options.apiKey === undefined ? undefined : `Bearer ${Redacted.value(options.apiKey)}`
  let served = 0

  const put = (group: Map<string, Model>, name: string, behaviour: Behaviour.Behaviour, shown = name) =>
    Effect.andThen(
      PlayBehaviour.validate(shown, behaviour),
      Effect.sync(() => {
        const model = group.get(name) ?? newModel(shown)
        group.set(name, model)
        model.behaviour = behaviour
        model.latency = PlayBehaviour.sampler(behaviour.latency)
        model.slots.setCapacity(PlayBehaviour.capacityOf(behaviour))
      })
    )
  const set = (name: string, behaviour: Behaviour.Behaviour) => put(models, name, behaviour)
  const setKey = (key: string, behaviour: Behaviour.Behaviour | undefined) =>
    behaviour === undefined ? Effect.sync(() => void keys.delete(key)) : put(keys, key, behaviour, "a key")
  for (const [name, behaviour] of Object.entries(options.models)) yield* set(name, behaviour)
  for (const [key, behaviour] of Object.entries(options.keys ?? {})) yield* setKey(key, behaviour)
  for (const [path, behaviour] of Object.entries(options.pages ?? {})) yield* put(pages, path, behaviour)

  const usesOf = (key: string) => {
    const uses = used.get(key) ?? counters()
    used.set(key, uses)
    return uses
  }

  /** The work before the response begins, for a call that has a slot. */
  const begin = (model: Model, about: Omit<Wire.Completion, "created">, call: ProviderCall): Effect.Effect<Wire.Wire> =>
    Effect.suspend(() => {
      const { outcome, tokens } = model.behaviour
      const chosen = PlayBehaviour.choose(outcome ?? Behaviour.ok(), about, random)
      const latency = model.latency(random)
      if (chosen._tag === "Hang") return Effect.andThen(call.work(latency), Effect.never)
      const { answer, millis, outcome: told } = timed(chosen, tokens, about)
      return Effect.andThen(
        call.work(latency + millis),
        Effect.map(Clock.currentTimeMillis, (now) => {
          if (tokens?.perMinute !== undefined) model.window.add(now, Math.max(0, answer - about.most))
          return encodeOutcome(told, { ...about, created: Math.floor(now / 1000) })
        })
      )
    })

  const wireOf = (
    worker: Model,
    about: Wire.Request,
    call: ProviderCall,
    fiber: Fiber.Fiber<any, any>
  ): Effect.Effect<Wire.Wire> => {
    const { tokens } = worker.behaviour
    const spent = tokens?.perMinute === undefined ? undefined : worker.window.take(
      fiber.getRef(Clock.Clock).currentTimeMillisUnsafe(),
      tokensOf(about.prompt) + about.most,
      tokens.perMinute
    )
    if (spent !== undefined) return Effect.succeed(encodeOutcome(spent, { ...about, id: "", created: 0 }))
    const slot = call.slot = worker.slots.open(fiber)
    if (slot === undefined) {
      const refusal = worker.behaviour.capacity?.refusal ?? Behaviour.unavailable
      return Effect.succeed(encodeOutcome(refusal, { ...about, id: "", created: 0 }))
    }
    const id = `chatcmpl-simulated-${++served}`
    return Effect.flatMap(slot.ready, () => begin(worker, { ...about, id }, call))
  }

  const handle: Wire.Handle = (incoming, play) =>
    Effect.withFiber((client) => {
      const page = incoming.method === "GET" ? pages.get(incoming.path) : undefined
      const key = incoming.authorization?.replace(/^Bearer /, "")
      const { about, name, refusal } = admit(incoming, keys.has(key ?? "") ? undefined : authorization, page)
      const model = name === undefined ? undefined : models.get(name)
      const worker = keys.get(key ?? "") ?? page ?? model
      const call = new ProviderCall([
        all,
        ...(model === undefined ? [] : [model.counters]),
        ...(key === undefined ? [] : [usesOf(key)])
      ], refusal === undefined && worker?.slots.goesOn(client) === true)
      // The call starts inside the frame that ends it, so that no interrupt can fall between the two.
      const answer = Effect.withFiber((fiber) => {
        call.start()
        const wire = refusal !== undefined
          ? Effect.succeed(refusal)
          : worker === undefined
          ? Effect.succeed(unknownModel(name ?? ""))
          : wireOf(worker, about, call, fiber)
        return Effect.flatMap(wire, (wire) => play(wire, call))
      }).pipe(Effect.onExit((exit) => Effect.sync(() => call.leave(exit._tag === "Success"))))
      return call.goesOn ? beside(answer, call) : answer
    })

  return SimulatedProvider.of({
    set,
    setKey,
    keyStats: (key) => Effect.sync(() => ({ ...(used.get(key) ?? counters()) })),
    stats: (model) => Effect.sync(() => ({ ...(models.get(model)?.counters ?? counters()) })),
    total: Effect.sync(() => ({ ...all })),
    handle
  })
})

/**
 * A provider without a way to reach it: see `layerHttpClient` and `serve`.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (options: Options): Layer.Layer<SimulatedProvider> =>
  Layer.effect(SimulatedProvider, make(options))

/**
 * The provider as an `HttpClient` without sockets: every address leads to it, hangs and cuts look as undici shows them.
 *
 * @category constructors
 * @since 0.1.0
 */
export const httpClient = (provider: SimulatedProvider["Service"]): HttpClient.HttpClient =>
  InMemory.httpClient(provider.handle)

/**
 * The provider of the context as an `HttpClient` without sockets.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerHttpClient: Layer.Layer<HttpClient.HttpClient, never, SimulatedProvider> = Layer.effect(
  HttpClient.HttpClient,
  Effect.map(SimulatedProvider, httpClient)
)

/**
 * Several simulated providers, each at its host.
 *
 * @category models
 * @since 0.1.0
 */
export class SimulatedProviders extends Context.Service<SimulatedProviders, {
  /** The provider of a host, written as it was given to `layerHosts`. Throws a `RangeError` where there is none. */
  readonly at: (host: string) => SimulatedProvider["Service"]
}>()("@switchgear/http/testing/SimulatedProviders") {}

/**
 * Several providers as one `HttpClient` without sockets, each at its host or base URL. A request to any other host fails as
 * one to a host that does not exist. The clients of an application reach them by their base URLs, as they are.
 *
 * ```ts
 * import { ChatClient, ChatSchema } from "@switchgear/http"
 * import { Behaviour, SimulatedProvider } from "@switchgear/http/testing"
 * import { Effect } from "effect"
 *
 * const hosts = SimulatedProvider.layerHosts({
 *   "https://api.openai.com/v1": { models: { "gpt-4.1": { outcome: Behaviour.ok("Good day") } } },
 *   "api.deepseek.com": { models: { "deepseek-v3.2": {} } }
 * })
 *
 * const program = Effect.gen(function*() {
 *   const openai = yield* ChatClient.make({ provider: "openai", baseUrl: "https://api.openai.com/v1" })
 *   const reply = yield* openai.complete({ model: "gpt-4.1", messages: [{ role: "user", content: "Hello" }] })
 *   const { at } = yield* SimulatedProvider.SimulatedProviders
 *   return [ChatSchema.text(reply), (yield* at("api.deepseek.com").total).started]
 * })
 *
 * await Effect.runPromise(Effect.provide(program, hosts)) // => ["Good day", 0]
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layerHosts = (
  hosts: Readonly<Record<string, Options>>
): Layer.Layer<SimulatedProviders | HttpClient.HttpClient> =>
  Layer.effectContext(Effect.gen(function*() {
    const providers = new Map<string, SimulatedProvider["Service"]>()
    for (const [host, options] of Object.entries(hosts)) providers.set(Hosts.hostOf(host), yield* make(options))
    const clients = new Map(Array.from(providers, ([host, provider]) => [host, httpClient(provider)]))
    const at = (host: string) => {
      const provider = providers.get(Hosts.hostOf(host))
      if (provider !== undefined) return provider
      throw new RangeError(
        `SimulatedProviders.at: there is no ${JSON.stringify(host)}, only ${[...providers.keys()].join(", ")}`
      )
    }
    return Context.make(SimulatedProviders, { at }).pipe(Context.add(HttpClient.HttpClient, Hosts.byHost(clients)))
  }))

/**
 * Serves the provider over HTTP on loopback until the scope closes. `url` is what a client takes as its base URL.
 * Closing does not wait: connections that hang are cut.
 *
 * @category constructors
 * @since 0.1.0
 */
export const serve = (
  provider: SimulatedProvider["Service"]
): Effect.Effect<{ readonly url: string }, HttpServerError.ServeError, Scope.Scope> =>
  Effect.flatMap(server, ({ serve }) => serve(provider.handle))

/** It needs Node, and is loaded when it is needed. */
const server = Effect.promise(() => import("./simulatedProvider/server.ts"))

/**
 * Answers in a fiber that the client cannot interrupt. It is the provider's own: what counts the fibers of the program does
 * not count it.
 */
const beside = <A, E>(answer: Effect.Effect<A, E>, call: ProviderCall): Effect.Effect<A, E> =>
  Effect.forkDetach(answer, { startImmediately: true }).pipe(
    Effect.provideService(Metric.FiberRuntimeMetrics, undefined),
    Effect.flatMap(Fiber.join),
    Effect.onInterrupt(() => Effect.sync(() => call.clientLeaves()))
  )

interface Model {
  behaviour: Behaviour.Behaviour
  /** Draws the milliseconds of one request. */
  latency: (random: Random.Random) => number
  readonly slots: SimulatedService.Workplace
  /** The tokens of the current minute. */
  readonly window: TokenWindow
  readonly counters: Counters
}

const newModel = (name: string): Model => ({
  behaviour: {},
  latency: PlayBehaviour.sampler(undefined),
  slots: SimulatedService.workplace(name),
  window: new TokenWindow(),
  counters: counters()
})

interface Admission {
  readonly name: string | undefined
  readonly about: Wire.Request
  readonly refusal: Wire.Wire | undefined
}

const admit = (incoming: Wire.Incoming, authorization: string | undefined, page: Model | undefined): Admission => {
  const parsed = parseJson(incoming.body)
  const json = parsed._tag === "Success" && Predicate.isReadonlyObject(parsed.success) ? parsed.success : {}
  const name = typeof json["model"] === "string" ? json["model"] : undefined
  const messages = Array.isArray(json["messages"]) ? json["messages"].filter(Predicate.isReadonlyObject) : undefined
  const refusal = page === undefined && (!incoming.path.endsWith("/chat/completions") || incoming.method !== "POST")
    ? Behaviour.error(404, {
      message: `Invalid URL (${incoming.method} ${incoming.path})`,
      type: "invalid_request_error"
    })
    : authorization !== undefined && incoming.authorization !== authorization
    ? Behaviour.unauthorized
    : page === undefined && (name === undefined || messages === undefined)
    ? Behaviour.error(400, { message: "model and messages are required", type: "invalid_request_error" })
    : undefined
  const options = Predicate.isReadonlyObject(json["stream_options"]) ? json["stream_options"] : {}
  const most = json["max_completion_tokens"] ?? json["max_tokens"]
  const about = {
    model: name ?? "",
    prompt: (messages ?? []).map(({ content }) => textOf(content)).join("\n"),
    most: typeof most === "number" && most > 0 ? most : 0,
    streaming: json["stream"] !== true ? "no" : options["include_usage"] === true ? "with usage" : "yes"
  } as const
  return {
    name,
    about,
    refusal: refusal && encodeOutcome(refusal, { ...about, id: "", created: 0 })
  }
}

const unknownModel = (name: string): Wire.Wire =>
  encodeOutcome(
    Behaviour.error(404, {
      message: `The model \`${name}\` does not exist or you do not have access to it.`,
      type: "invalid_request_error",
      code: "model_not_found"
    }),
    { id: "", model: name, created: 0, prompt: "", most: 0, streaming: "no" }
  )
