/** Asks for the token. */
import { html, nothing, type TemplateResult } from "lit"
import { ref } from "lit/directives/ref.js"
import type { Actions, Screen } from "../screen.ts"
import type { Words } from "../words.ts"

export const signIn = ({ wasRefused }: Screen, words: Words, actions: Actions): TemplateResult => {
  const submitted = (event: SubmitEvent) => {
    event.preventDefault()
    const token = new FormData(event.currentTarget as HTMLFormElement).get("token")
    if (typeof token === "string" && token.trim() !== "") actions.signIn(token.trim())
  }
  return html`<main class="signIn">
    <form @submit=${submitted}>
      <h1>switchgear</h1>
      <h2>${words.signIn.title}</h2>
      <p>${words.signIn.explain}</p>
      <label>${words.signIn.token}<input type="password" name="token" required autocomplete="off"
        ${ref(focus)}></label>
      ${wasRefused ? html`<p class="problem" role="alert">${words.signIn.refused}</p>` : nothing}
      <p class="buttons">
        <button type="button" data-test="language" @click=${actions.switchLanguage}>${words.otherLanguage}</button>
        <button type="submit" class="do">${words.signIn.go}</button>
      </p>
    </form>
  </main>`
}

/** `autofocus` is for a page that loads, once: not for a form that comes again, nor beside somebody who types already. */
const focus = (field: Element | undefined): void => {
  if (field instanceof HTMLInputElement) queueMicrotask(() => field.focus())
}
