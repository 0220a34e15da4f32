/** The metrics of the gateway itself: requests of clients, what was shed, what it adds, what clients spend. */
import * as Effect from "effect/Effect"
import type { State } from "../model.ts"
import type { Family, Series } from "./family.ts"
import { meterOf } from "./names.ts"

export const gatewayFamilies = (running: State): Effect.Effect<ReadonlyArray<Family>> =>
  Effect.gen(function*() {
    const { callers, config, counts, generation, inFlight, isReady } = running
    const asked = callers.all.map(({ name }) => [name, counts.of(name)] as const)
    const spending = yield* spendingOf(running)
    const keys = yield* keysOf(running)
    return [
      counter(
        "switchgear_gateway_requests",
        "Requests of clients, by route and status. 499 for a client that left before its answer.",
        [...counts.requests].flatMap(([route, statuses]) =>
          [...statuses].map(([status, value]) => ({ labels: { route, status: String(status) }, value }))
        )
      ),
      gauge("switchgear_gateway_in_flight", "Requests of clients that are being answered.", [plain(inFlight)]),
      gauge("switchgear_gateway_max_requests", "Requests that may be answered at once.", [
        plain(config.listen.maxRequests)
      ]),
      counter(
        "switchgear_gateway_shed",
        "Requests refused before they were read, by reason.",
        labelled("reason", counts.shed)
      ),
      counter(
        "switchgear_gateway_told_retries",
        "Requests by the number of retries that their client tells in x-stainless-retry-count.",
        labelled("retries", counts.toldRetries)
      ),
      counter(
        "switchgear_gateway_client_requests",
        "Requests to models by client.",
        asked.map(([client, { requests }]) => ({ labels: { client }, value: requests }))
      ),
      counter(
        "switchgear_gateway_client_refused",
        "Requests of a client that were refused because the gateway had too much to do, or by a limit or a budget of the client.",
        asked.flatMap(([client, { limited, shed }]) => [
          { labels: { client, reason: "shed" }, value: shed },
          { labels: { client, reason: "limited" }, value: limited }
        ])
      ),
      counter("switchgear_gateway_clients_left", "Clients that did not wait for the end of their answer.", [
        plain(counts.left)
      ]),
      counter("switchgear_gateway_failed_in_band", "Answers that failed after their head was sent.", [
        plain(counts.failedInBand)
      ]),
      {
        type: "histogram",
        meter: "switchgear.gateway.request.duration",
        name: "switchgear_gateway_request_duration_seconds",
        description: "Time from a request that a model answers to the end of the answer.",
        series: [plain(counts.durations)]
      },
      {
        type: "histogram",
        meter: "switchgear.gateway.time_to_answer",
        name: "switchgear_gateway_time_to_answer_seconds",
        description: "Time from a request that a model answers to the answer, or to the first content of a stream.",
        series: [plain(counts.waits)]
      },
      {
        type: "histogram",
        meter: "switchgear.gateway.overhead",
        name: "switchgear_gateway_overhead_seconds",
        description: "Time until an answer, or the first content of a stream, in which no call to a provider ran.",
        series: [plain(counts.overhead)]
      },
      gauge("switchgear_gateway_generation", "Files taken over, the first included.", [plain(generation)]),
      gauge("switchgear_gateway_ready", "1 while new requests are answered, 0 while the gateway stops.", [
        plain(isReady ? 1 : 0)
      ]),
      counter(
        "switchgear_gateway_client_cost_usd",
        "What the answers of a client have cost, in dollars.",
        spending.map(({ client, cost }) => ({ labels: { client }, value: cost }))
      ),
      // No counter: a fallback that is dearer than the first model takes from it.
      gauge(
        "switchgear_gateway_client_saved_usd",
        "What the answers of a client have cost less than the first model would have, in dollars. Below zero: more.",
        spending.map(({ client, saved }) => ({ labels: { client }, value: saved }))
      ),
      gauge(
        "switchgear_gateway_budget_usd",
        "The budget of a client in the window that runs now: its limit, and what of it is spent and reserved.",
        spending.flatMap(({ budget, client }) =>
          budget === undefined
            ? []
            : (["limit", "spent", "reserved"] as const).map((part) => ({
              labels: { client, part },
              value: dollarsOf(budget[part])
            }))
        )
      ),
      gauge(
        "switchgear_gateway_keys",
        "Keys of a provider, by whether they are used or parked.",
        keys.flatMap(({ parked, provider, used }) => [
          { labels: { provider, state: "used" }, value: used },
          { labels: { provider, state: "parked" }, value: parked }
        ])
      )
    ]
  })

const dollarsOf = (microDollars: number): number => microDollars / 1_000_000

const spendingOf = ({ callers }: State) =>
  Effect.map(
    Effect.forEach(callers.all, ({ ledger, name }) =>
      ledger === undefined ? Effect.succeed([]) : Effect.map(ledger.snapshot, ({ budgets, total }) => [{
        client: name,
        cost: dollarsOf(total.cost),
        saved: dollarsOf(total.saved),
        budget: budgets[0]
      }])),
    (each) =>
      each.flat()
  )

const keysOf = ({ providers }: State) =>
  Effect.forEach([...providers], ([provider, { keys }]) =>
    Effect.map(keys, (keys) => {
      const parked = keys.filter(({ parkedFor }) => parkedFor !== undefined).length
      return { provider, parked, used: keys.length - parked }
    }))

const plain = <Value>(value: Value): Series<Value> => ({ labels: {}, value })

const labelled = (label: string, counts: Readonly<Record<string, number>>): ReadonlyArray<Series<number>> =>
  Object.entries(counts).map(([word, value]) => ({ labels: { [label]: word }, value }))

const familyOf = (type: "gauge" | "counter") =>
(
  name: string,
  description: string,
  series: ReadonlyArray<Series<number>>
): Family => ({
  type,
  meter: meterOf(name),
  name,
  description,
  series
})

const gauge = familyOf("gauge")
const counter = familyOf("counter")
