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
const worldUnits =
  "(?:secondes?|segundos?|sekunden?|secondi|seconden|sekund[aęy]?|saniye|giây|секунд[аиыу]?|minutes?|minutos?|minuten?|minuti|minut[aęy]?|dakika|phút|минут[аыу]?|хвилин[аиу]?|heures?|horas?|stunden?|ore|uur|godzin[aęy]?|saat|giờ|час(?:ов|а)?|годин[аиу]?|秒|分|時間|초|분|시간)"
const clock = "\\d{1,3}:\\d\\d:\\d\\d"

const before =
  "(?:try again|try your request again|retry|retry your request|retry it|retrying|available again|be available|resets?|be reset|be replenished|be restored|refresh(?:es)?|renews?|wait|resume)"
const joint = "(?: in| after| within| for)?(?: about| approximately| at least| another)? ?:? ?"

const english = new RegExp(`\\b${before}${joint}(${clock}|${amounts})(?![a-z\\d])`, "i")
const chinese = new RegExp(
  `(?:请|需|将|等待|请等待|约)?(?:在|于|等待)? ?(${amounts}) ?(?:之?后)(?:再|重|恢复|自动恢复|解除)`,
  "i"
)
const httpDate = "(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), \\d\\d [A-Z][a-z]{2} \\d{4} \\d\\d:\\d\\d:\\d\\d GMT"
const comesBack =
  "\\b(?:resets?|be reset|reset time|try again|retry|available again|available|regain access|renews?|refresh(?:es)?|be restored)"
const until = new RegExp(
  `${comesBack}(?: at| on| after| until)?:? ?(?<at>${instantPattern}|${httpDate}|\\d{10}(?:\\d{3})?(?!\\d))`,
  "i"
)
/** A time of the day, in UTC if it says so: of another zone nobody knows the hour. */
const timeOfDay = new RegExp(
  `${comesBack}(?: daily)?(?: at)? (?<hour>midnight|\\d{1,2})(?::(?<minute>\\d\\d))? ?(?<half>[ap]m)? ?\\(?(?:UTC|GMT)(?![+\\d-])`,
  "i"
)
/** An amount before a word that says to come again, or behind one, in other languages. */
const others = [
  new RegExp(`(?:dans|in|en|em|через|tra|fra|za|over|sau)(?: circa| environ| etwa)? (${number} ?${worldUnits})`, "i"),
  new RegExp(`(${number} ?${worldUnits}) ?(?:後|후|뒤|sonra)`, "i")
]
const chineseUntil = new RegExp(
  `(?<at>${instantPattern}) ?(?:时|后|之后)?(?:自动)?(?:重置|恢复|刷新|再试|重试|解除)`,
  "i"
)

/** A wait, and the words that tell it. */
export interface Told {
  readonly millis: number
  readonly words: string
}

export const fromSentence = (text: string, now: number): Told | undefined => {
  const sentence = text.slice(0, 4096).replace(/\s+/g, " ")
    .replace(/\b(an?|one|two|three|five|ten) (?=(?:second|minute|hour|day)s?\b)/gi, (_, word) => `${amountOf(word)} `)
  const amount = sentence.match(english) ?? sentence.match(chinese) ?? foreign(sentence)
  const wait = amount === null ? undefined : fromAmounts(amount[1]!)
  if (wait !== undefined) return { millis: wait, words: amount![0] }
  const found = sentence.match(until) ?? sentence.match(chineseUntil)
  if (found === null) return untilTimeOfDay(sentence, now)
  const said = found.groups!["at"]!
  // A time of China, where the sentence says so.
  const ofChina = /北京时间|beijing time|(?:utc|gmt) ?\+ ?0?8(?!\d)/i.test(sentence) && /\d\d:\d\d(:\d\d)?$/.test(said)
  const millis = fromInstant(ofChina ? `${said}+08:00` : said, now)
  return millis === undefined ? undefined : { millis, words: found[0] }
}

const amountOf = (word: string): number => ({ two: 2, three: 3, five: 5, ten: 10 })[word.toLowerCase()] ?? 1

const untilTimeOfDay = (sentence: string, now: number): Told | undefined => {
  const found = sentence.match(timeOfDay)
  const { half, hour, minute = "0" } = found?.groups ?? {}
  if (hour === undefined || (half === undefined && hour !== "midnight" && !sentence.includes(`${hour}:`)))
    return undefined
  const clock = hour.toLowerCase() === "midnight" ? 0 : Number(hour) % (half === undefined ? 24 : 12)
  const at = ((clock + (half?.toLowerCase() === "pm" ? 12 : 0)) * 60 + Number(minute)) * 60_000
  const wait = (at - now % day + day) % day
  return found === null || Number.isNaN(wait) ? undefined : { millis: wait, words: found[0] }
}

const day = 86_400_000

/** Only in sentences that say to come again: "en 2024" is no wait. */
const foreign = (sentence: string): RegExpMatchArray | null => {
  if (!again.test(sentence)) return null
  for (const pattern of others) {
    const match = sentence.match(pattern)
    if (match !== null) return match
  }
  return null
}

const again =
  /réessay|erneut|nochmal|nuevo|intent|novamente|tente|повтор|попроб|спробуй|ponown|spróbuj|tekrar|thử lại|opnieuw|再試行|お試し|다시|riprova/i

const fromAmounts = (said: string): number | undefined => {
  const time = said.match(/^(\d{1,3}):(\d\d):(\d\d)$/)
  if (time !== null) return fromDuration(`${time[1]}h${time[2]}m${time[3]}s`)
  const compact = [
    ...said.toLowerCase().matchAll(
      new RegExp(
        `(${number}) ?(毫秒|milli|ms|秒|초|сек|giâ|st|saat|s|分|분|мин|хви|phú|mi|m|dak|小时|時間|시간|час|год|giờ|godz|uur|or|h|天|d)`,
        "g"
      )
    )
  ]
  return compact.length === 0 ? undefined : fromDuration(compact.map(([, n, u]) => `${n}${units[u!]}`).join(""))
}

const units: Readonly<Record<string, string>> = {
  毫秒: "ms",
  milli: "ms",
  ms: "ms",
  秒: "s",
  초: "s",
  сек: "s",
  giâ: "s",
  s: "s",
  分: "m",
  mi: "m",
  m: "m",
  분: "m",
  мин: "m",
  хви: "m",
  phú: "m",
  dak: "m",
  小时: "h",
  時間: "h",
  시간: "h",
  час: "h",
  год: "h",
  godz: "h",
  giờ: "h",
  saat: "h",
  uur: "h",
  st: "h",
  or: "h",
  h: "h",
  天: "d",
  d: "d"
}
