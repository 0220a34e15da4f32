/**
 * What a provider wrote, made fit to be logged: bounded, on one line, and without the key or the words of the prompt,
 * both of which providers like to quote back.
 */
import { quotations } from "./quotation.ts"

export interface Secrets {
  /** The key that was sent, or all that could have been: a provider may quote one from an earlier call. */
  readonly apiKey: string | ReadonlyArray<string> | undefined
  /** The texts of the conversation, or that they are not known, so that no word of the provider can be shown. */
  readonly prompt: ReadonlyArray<string> | "unknown"
}

export const none: Secrets = { apiKey: undefined, prompt: [] }

/**
 * The text with secrets replaced, or `undefined` when nothing readable is left.
 */
export const redact = (text: string | undefined, secrets: Secrets, limit: number): string | undefined => {
  if (text === undefined || secrets.prompt === "unknown") return undefined
  const plain = oneLine(text.slice(0, 4 * limit))
  const safe = withoutKeys(withoutPrompt(plain, secrets.prompt), keysOf(secrets)).trim()
  if (safe === "") return undefined
  return safe.length > limit ? `${safe.slice(0, limit)}…` : safe
}

const oneLine = (text: string): string => text.replace(/[\s\p{Cc}]+/gu, " ")

const mask = "[redacted]"

/** The longest first, so that no key is cut out of the middle of another one. */
const keysOf = ({ apiKey }: Secrets): ReadonlyArray<string> =>
  (typeof apiKey === "string" ? [apiKey] : [...apiKey ?? []]).filter((key) => key !== "")
    .sort((a, b) => b.length - a.length)

const withoutKeys = (text: string, keys: ReadonlyArray<string>): string =>
  keys.reduce((rest, key) => rest.replaceAll(key, mask), text)
    .replace(/\bBearer\s+[^\s"',;]+/gi, `Bearer ${mask}`)
    .replace(
      /[^\s"'`(),;:]+/g,
      (word) => looksLikeKey(word) || keys.some((key) => quotes(word, key)) ? mask : word
    )

/** A word with asterisks in it is a key that the provider masked itself, leaving the ends readable. */
const looksLikeKey = (word: string): boolean =>
  /\*{2,}/.test(word) || /^(sk|pk|rk|gsk|xai|pplx|hf|AIza|ghp|key)[-_]?[A-Za-z0-9_-]{12,}/.test(word)

/** Whether a word shares a run of characters with the key that is too long for chance. */
const quotes = (word: string, apiKey: string): boolean => {
  const run = Math.min(8, apiKey.length)
  if (run < 4) return false
  const key = apiKey.toLowerCase()
  for (let i = 0; i + run <= word.length; i++) {
    if (key.includes(word.slice(i, i + run).toLowerCase())) return true
  }
  return false
}

const withoutPrompt = (text: string, prompt: ReadonlyArray<string>): string => {
  let out = ""
  let at = 0
  for (const [begin, end] of quotations(text, prompt)) {
    out += `${text.slice(at, begin)}[prompt]`
    at = end
  }
  return out + text.slice(at)
}
