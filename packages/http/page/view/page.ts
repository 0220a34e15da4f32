/** The whole screen. */
import { html, nothing, type TemplateResult } from "lit"
import * as Format from "../format.ts"
import type { Actions, Screen, Shown } from "../screen.ts"
import { words as allWords } from "../words.ts"
import { charts } from "./charts.ts"
import { cluster } from "./cluster.ts"
import { confirm } from "./confirm.ts"
import { history } from "./history.ts"
import { models } from "./models.ts"
import { money } from "./money.ts"
import { noisiest } from "./noisiest.ts"
import { retries } from "./retries.ts"
import { signIn } from "./signIn.ts"
import { verdict } from "./verdict.ts"

/** Snapshots come each second: one that is late is told, one that is a little late is not. */
const staleAfter = 3000

export const page = (screen: Screen, now: number, actions: Actions): TemplateResult => {
  const { asked, language, overview, receivedAt, token } = screen
  const words = allWords[language]
  if (token === undefined) return signIn(screen, words, actions)
  if (overview === undefined) return html`<main class="signIn"><p>${words.connecting}</p></main>`
  const shown: Shown = { screen, overview, words, actions, age: now - receivedAt }
  return html`<div class="screen ${shown.age > staleAfter ? "old" : ""}">
    ${header(shown)}
    <main>${verdict(shown)}${models(shown)}${charts(shown)}
      <div class="load">${noisiest(shown)}${retries(shown)}</div>
    </main>
    <aside>${money(shown)}${history(shown)}</aside>
  </div>${confirm(asked, overview.cluster, words, actions)}`
}

const header = (shown: Shown) => {
  const { actions, age, overview: { at, generation, runbook, scope }, words } = shown
  return html`<header>
    <b>switchgear</b>
    <span class="quiet">${location.host}</span>
    <span class="quiet">${words.generation(generation)}</span>
    ${cluster(shown)}
    ${scope === "read" ? html`<span class="tag" data-test="readOnly">${words.readOnly}</span>` : nothing}
    <span class="gap"></span>
    ${
    age > staleAfter
      ? html`<b class="tag bad" role="alert" data-test="age">${words.old(words.span(age))}</b>`
      : html`<span class="quiet" data-test="age">${words.live} ${Format.clock(at)}</span>`
  }
    ${
    runbook === null
      ? nothing
      : html`<a class="runbook" data-test="runbook" href=${runbook} target="_blank" rel="noopener noreferrer">${words.runbook}</a>`
  }
    <a href="/admin/docs">${words.apiPage}</a>
    <button type="button" data-test="language" @click=${actions.switchLanguage}>${words.otherLanguage}</button>
    <button type="button" data-test="signOut" @click=${actions.signOut}>${words.signOut}</button>
  </header>`
}
