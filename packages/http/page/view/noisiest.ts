/** The clients that ask most. */
import { html, nothing, type TemplateResult } from "lit"
import * as Format from "../format.ts"
import type { Client } from "../readings.ts"
import type { Shown } from "../screen.ts"
import { bar } from "./bar.ts"

const most = 3

/** Those that have asked at all, the noisiest first. */
export const byNoise = (clients: ReadonlyArray<Client>): ReadonlyArray<Client> =>
  clients.filter(({ lastMinute }) => lastMinute.requests > 0)
    .toSorted((a, b) => b.lastMinute.requests - a.lastMinute.requests)

export const noisiest = ({ overview: { clients }, words }: Shown): TemplateResult => {
  const noisy = byNoise(clients)
  const all = noisy.reduce((sum, { lastMinute }) => sum + lastMinute.requests, 0)
  return html`<section class="noisiest" aria-label=${words.noisiest}>
    <h2>${words.noisiest}</h2>
    ${
    noisy.length === 0
      ? html`<p class="quiet">${words.noCalls}</p>`
      : html`<ol>${
        noisy.slice(0, most).map(({ lastMinute: { limited, requests, shed }, name }) =>
          html`<li data-client=${name}>
            <b title=${name}>${name}</b>
            <span class="amount">${Format.count(requests)}</span>
            <span class="share">${bar(requests / all)}${Format.share(requests, all)}</span>
            <span class="quiet">${limited === 0 ? nothing : words.limited(Format.count(limited))}${
            limited > 0 && shed > 0 ? " · " : nothing
          }${shed === 0 ? nothing : html`<b class="problem">${words.shed(Format.count(shed))}</b>`}</span>
          </li>`
        )
      }</ol>`
  }
  </section>`
}
