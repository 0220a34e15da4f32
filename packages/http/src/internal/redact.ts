/**
 * What a provider wrote, made fit to be logged: bounded, on one line, and without the key or the words of the prompt,
 * both of which providers like to quote back.
 */
export interface Secrets {
  /** The key that was sent. */
  readonly apiKey: string | undefined
  /** The texts of the conversation that was sent. */
  readonly prompt: ReadonlyArray<string>
}

export const none: Secrets = { apiKey: undefined, prompt: [] }

/**
 * The text with secrets replaced, or `undefined` when nothing readable is left.
 */
export const redact = (text: string | undefined, secrets: Secrets, limit: number): string | undefined => {
  if (text === undefined) return undefined
  const plain = oneLine(text.slice(0, 4 * limit))
  const safe = withoutKeys(withoutPrompt(plain, secrets.prompt), secrets.apiKey).trim()
  if (safe === "") return undefined
  return safe.length > limit ? `${safe.slice(0, limit)}…` : safe
}

const oneLine = (text: string): string => text.replace(/[\s\p{Cc}]+/gu, " ")

const mask = "[redacted]"

const withoutKeys = (text: string, apiKey: string | undefined): string =>
  (apiKey === undefined || apiKey === "" ? text : text.replaceAll(apiKey, mask))
    .replace(/\bBearer\s+[^\s"',;]+/gi, `Bearer ${mask}`)
    .replace(
      /[^\s"'`(),;:]+/g,
      (word) => looksLikeKey(word) || (apiKey !== undefined && quotes(word, apiKey)) ? mask : word
    )

/** A word with asterisks in it is a key that the provider masked itself, leaving the ends readable. */
const looksLikeKey = (word: string): boolean =>
  /\*{2,}/.test(word) || /^(sk|pk|rk|gsk|xai|pplx|hf|AIza|ghp|key)[-_]?[A-Za-z0-9_-]{12,}/.test(word)

/** Whether a word shares a run of characters with the key that is too long for chance. */
const quotes = (word: string, apiKey: string): boolean => {
  const run = Math.min(8, apiKey.length)
  if (run < 4) return false
  for (let i = 0; i + run <= word.length; i++) {
    if (apiKey.includes(word.slice(i, i + run))) return true
  }
  return false
}

const withoutPrompt = (text: string, prompt: ReadonlyArray<string>): string => {
  if (prompt.length === 0 || text === "") return text
  // Any shared run of 2 × step characters contains one of these steps whole, whatever its offset; comparing only
  // aligned steps keeps the cost linear in the prompt.
  const step = 12
  const hidden = new Uint8Array(text.length)
  for (const said of prompt) {
    const quoted = oneLine(said).trim()
    if (quoted.length >= 4 && quoted.length < 2 * step) {
      for (let at = text.indexOf(quoted); at !== -1; at = text.indexOf(quoted, at + 1))
        hidden.fill(1, at, at + quoted.length)
      continue
    }
    for (let at = 0; at + step <= text.length; at += step) {
      const found = quoted.indexOf(text.slice(at, at + step))
      if (found === -1) continue
      let left = 0
      while (left < Math.min(at, found) && text[at - left - 1] === quoted[found - left - 1]) left++
      let right = step
      while (at + right < text.length && text[at + right] === quoted[found + right]) right++
      hidden.fill(1, at - left, at + right)
    }
  }
  let out = ""
  for (let i = 0; i < text.length; i++) {
    if (hidden[i] === 0) out += text[i]
    else if (i === 0 || hidden[i - 1] === 0) out += "[prompt]"
  }
  return out
}
