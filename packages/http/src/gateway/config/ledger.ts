/** Prices, and the ledger of a client. */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as CostLedger from "../../CostLedger.ts"
import * as Pricing from "../../Pricing.ts"
import type { Client, Config } from "./model.ts"
import type { Problem } from "./problem.ts"
import type { Reader } from "./reader.ts"

/** What a ledger is made from. */
type Billing = Pick<Config, "cascades" | "cluster" | "models" | "prices">

/** None where there are no prices. Savings are compared with the first model of the first cascade. */
export const ledgerOptionsOf = (
  { cascades, cluster, models, prices }: Billing,
  client: Client | undefined
): CostLedger.Options | undefined => {
  const priced = Object.keys(prices)
  if (priced.length === 0) return undefined
  const first = Object.values(cascades)[0]?.steps[0] ?? Object.keys(models)[0]!
  const primary = models[first]?.options.model ?? first
  return {
    prices,
    primary: priced.includes(primary) ? primary : priced[0]!,
    // A client has spent the same whichever gateway its calls came to.
    ...client?.budget !== undefined && cluster !== undefined && { name: client.name },
    budgets: client?.budget === undefined ? [] : [{ per: "all", ...client.budget, shared: cluster !== undefined }]
  }
}

export const pricesOf = (value: unknown, reader: Reader): Pricing.Catalogue => {
  if (value === undefined || value === null) return {}
  return reader.decode(Pricing.CatalogueSchema, value, ["prices"]) === undefined
    ? {}
    : Effect.runSync(Effect.orDie(Pricing.decode(value)))
}

/** A budget needs a price of all that its client may be billed for. */
export const checkLedger = (
  config: Billing,
  client: Client,
  path: Problem["path"],
  reader: Reader
): void => {
  const options = ledgerOptionsOf(config, client)
  if (options === undefined) return
  const exit = Effect.runSyncExit(CostLedger.make(options))
  if (exit._tag === "Success") return
  const failure = exit.cause.reasons.find(Cause.isFailReason)?.error
  const field = failure?._tag === "InvalidOption" ? /^budgets\[0\]\.(\w+)$/.exec(failure.field)?.[1] : undefined
  if (failure?._tag === "InvalidOption" && field !== undefined) {
    reader.refuse([...path, "budget", field], `Expected ${failure.range}, got ${failure.value}`)
    return
  }
  reader.refuse(["prices"], failure === undefined ? "They cannot be read" : failure.message.replace(/\.$/, ""))
}
