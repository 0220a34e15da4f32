/** The words of Anthropic's API. */
import { errorOf } from "../../apis/anthropicError.ts"
import type { Reply } from "../server/refusals.ts"
import type { Words } from "./model.ts"

const messageOf = ({ body }: Reply): string =>
  (JSON.parse(body) as { readonly error: { readonly message: string } }).error.message

const refusal = (status: number, message: string): Reply => ({
  status,
  headers: { "content-type": "application/json" },
  body: JSON.stringify({ error: { message } })
})

export const words: Words = {
  reply: (reply, id) => ({
    ...reply,
    headers: { ...reply.headers, "request-id": id },
    body: errorOf(reply.status, messageOf(reply), id)
  }),
  event: (reply, id) => `event: error\ndata: ${errorOf(reply.status, messageOf(reply), id)}\n\n`,
  unknownModel: (model) => refusal(404, `model: ${model}`),
  missing: (param) => refusal(400, `${param}: Field required`),
  wrongType: (param, expected) => refusal(400, `${param}: Input should be ${expected}`),
  headers: (id) => ({ "request-id": id })
}
