/** How much of the load on models is retries, and what is left of the budget for them. */
import { html, type TemplateResult } from "lit"
import * as Format from "../format.ts"
import type { Model } from "../readings.ts"
import type { Shown } from "../screen.ts"
import { bar } from "./bar.ts"

type Budget = NonNullable<Model["retryBudget"]>

/** The budget of which the smallest share is left. */
export const tightestBudget = (models: ReadonlyArray<Model>): Budget | undefined =>
  models.flatMap(({ retryBudget }) => retryBudget ?? []).toSorted((a, b) => leftOf(a) - leftOf(b))[0]

const leftOf = ({ available, retries }: Budget): number => available <= 0 ? 0 : available / (available + retries)

export const retries = ({ overview: { models }, screen: { timeline }, words }: Shown): TemplateResult => {
  const now = timeline?.now
  const budget = tightestBudget(models)
  return html`<section class="retries" aria-label=${words.retries}>
    <h2>${words.retries}</h2>
    <p><b data-test="retryShare">${
    now === undefined ? words.nothingYet : Format.share(now.retries, now.attempts)
  }</b> ${words.ofAttempts(Format.count(now?.attempts ?? 0))}</p>
    ${
    budget === undefined
      ? html`<p class="quiet" data-test="retryBudget">${words.noRetryBudget}</p>`
      : html`<p data-test="retryBudget" class=${budget.available < 1 ? "problem" : ""} title=${budget.id}>${
        words.retryBudget(budget.id, Format.short(budget.available))
      }</p>${bar(1 - leftOf(budget), 1)}`
  }
  </section>`
}
