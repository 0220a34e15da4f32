/** How the gateway is, since when and why, and what customers get now. */
import { html, nothing, svg, type TemplateResult } from "lit"
import * as Format from "../format.ts"
import type { Outcome } from "../readings.ts"
import type { Shown } from "../screen.ts"
import { type Interval, outcomes } from "../series.ts"

const mostReasons = 4

export const verdict = (shown: Shown): TemplateResult => {
  const { overview: { at, health, ready }, screen: { timeline }, words } = shown
  return html`<section class="verdict ${ready ? health.status : "down"}">
    <div class="how">
      <h1 role="status" data-test="status">${ready ? words.status[health.status] : words.stopping}</h1>
      <p class="quiet" data-test="since">${words.since(Format.clock(health.since), Format.span(at - health.since))}</p>
    </div>
    <div class="why">${reasons(shown)}</div>
    <div class="now">${customers(shown, timeline?.now)}</div>
  </section>`
}

const reasons = ({ age, overview: { health: { reasons } }, words }: Shown) => {
  if (reasons.length === 0) return html`<p>${words.noReason}</p>`
  const worst = reasons.toSorted((a, b) => Number(b.critical) - Number(a.critical))
  const left = worst.length - mostReasons
  return html`<ul data-test="reasons">
    ${
    worst.slice(0, mostReasons).map(({ kind, name, reason, retryAfterMillis }) =>
      html`<li title=${words.reasonOf(kind, name, reason)}>${words.reasonOf(kind, name, reason)}${
        retryAfterMillis === null
          ? nothing
          : html`, <b>${words.nextProbe(Format.span(retryAfterMillis - age))}</b>`
      }</li>`
    )
  }
    ${left > 0 ? html`<li class="quiet">${words.more(left)}</li>` : nothing}
  </ul>`
}

const customers = ({ words }: Shown, now: Interval | undefined) => {
  if (now === undefined || now.calls === 0)
    return html`<h2>${words.customersNow}</h2><p class="quiet">${words.noCalls}</p>`
  const { calls, counts, quantile, seconds } = now
  return html`<h2>${words.customersNow}</h2>
    ${stack(counts, calls)}
    <ul class="keys" data-test="outcomes">${
    outcomes.filter((outcome) => counts[outcome] > 0 || always.has(outcome)).map((outcome) =>
      html`<li data-outcome=${outcome}><i class="swatch ${outcome}"></i>${words.outcome[outcome]}
        <b>${Format.share(counts[outcome], calls)}</b></li>`
    )
  }</ul>
    <p class="quiet">${words.callsPerSecond(Format.rate(calls / seconds))} · p95 ${Format.seconds(quantile(0.95))}</p>`
}

/** Told even when there are none. */
const always: ReadonlySet<Outcome> = new Set<Outcome>(["askedFor", "fallback", "stale", "canned", "error"])

const stack = (counts: Interval["counts"], calls: number) => {
  let from = 0
  return html`<svg class="stack" viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true">${
    outcomes.map((outcome) => {
      const width = 100 * counts[outcome] / calls
      from += width
      return svg`<rect class=${outcome} x=${from - width} width=${width} height="10"></rect>`
    })
  }</svg>`
}
