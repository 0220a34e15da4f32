/** The official client of Anthropic, on sockets. */
import { speaking } from "../spoken.ts"
import { anthropicOf } from "./anthropicOf.ts"

anthropicOf(speaking)
