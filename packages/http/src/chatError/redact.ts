/**
 * What a provider wrote, made fit to be logged: bounded, on one line, and without the key or the words of the prompt,
 * both of which providers like to quote back.
 */
import { Prompt } from "./prompt.ts"
import type { Ranges } from "./quotation.ts"

export interface Secrets {
  /** The key that was sent, or all that could have been: a provider may quote one from an earlier call. */
  readonly apiKey: string | ReadonlyArray<string> | undefined
  /** The texts of the conversation, or that they are not known, so that no word of the provider can be shown. */
  readonly prompt: ReadonlyArray<string> | Prompt | "unknown"
}

export const none: Secrets = { apiKey: undefined, prompt: [] }

/** A text of a provider as it came, and how long it may be when it is shown. */
export interface Raw {
  readonly text: string | undefined
  readonly limit: number
}

/** Texts of a provider by the fields of an error, made fit to be shown when they are asked for. */
export type Prepared = ReadonlyArray<readonly [field: string, shown: () => string | undefined]>

/**
 * Prepares texts of a provider. They are made fit to be shown when they are first read, which takes as long as reading
 * the prompt; until then the prompt is kept, and no way to read them leads to the raw text.
 */
export const prepare = (fields: { readonly [field: string]: Raw }, secrets: Secrets = none): Prepared => {
  const fit = fitter(secrets)
  return Object.entries(fields).flatMap(([field, { limit, text }]) =>
    text === undefined ? [] : [[field, fit(text, limit)] as const]
  )
}

/** Gives an error fields with texts of a provider. */
export const addFields = <E extends object>(error: E, fields: Prepared): E => {
  for (const [field, show] of fields) {
    let shown: typeof show | undefined = show
    let value: string | undefined
    Object.defineProperty(error, field, {
      enumerable: true,
      configurable: true,
      get: () => {
        if (shown !== undefined) {
          value = shown()
          shown = undefined
        }
        return value
      }
    })
  }
  return error
}

/** The text with secrets replaced, or `undefined` when nothing readable is left. */
export const redact = (text: string, secrets: Secrets, limit: number): string | undefined =>
  fitter(secrets)(text, limit)()

/** Makes of a text, when it is asked for, one without secrets, or `undefined` when nothing readable is left. */
const fitter = ({ apiKey, prompt }: Secrets): (text: string, limit: number) => () => string | undefined => {
  if (prompt === "unknown") return () => () => undefined
  // Lists belong to the caller, who may change them before the text is read.
  const keys = keysOf(apiKey)
  const searched = prompt instanceof Prompt ? prompt : new Prompt([...prompt]).end()
  return (text, limit) => {
    const plain = oneLine(text.slice(0, 4 * limit))
    const quoted = searched.quotedIn(plain)
    return () => {
      const safe = withoutKeys(without(plain, quoted()), keys).trim()
      if (safe === "") return undefined
      return safe.length > limit ? `${safe.slice(0, limit)}…` : safe
    }
  }
}

const oneLine = (text: string): string => text.replace(/[\s\p{Cc}]+/gu, " ")

const without = (text: string, ranges: Ranges): string => {
  let out = ""
  let at = 0
  for (const [begin, end] of ranges) {
    out += `${text.slice(at, begin)}[prompt]`
    at = end
  }
  return out + text.slice(at)
}
const mask = "[redacted]"

/** The longest first, so that no key is cut out of the middle of another one. */
const keysOf = (apiKey: Secrets["apiKey"]): ReadonlyArray<string> =>
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
