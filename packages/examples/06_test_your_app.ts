/**
 * How to test an app of your own against overload: a support bot, a bad night written down, and what the bot promises for
 * it. With its guards it keeps the promises; without them, the test prints the customers for whom they were broken.
 *
 * ```sh
 * node packages/examples/06_test_your_app.ts
 * ```
 *
 * The night passes in virtual time, and a simulated provider answers, so no key is needed and it is over in a moment.
 */
import { NodeRuntime } from "@effect/platform-node"
import { Cascade, Retry } from "@switchgear/core"
import { Chaos, Claim, Latency, Load, Scenario } from "@switchgear/core/testing"
import { Canned, ChatClient, ChatModel, ModelCascade } from "@switchgear/http"
import { Behaviour, SimulatedProvider } from "@switchgear/http/testing"
import { Console, Effect, Layer, type Scope } from "effect"
import { HttpClient } from "effect/http"

// The app: two models, and a sentence where both have none. Where its requests go is not its business.
type Network = Layer.Layer<HttpClient.HttpClient>

const client = (provider: string, network: Network) =>
  ChatClient.layer({ provider, baseUrl: `https://${provider}.test/v1` }).pipe(Layer.provide(network))

const bot = Effect.fnUntraced(function*(openai: Network, deepseek: Network) {
  const guards = { attemptTimeout: "3 seconds", retry: { maxAttempts: 1 }, breaker: { openFor: "10 seconds" } } as const
  return yield* ModelCascade.make({
    models: [
      { model: ChatModel.make({ model: "gpt-4.1", client: client("openai", openai), ...guards }) },
      { model: ChatModel.make({ model: "deepseek-chat", client: client("deepseek", deepseek), ...guards }) }
    ],
    canned: Canned.sentences
  })
})

// The same app as it was before the first bad night: it tries again, and again, and then the next model.
const bareBot = Effect.fnUntraced(function*(openai: Network, deepseek: Network) {
  const gpt = yield* Effect.provide(ChatClient.ChatClient, client("openai", openai))
  const second = yield* Effect.provide(ChatClient.ChatClient, client("deepseek", deepseek))
  return {
    complete: (request: ChatModel.Request) =>
      Cascade.first("gpt-4.1", gpt.complete({ ...request, model: "gpt-4.1" }).pipe(Retry.retry({ maxAttempts: 3 })))
        .pipe(
          Cascade.orElse("deepseek-chat", second.complete({ ...request, model: "deepseek-chat" })),
          Cascade.orConstant("canned", "We will be right with you."),
          Cascade.run
        )
  }
})

// The night: ten times the customers, and `gpt-4.1` gets slow, goes down, and comes back.
const night = {
  load: [
    { name: "evening", arrivals: Load.poisson({ rate: 1, for: "2 minutes" }) },
    { name: "sale", arrivals: Load.poisson({ rate: 10, for: "4 minutes" }) }
  ],
  providers: {
    openai: [
      { name: "well", for: "3 minutes", latency: Latency.logNormal({ median: "800 millis", p95: "1500 millis" }) },
      { name: "slow", for: "1 minute", latency: "15 seconds" },
      { name: "down", for: "1 minute", rules: [{ inject: Chaos.respond(503) }] },
      { name: "back", latency: "800 millis" }
    ],
    deepseek: [{ name: "always well", latency: Latency.uniform("300 millis", "900 millis") }]
  }
} as const

// What is promised to customers, and what to the provider.
const claims = [
  Claim.noCustomerError,
  Claim.latencyWithin("p99", "5 seconds"),
  Claim.providerGetsAtMost(1 / 10, { during: "down" }),
  Claim.recoversWithin("20 seconds", { after: "down" })
]

/** A network that answers well, but for what the provider of a scenario does to it. */
const network = (provider: Chaos.HttpInjector, model: string): Network =>
  Chaos.layerHttpClient(Effect.succeed(provider)).pipe(
    Layer.provide(SimulatedProvider.layerHttpClient),
    Layer.provide(SimulatedProvider.layer({ models: { [model]: { outcome: Behaviour.ok("It leaves tonight.") } } }))
  )

type App<E> = (openai: Network, deepseek: Network) => Effect.Effect<
  {
    readonly complete: (request: ChatModel.Request) => Effect.Effect<unknown, E>
  },
  never,
  Scope.Scope
>

const played = <E>(name: string, app: App<E>) =>
  Scenario.make({
    name,
    ...night,
    policy: ({ deepseek, openai }) =>
      Effect.map(
        app(network(openai, "gpt-4.1"), network(deepseek, "deepseek-chat")),
        ({ complete }) => ({ index }) =>
          complete({ messages: [{ role: "user", content: `When does order ${index} leave?` }] })
      ),
    claims
  })

const program = Effect.gen(function*() {
  const report = yield* Scenario.run(played("with guards", bot))
  yield* Console.log(Scenario.render(report))

  yield* Scenario.run(played("without guards", bareBot)).pipe(
    Effect.catchTag("ClaimFailed", ({ message }) => Console.log(`\n${message}`))
  )
})

program.pipe(NodeRuntime.runMain)
