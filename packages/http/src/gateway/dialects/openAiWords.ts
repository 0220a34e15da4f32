/** The words of OpenAI's API. */
import * as Failure from "../server/failure.ts"
import * as Refusals from "../server/refusals.ts"
import type { Words } from "./model.ts"

export const words: Words = {
  reply: (reply) => reply,
  event: Failure.eventOf,
  unknownModel: Refusals.unknownModel,
  missing: Refusals.missing,
  wrongType: Refusals.wrongType,
  headers: () => ({})
}
