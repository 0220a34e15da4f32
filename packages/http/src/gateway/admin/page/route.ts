/**
 * The operators' page. It has nothing of the running gateway in it, so that a browser may open it without a token, which it
 * cannot send. It asks for the token and reads the API with it.
 */
import * as Effect from "effect/Effect"
import type { OpenRoute } from "../model.ts"
import { digestsOf, policyOf } from "../pagePolicy.ts"
import { html } from "./built.ts"

export const operatorsPageRoute: OpenRoute = {
  method: "GET",
  path: "/",
  scope: "open",
  page: Effect.sync(() => ({ status: 200, headers, body: html }))
}

const headers = {
  "content-type": "text/html; charset=utf-8",
  "content-security-policy": policyOf(html, [`style-src ${digestsOf(html, "style")}`]),
  "referrer-policy": "no-referrer"
}
