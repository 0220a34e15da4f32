/** Asks for a reason before anything is done to a circuit. */
import { html, nothing, type TemplateResult } from "lit"
import { ref } from "lit/directives/ref.js"
import type { Cluster } from "../readings.ts"
import type { Actions, Asked } from "../screen.ts"
import type { Words } from "../words.ts"

const opened = (element: Element | undefined) => {
  if (element instanceof HTMLDialogElement && element.isConnected && !element.open) element.showModal()
}

/** The dialog is opened when it is on the page, which it is not yet when it is made. */
const open = (element: Element | undefined) => queueMicrotask(() => opened(element))

export const confirm = (
  asked: Asked | undefined,
  cluster: Cluster | null,
  words: Words,
  actions: Actions
): TemplateResult | typeof nothing => {
  if (asked === undefined) return nothing
  const { command, model, problem, state } = asked
  const submitted = (event: SubmitEvent) => {
    event.preventDefault()
    const reason = new FormData(event.currentTarget as HTMLFormElement).get("reason")
    if (typeof reason === "string" && reason.trim() !== "") actions.confirm(reason.trim())
  }
  return html`<dialog ${ref(open)} @close=${actions.cancel} aria-labelledby="question">
    <form @submit=${submitted}>
      <h2 id="question">${words.confirm[command](model)}</h2>
      <p>${words.effect[command]}</p>
      ${
    cluster === null
      ? nothing
      : html`<p data-test="where">${
        command === "disable"
          ? words.hereOnly
          : cluster.state === "away"
          ? words.hereFirst[command]
          : words.everywhere(cluster.fleet)
      }</p>`
  }
      <label>${words.why}<input name="reason" required maxlength="200" pattern=".*\\S.*" autocomplete="off"></label>
      ${problem === undefined ? nothing : html`<p class="problem" role="alert">${words.failed(problem)}</p>`}
      <p class="buttons">
        <button type="button" @click=${actions.cancel}>${words.cancel}</button>
        <button type="submit" class="do ${command}" ?disabled=${state === "sending"}>${words.command[command]}</button>
      </p>
    </form>
  </dialog>`
}
