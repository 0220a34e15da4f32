/** The last changes of guards and acts of operators. */
import { html, nothing, type TemplateResult } from "lit"
import { repeat } from "lit/directives/repeat.js"
import * as Format from "../format.ts"
import type { Event, State } from "../readings.ts"
import type { Shown } from "../screen.ts"
import type { Words } from "../words.ts"
import { shapeOf } from "./shape.ts"

const most = 20

/** Up to this many have two lines each without a need to scroll. */
const roomy = 12

export const history = ({ screen: { events }, words }: Shown): TemplateResult =>
  html`<section class="history" aria-label=${words.history} tabindex="0">
    <h2>${words.history}</h2>
    ${
    events.length === 0
      ? html`<p class="quiet">${words.noEvents}</p>`
      : html`<ol class=${events.length <= roomy ? "roomy" : ""}>${
        repeat(events.slice(0, most), ({ id }) => id, (event) => line(event, words))
      }</ol>`
  }
  </section>`

const line = (event: Event, words: Words) => {
  const { text, title } = event._tag === "Act" ? act(event, words) : transition(event, words)
  return html`<li data-event=${event.id} title=${title}><time>${Format.clock(event.at)}</time>${text}</li>`
}

const act = ({ act, by, reason, result, subject }: Event & { readonly _tag: "Act" }, words: Words) => ({
  title: `${by}: ${act} ${subject} (${result}) ${reason}`,
  text: html`<span class="act"><b>${words.actor(by)}</b> ${words.act(act)} ${words.subject(nameOf(subject))}${
    result === "done" ? nothing : html` <b>${words.reasons[result] ?? result}</b>`
  }${words.colon}${reason}</span>`
})

/** Without the kind of the guard. */
const nameOf = (subject: string) => subject.replace(/^[A-Z]\w+ /, "")

const isState = (state: string, words: Words): state is State => state in words.state

const transition = (
  { from, openForMillis, reason, subject, to }: Event & { readonly _tag: "Transition" },
  words: Words
) => {
  const stateOf = (state: string) => isState(state, words) ? words.state[state] : words.reasons[state] ?? state
  const because = words.reasons[reason] ?? reason
  const lasting = openForMillis === undefined ? "" : ` ${words.openFor(words.span(openForMillis))}`
  return {
    title: `${subject}: ${stateOf(from)} → ${stateOf(to)}${lasting} (${because})`,
    text: html`<span>${isState(to, words) ? shapeOf(to) : nothing}<b>${subject}</b> ${
      stateOf(to)
    }${lasting}${words.colon}${because}</span>`
  }
}
