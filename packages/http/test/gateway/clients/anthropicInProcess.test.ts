/** The official client of Anthropic with a gateway in the process: it gets the same. */
import { spokenInside } from "../inProcess.ts"
import { anthropicOf } from "./anthropicOf.ts"

anthropicOf(spokenInside)
