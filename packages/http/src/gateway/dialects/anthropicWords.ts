/** The words of Anthropic's API. */
import type { Reply } from "../server/refusals.ts"
import type { Words } from "./model.ts"

const said = (reply: Reply, message: string, id: string): string =>
  JSON.stringify({ type: "error", error: { type: typeOf(reply.status), message }, request_id: id })

const messageOf = ({ body }: Reply): string =>
  (JSON.parse(body) as { readonly error: { readonly message: string } }).error.message

/** Anthropic's SDK knows errors by their status, and people by this type. */
const typeOf = (status: number): string => types.get(status) ?? (status >= 500 ? "api_error" : "invalid_request_error")

const types = new Map([
  [401, "authentication_error"],
  [402, "billing_error"],
  [403, "permission_error"],
  [404, "not_found_error"],
  [413, "request_too_large"],
  [429, "rate_limit_error"],
  [503, "overloaded_error"],
  [504, "timeout_error"],
  [529, "overloaded_error"]
])

const refusal = (status: number, message: string): Reply => ({
  status,
  headers: { "content-type": "application/json" },
  body: JSON.stringify({ error: { message } })
})

export const words: Words = {
  reply: (reply, id) => ({
    ...reply,
    headers: { ...reply.headers, "request-id": id },
    body: said(reply, messageOf(reply), id)
  }),
  event: (reply, id) => `event: error\ndata: ${said(reply, messageOf(reply), id)}\n\n`,
  unknownModel: (model) => refusal(404, `model: ${model}`),
  missing: (param) => refusal(400, `${param}: Field required`),
  wrongType: (param, expected) => refusal(400, `${param}: Input should be ${expected}`),
  headers: (id) => ({ "request-id": id })
}
