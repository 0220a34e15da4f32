/**
 * Waits from a provider's sentence: "try again in 7m12s", "retry after 26 seconds", "wait 2 minutes", "will reset after
 * 114h17m51s", "reset at 2026-08-17 02:56:15", "请在 30 秒后重试".
 *
 * Each pattern begins with a fixed word and has bounded repetitions only, so that looking for it is linear.
 */
import { fromDuration, fromInstant, instantPattern } from "./waitValue.ts"

const number = "\\d{1,12}(?:\\.\\d{1,12})?"
/** One or more amounts: `7m12s`, `1 hour and 5 minutes`. The unit of a single amount may be missing after "in". */
const amounts =
  `(?:${number} ?(?:milliseconds?|millis|ms|seconds?|secs?|s|minutes?|mins?|m|hours?|hrs?|h|days?|d|毫秒|秒钟|秒|分钟|分|小时|天)(?:,? (?:and )?|和|零)?){1,5}`
const clock = "\\d{1,3}:\\d\\d:\\d\\d"

const before =
  "(?:try again|try your request again|retry|retry your request|retry it|retrying|available again|be available|resets?|be reset|be replenished|be restored|refresh(?:es)?|renews?|wait|resume)"
const joint = "(?: in| after| within| for)?(?: about| approximately| at least| another)? ?:? ?"

const english = new RegExp(`\\b${before}${joint}(${clock}|${amounts})(?![a-z\\d])`, "i")
const chinese = new RegExp(`(?:请|需|将|等待|请等待|约)?(?:在|于|等待)? ?(${amounts}) ?(?:之?后)(?:再|重)`, "i")
const until = new RegExp(
  `\\b(?:resets?|be reset|reset time|try again|retry|available again|available|regain access|renews?|refresh(?:es)?|be restored)(?: at| on| after| until)?:? ?${instantPattern}`,
  "i"
)
const chineseUntil = new RegExp(`${instantPattern} ?(?:时|后|之后)?(?:自动)?(?:重置|恢复|刷新|再试|重试|解除)`, "i")

export const fromSentence = (text: string | undefined, now: number): number | undefined => {
  if (text === undefined) return undefined
  const sentence = text.slice(0, 4096).replace(/\s+/g, " ")
  const amount = (sentence.match(english) ?? sentence.match(chinese))?.[1]
  const wait = amount === undefined ? undefined : fromAmounts(amount)
  if (wait !== undefined) return wait
  const found = sentence.match(until) ?? sentence.match(chineseUntil)
  return found === null ? undefined : fromInstant(found[0].match(new RegExp(instantPattern, "i"))![0], now)
}

const fromAmounts = (said: string): number | undefined => {
  const time = said.match(/^(\d{1,3}):(\d\d):(\d\d)$/)
  if (time !== null) return fromDuration(`${time[1]}h${time[2]}m${time[3]}s`)
  const compact = [
    ...said.toLowerCase().matchAll(new RegExp(`(${number}) ?(毫秒|milli|ms|秒|s|分|mi|m|小时|h|天|d)`, "g"))
  ]
  return compact.length === 0 ? undefined : fromDuration(compact.map(([, n, u]) => `${n}${units[u!]}`).join(""))
}

const units: Readonly<Record<string, string>> = {
  毫秒: "ms",
  milli: "ms",
  ms: "ms",
  秒: "s",
  s: "s",
  分: "m",
  mi: "m",
  m: "m",
  小时: "h",
  h: "h",
  天: "d",
  d: "d"
}
