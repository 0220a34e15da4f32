/**
 * What a month costs, what each answer cost and saved, and a tenant that may spend no more.
 *
 * ```sh
 * node packages/examples/03_costs.ts
 * ```
 *
 * A simulated provider answers, so no key is needed and nothing leaves this machine. With `SWITCHGEAR_PRICES` the prices
 * are read from that JSON file, in dollars for a million tokens: `{ "gpt-4.1": { "input": 2.5, "output": 8 } }`. It has
 * to have prices for `gpt-4.1` and `deepseek-v3.2`.
 */
import { NodeRuntime, NodeServices } from "@effect/platform-node"
import { CircuitBreaker } from "@switchgear/core"
import { ChatClient, ChatModel, CostLedger, ModelCascade, Pricing } from "@switchgear/http"
import { Behaviour, SimulatedProvider } from "@switchgear/http/testing"
import { Config, Console, Effect, Layer, Option } from "effect"

// The article on the night of Double Eleven names 10 million requests a month, of 500 tokens in at $2.50 a million and
// 300 out at $8, and prints a table at 7.3 and at 1 yuan for a dollar.
const printed = ["¥912,500.00", "¥125,000.00", "¥1,752,000.00", "¥240,000.00"]

const monthly = (requests: number) => {
  const at = (exchangeRate: number) =>
    Pricing.estimate({
      requests,
      inputTokens: 500,
      outputTokens: 300,
      price: Pricing.price({ input: 2.5, output: 8 }),
      exchangeRate
    })
  const [dear, par] = [at(7.3), at(1)]
  return [dear.input, par.input, dear.output, par.output].map((amount) => Pricing.format(amount, "¥"))
}

const row = (label: string, cells: ReadonlyArray<string>) =>
  Console.log(label.padEnd(24) + cells.map((cell) => cell.padStart(14)).join(""))

const table = Effect.gen(function*() {
  yield* Console.log("A month of requests with 500 tokens in and 300 out\n")
  yield* row("", ["in, 7.3 ¥/$", "in, 1 ¥/$", "out, 7.3 ¥/$", "out, 1 ¥/$"])
  yield* row("the article prints", printed)
  for (const millions of [10, 100]) {
    const figures = monthly(millions * 1_000_000)
    const isPrinted = figures.every((figure, i) => figure === printed[i])
    yield* row(`${millions} million requests`, figures)
    yield* Console.log(
      isPrinted ? "  these are the printed figures\n" : "  the number the text names, which is not theirs\n"
    )
  }
})

// The prices of output are the article's. The others stand for those of a contract.
const someones = Pricing.decode({
  "gpt-4.1": { input: 2.5, cachedInput: 0.5, output: 8, reasoning: 8 },
  "deepseek-v3.2": { input: 0.3, cachedInput: 0.03, output: 0.42, reasoning: 0.42 }
})

const prices = Effect.flatMap(
  Config.option(Config.NonEmptyString("SWITCHGEAR_PRICES")),
  Option.match({ onNone: () => someones, onSome: Pricing.fromFile })
)

const answering = Behaviour.respond(200, {
  choices: [{ index: 0, message: { role: "assistant", content: "It leaves tonight." }, finish_reason: "stop" }],
  usage: { prompt_tokens: 500, completion_tokens: 300, prompt_tokens_details: { cached_tokens: 400 } }
})

const provider = SimulatedProvider.layer({
  models: { "gpt-4.1": { outcome: answering }, "deepseek-v3.2": { outcome: answering } }
})

const client = ChatClient.layer({ provider: "simulated", baseUrl: "http://simulated.test/v1" }).pipe(
  Layer.provide(SimulatedProvider.layerHttpClient),
  Layer.provideMerge(provider)
)

const answers = Effect.gen(function*() {
  const client = yield* ChatClient.ChatClient
  const first = yield* ChatModel.make({
    model: "gpt-4.1",
    client,
    breaker: { window: CircuitBreaker.lastCalls(10), minimumCalls: 5 }
  })
  const second = yield* ChatModel.make({ model: "deepseek-v3.2", client })
  const assistant = yield* ModelCascade.make({
    models: [{ model: first }, { model: second }],
    cache: { timeToLive: "5 minutes" }
  })

  // 0.55 cents a day for each tenant. Around the cascade: one bill for each request, whoever answers.
  const ledger = yield* CostLedger.make({
    prices: yield* prices,
    primary: "gpt-4.1",
    budgets: [CostLedger.perTenant(0.0055, "day")]
  })
  const { complete } = ledger.protect(assistant)

  const ask = (tenant: string, content: string) =>
    complete({ messages: [{ role: "user", content }], max_tokens: 300 }).pipe(
      CostLedger.withTenant(tenant),
      Effect.flatMap(({ bill: { cost, model, saving } }) =>
        row(`${tenant}: ${content}`, [model, Pricing.format(cost.total), Pricing.format(saving)])
      ),
      Effect.catchTag(
        "BudgetExceeded",
        ({ limit, spent }) =>
          row(`${tenant}: ${content}`, [
            "not asked",
            `${Pricing.format(spent)} of`,
            Pricing.format(limit)
          ])
      )
    )

  yield* row("Each answer", ["by", "cost", "saved"])
  yield* ask("acme", "Where is it?")
  yield* ask("acme", "Where is it?")
  yield* (yield* SimulatedProvider.SimulatedProvider).set("gpt-4.1", { outcome: Behaviour.respond(503) })
  yield* ask("zenith", "And mine?")
  yield* ask("acme", "And when?")
  yield* ask("acme", "And why?")

  const { models, total } = yield* ledger.snapshot
  yield* Console.log("")
  for (const [model, { cost, replies, saved }] of Object.entries(models)) {
    yield* row(model, [`${replies} answers`, Pricing.format(cost), Pricing.format(saved)])
  }
  yield* row("together", [`${total.replies} answers`, Pricing.format(total.cost), Pricing.format(total.saved)])
})

Effect.andThen(table, answers).pipe(
  Effect.provide([client, NodeServices.layer]),
  // What is wrong with the prices, and an answer that nobody could give.
  Effect.catch(({ message }) => Effect.andThen(Console.error(message), Effect.sync(() => (process.exitCode = 1)))),
  NodeRuntime.runMain
)
