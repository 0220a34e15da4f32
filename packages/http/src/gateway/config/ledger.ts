/** The options of the ledger of a client. */
import type * as CostLedger from "../../CostLedger.ts"
import type { Client, Config } from "./model.ts"

/** None where there are no prices. Savings are compared with the first model of the first cascade. */
export const ledgerOptionsOf = (
  { cascades, models, prices }: Pick<Config, "cascades" | "models" | "prices">,
  client: Client | undefined
): CostLedger.Options | undefined => {
  const priced = Object.keys(prices)
  if (priced.length === 0) return undefined
  const first = Object.values(cascades)[0]?.steps[0] ?? Object.keys(models)[0]!
  const primary = models[first]?.options.model ?? first
  return {
    prices,
    primary: priced.includes(primary) ? primary : priced[0]!,
    budgets: client?.budget === undefined ? [] : [{ per: "all", ...client.budget }]
  }
}
