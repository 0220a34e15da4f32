/** Where providers write what a model thought before it answered. No standard names the place. */
import * as Predicate from "effect/Predicate"
import { isThought } from "./content.ts"

type Message = Readonly<Record<string, unknown>>

/** The places, in order. A provider that fills several repeats itself, so the first that has a text counts. */
const places: ReadonlyArray<(message: Message) => unknown> = [
  // DeepSeek, Moonshot, GLM, Qwen, and most that follow them.
  (message) => message["reasoning_content"],
  // OpenRouter, Groq, newer vLLM.
  (message) => message["reasoning"],
  // OpenRouter, with signatures; the text is repeated in `reasoning`, or not.
  (message) => message["reasoning_details"],
  // LiteLLM, for models of Anthropic.
  (message) => message["thinking_blocks"],
  (message) => message["thinking"],
  // Mistral: parts of the content.
  (message) => Array.isArray(message["content"]) ? message["content"].filter(isThought) : undefined
]

/** The reasoning that a message or a delta holds; empty where it holds none. */
export const reasoningOf = (message: Message): string => {
  for (const place of places) {
    const text = textIn(place(message), 0)
    if (text !== "") return text
  }
  return ""
}

const texts = ["text", "summary", "thinking", "reasoning", "content"]

const textIn = (u: unknown, depth: number): string => {
  if (typeof u === "string") return u
  if (depth > 4) return ""
  if (Array.isArray(u)) return u.map((item) => textIn(item, depth + 1)).join("")
  if (!Predicate.isReadonlyObject(u)) return ""
  for (const field of texts) {
    const text = textIn(u[field], depth + 1)
    if (text !== "") return text
  }
  return ""
}
