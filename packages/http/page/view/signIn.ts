/** Asks for the token. */
import { html, nothing, type TemplateResult } from "lit"
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
      <label>${words.signIn.token}<input type="password" name="token" required autocomplete="off" autofocus></label>
      ${wasRefused ? html`<p class="problem" role="alert">${words.signIn.refused}</p>` : nothing}
      <p class="buttons">
        <button type="button" data-test="language" @click=${actions.switchLanguage}>${words.otherLanguage}</button>
        <button type="submit" class="do">${words.signIn.go}</button>
      </p>
    </form>
  </main>`
}
