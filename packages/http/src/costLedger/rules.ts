/**
 * From the options of a ledger to the rules it keeps. Options from code and from configuration pass the same checks.
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as ChatModel from "../ChatModel.ts"
import type { Budget, Options } from "./options.ts"
import * as Pricing from "../Pricing.ts"
import type { Rule, Window } from "./budgetMeter.ts"
import { requestTokens, type TokenEstimate } from "../pricing/estimateTokens.ts"
import { InvalidOption, PriceMissing } from "./errors.ts"
import { micros, type Price } from "../pricing/money.ts"

/** What a ledger goes by. */
export interface Rules {
  readonly prices: Pricing.Catalogue
  readonly primary: Price
  /** The highest prices that a reservation can be made at. */
  readonly highest: Price
  readonly perTenant: ReadonlyArray<Rule>
  readonly overall: ReadonlyArray<Rule>
  readonly estimate: (request: ChatModel.Request) => TokenEstimate
  readonly tenants: number
  readonly idle: number
}

export const rulesOf = (
  options: Options
): Effect.Effect<Rules, InvalidOption | PriceMissing | Pricing.UnknownModel> =>
  Effect.gen(function*() {
    const { prices } = options
    yield* Effect.forEach(Object.entries(prices), ([model, price]) => arePrices(model, price))
    const budgets = yield* Effect.forEach(options.budgets ?? [], ruleOf)
    const tenants = yield* count("tenants", options.tenants ?? 10_000, 1)
    const assumedOutput = yield* count("assumedOutput", options.assumedOutput ?? 4096, 0)
    const idle = yield* positive("idleTimeToLive", options.idleTimeToLive ?? "1 hour")
    const primary = yield* Pricing.priceOf(prices, options.primary)
    const names = new Set([options.primary, ...(options.models ?? Object.keys(prices))])
    const answering = yield* Effect.forEach(names, (model) =>
      Effect.tap(Pricing.priceOf(prices, model), (price) =>
        budgets.length > 0 ? isComplete(model, price) : Effect.void))
    return {
      prices,
      primary,
      highest: {
        input: Math.max(...answering.flatMap(({ cacheWrite, input }) => [input ?? 0, cacheWrite ?? 0])),
        output: Math.max(...answering.flatMap(({ output, reasoning }) => [output ?? 0, reasoning ?? 0]))
      },
      perTenant: budgets.filter(({ per }) =>
        per === "tenant"
      ),
      overall: budgets.filter(({ per }) => per === "all"),
      estimate: options.estimate ?? ((request) => requestTokens(request, assumedOutput)),
      tenants,
      idle
    }
  })

const arePrices = (model: string, price: Price): Effect.Effect<void, InvalidOption> => {
  const wrong = Object.entries(price).find(([, micros]) =>
    micros !== undefined && !(Number.isSafeInteger(micros) && micros >= 0)
  )
  return wrong === undefined
    ? Effect.void
    : invalid(
      `prices[${JSON.stringify(model)}].${wrong[0]}`,
      wrong[1],
      "whole micro-dollars of at least 0 for a million tokens"
    )
}

const isComplete = (model: string, price: Price): Effect.Effect<void, PriceMissing> => {
  const part = (["input", "output"] as const).find((part) => price[part] === undefined)
  return part === undefined ? Effect.void : Effect.fail(new PriceMissing({ model, part }))
}

const ruleOf = ({ dollars, per, window }: Budget, i: number): Effect.Effect<Rule, InvalidOption> => {
  const field = (name: string) => `budgets[${i}].${name}`
  return Effect.gen(function*() {
    if (per !== "tenant" && per !== "all") return yield* invalid(field("per"), per, "one of tenant, all")
    const limit = micros(dollars) ?? 0
    if (limit === 0) {
      return yield* invalid(field("dollars"), dollars, "a number of dollars above zero with at most six decimals")
    }
    return { per, limit, window: yield* windowOf(field("window"), window) }
  })
}

const windowOf = (field: string, window: Budget["window"]): Effect.Effect<Window, InvalidOption> =>
  window === "day" || window === "month"
    ? Effect.succeed(window)
    : positive(field, window, "day, month or a finite duration of at least a millisecond")

const positive = (field: string, value: Duration.Input, range = "a finite duration of at least a millisecond") => {
  const duration = Duration.fromInput(value)
  const millis = duration._tag === "None" ? NaN : Duration.toMillis(duration.value)
  return millis >= 1 && millis < Infinity ? Effect.succeed(millis) : invalid(field, value, range)
}

const count = (field: string, value: number, minimum: number) =>
  Number.isSafeInteger(value) && value >= minimum
    ? Effect.succeed(value)
    : invalid(field, value, `a whole number of at least ${minimum}`)

const invalid = (field: string, value: unknown, range: string): Effect.Effect<never, InvalidOption> =>
  Effect.fail(
    new InvalidOption({ field, value: typeof value === "string" ? JSON.stringify(value) : String(value), range })
  )
