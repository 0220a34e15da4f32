/** What calls cost now, and the budget that ends first. */
import { html, nothing, type TemplateResult } from "lit"
import * as Format from "../format.ts"
import type { Client } from "../readings.ts"
import type { Shown } from "../screen.ts"
import { bar } from "./bar.ts"

type Budget = NonNullable<NonNullable<Client["money"]>["budget"]>

const usedOf = ({ limit, reserved, spent }: Budget) => limit <= 0 ? 1 : (spent + reserved) / limit

/** The budget of which the largest share is gone. */
export const tightest = (
  clients: ReadonlyArray<Client>
): { readonly name: string; readonly budget: Budget; readonly lastMinute: Client["lastMinute"] } | undefined =>
  clients.flatMap(({ lastMinute, money, name }) =>
    money === null || money.budget === null ? [] : [{ name, budget: money.budget, lastMinute }]
  )
    .toSorted((a, b) => usedOf(b.budget) - usedOf(a.budget))[0]

export const money = (shown: Shown): TemplateResult => {
  const { overview: { clients, totals }, screen: { timeline }, words } = shown
  if (clients.every(({ money }) => money === null)) {
    return html`<section class="money"><h2>${words.money}</h2><p class="quiet">${words.noPrices}</p></section>`
  }
  const now = timeline?.now
  const perMinute = (amount: number | undefined) =>
    amount === undefined ? words.nothingYet : Format.dollars(amount * 60 / now!.seconds)
  return html`<section class="money">
    <h2>${words.money}</h2>
    <dl>
      <div><dd data-test="perMinute">${perMinute(now?.cost)}</dd><dt>${words.perMinute}</dt></div>
      <div><dd>${perMinute(now?.saved)}</dd><dt>${words.saved}</dt></div>
      <div><dd data-test="cost">${Format.dollars(totals.cost)}</dd><dt>${words.total}</dt></div>
    </dl>
    ${budget(shown)}
  </section>`
}

const budget = ({ age, overview: { clients }, words }: Shown) => {
  const found = tightest(clients)
  if (found === undefined) return html`<p class="quiet">${words.noBudget}</p>`
  const { budget: { limit, reserved, resetsInMillis, spent }, name } = found
  return html`<p title=${name}>${words.budget(name)} <b data-test="budget">${
    words.ofLimit(Format.dollars(spent + reserved), Format.dollars(limit))
  }</b></p>
    ${bar(usedOf(found.budget), 1)}
    <p class="quiet">${ending(found.budget, found.lastMinute)} ${words.resets(words.span(resetsInMillis - age))}</p>`

  function ending(of: Budget, { dollars, seconds }: Client["lastMinute"]) {
    const left = of.limit - of.spent - of.reserved
    if (left <= 0) return html`<b>${words.budgetSpent}</b>,`
    if (dollars === null || dollars <= 0 || seconds <= 0) return nothing
    const millis = 1000 * left / (dollars / seconds)
    return millis < of.resetsInMillis
      ? html`<b>${words.budgetEnds(words.span(millis))}</b>,`
      : html`${words.budgetHolds},`
  }
}
