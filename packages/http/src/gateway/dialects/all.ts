/** The APIs besides chat completions, by the paths under which they are served. */
import { embeddings } from "./embeddings.ts"
import { countTokens, messages } from "./messages.ts"
import type { Dialect } from "./model.ts"
import { responses } from "./responses.ts"

export const all: ReadonlyArray<Dialect> = [embeddings, messages, countTokens, responses]
