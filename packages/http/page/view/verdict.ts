/** How the gateway is, since when and why, and what customers get now. */
import { html, nothing, svg, type TemplateResult } from "lit"
import * as Format from "../format.ts"
import type { Outcome } from "../readings.ts"
import type { Shown } from "../screen.ts"
import { type Interval, outcomes } from "../series.ts"
import type { Words } from "../words.ts"

const mostReasons = 4

export const verdict = (shown: Shown): TemplateResult => {
  const { overview: { at, health, ready }, screen: { timeline }, words } = shown
  return html`<section class="verdict ${ready ? health.status : "down"}">
    <div class="how">
      <h1 role="status" data-test="status">${ready ? words.status[health.status] : words.stopping}</h1>
      <p class="quiet" data-test="since">${words.since(Format.clock(health.since), words.span(at - health.since))}</p>
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
          : html`, <b>${words.nextProbe(words.span(retryAfterMillis - age))}</b>`
      }</li>`
    )
  }
    ${left > 0 ? html`<li class="quiet">${words.more(left)}</li>` : nothing}
  </ul>`
}

const customers = ({ overview: { promise: { p95Millis } }, words }: Shown, now: Interval | undefined) => {
  if (now === undefined || now.calls === 0)
    return html`<h2>${words.customersNow}</h2><p class="quiet">${words.noCalls}</p>`
  const { calls, counts, quantile, seconds, shed } = now
  const p95 = quantile(0.95)
  return html`<h2>${words.customersNow}</h2>
    ${stack(counts, calls)}
    <ul class="keys" data-test="outcomes">${
    outcomes.filter((outcome) => counts[outcome] > 0 || always.has(outcome)).map((outcome) =>
      html`<li data-outcome=${outcome}><i class="swatch ${outcome}"></i>${words.outcome[outcome]}
        <b>${Format.share(counts[outcome], calls)}</b></li>`
    )
  }</ul>
    <p class="quiet">${words.callsPerSecond(Format.rate(calls / seconds))} · <span data-test="p95">p95 ${
    Format.seconds(p95)
  }${p95Millis === null || p95 === undefined ? nothing : html` / ${promise(p95, p95Millis / 1000, words)}`}</span>${
    shed === 0
      ? nothing
      : html` · <b class="problem" data-test="shed">${words.shedding(Format.rate(shed / seconds))}</b>`
  }</p>`
}

/** In seconds. A promise is kept or broken by shape and word, and not by colour alone. */
const promise = (p95: number, promised: number, words: Words) =>
  p95 <= promised
    ? html`<b class="kept">✓ ${words.promiseKept(Format.seconds(promised))}</b>`
    : html`<b class="problem">✗ ${words.promiseBroken(Format.seconds(promised))}</b>`

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
