/**
 * The language of a conversation by the script of what the user wrote last. It tells languages apart that have a script
 * of their own; all that is written in Latin letters is left to the default.
 */
import * as Predicate from "effect/Predicate"
import type * as ChatModel from "../ChatModel.ts"

/** More of a prompt is not looked at: it may be a book. */
const mostRead = 4000

/** The language, or undefined where the script does not tell. */
export const guess = ({ messages }: ChatModel.Request): string | undefined => {
  if (!Array.isArray(messages)) return undefined
  for (let i = messages.length - 1; i >= 0; i--) {
    const message: unknown = messages[i]
    if (!Predicate.isReadonlyObject(message) || message["role"] !== "user") continue
    const text = beginningOf(message["content"])
    if (text !== "") return languageOf(text)
  }
  return undefined
}

const beginningOf = (content: unknown): string => {
  if (typeof content === "string") return content.slice(0, mostRead)
  let text = ""
  if (!Array.isArray(content)) return text
  for (const part of content) {
    if (!Predicate.isReadonlyObject(part) || typeof part["text"] !== "string") continue
    text += `${part["text"].slice(0, mostRead)} `
    if (text.length >= mostRead) break
  }
  return text.slice(0, mostRead).trim()
}

/** The scripts, and how much a character of each says in letters: a Chinese one is a word or half of one. */
const scripts = [
  ["Han", 4],
  ["Hiragana", 2],
  ["Katakana", 2],
  ["Hangul", 3],
  ["Cyrillic", 1],
  ["Arabic", 1],
  ["Hebrew", 1],
  ["Thai", 1],
  ["Greek", 1],
  ["Devanagari", 1],
  ["Latin", 1]
] as const

type Script = (typeof scripts)[number][0]

const runs = new RegExp(scripts.map(([script]) => `(?<${script}>\\p{Script=${script}}+)`).join("|"), "gu")
const onlyLatin = /^[\0-\u024f\u2000-\u206f]*$/

/** Code between backticks, addresses of pages and of mail: they are in Latin letters in texts of every language. */
const foreign = /```[^]*?(?:```|$)|`[^`\n]*`|\b(?:https?:\/\/|www\.)[!-~]+|[\w.+-]{1,64}@[\w.-]{1,64}/gi

const languageOf = (written: string): string | undefined => {
  if (onlyLatin.test(written)) return undefined
  const text = written.replace(foreign, " ")
  const letters = new Map<Script, number>()
  for (const { groups, index } of text.matchAll(runs)) {
    for (const [script, says] of scripts) {
      const run = groups![script]
      if (run === undefined) continue
      // A name in Latin letters stands in texts of every language.
      if (script !== "Latin" || !isName(text, run, index))
        letters.set(script, (letters.get(script) ?? 0) + says * run.length)
      break
    }
  }
  const of = (script: Script) => letters.get(script) ?? 0
  const kana = of("Hiragana") + of("Katakana")
  const candidates: ReadonlyArray<readonly [number, () => string | undefined]> = [
    [of("Han") + kana, () => chineseOrJapanese(text, of("Han"), kana)],
    [of("Hangul"), () => "ko"],
    [of("Cyrillic"), () => byLetters(text, cyrillic)],
    [of("Arabic"), () => byLetters(text, arabic)],
    [of("Hebrew"), () => "he"],
    [of("Thai"), () => "th"],
    [of("Greek"), () => "el"],
    [of("Devanagari"), () => "hi"],
    [of("Latin"), () => undefined]
  ]
  const [most, language] = candidates.reduce((best, candidate) => candidate[0] > best[0] ? candidate : best)
  return most === 0 ? undefined : language()
}

/**
 * Words with a capital letter or beside a digit are names, but for the first word of the text. So are those of code that
 * stands in the text: `fetch(url)`, `item.id`, `a_b`.
 */
const isName = (text: string, word: string, at: number): boolean =>
  /[\d_=(){}[\]<>\\/$#]/.test(text.charAt(at - 1) + text.charAt(at + word.length)) ||
  /^\.\w/.test(text.slice(at + word.length, at + word.length + 2)) ||
  /\w\.$/.test(text.slice(Math.max(at - 2, 0), at)) ||
  (/\p{Lu}/u.test(word) && /\p{L}/u.test(text.slice(0, at)))

/** Kana is Japanese, unless it is quoted in a sentence of characters that only Chinese has. */
const chineseOrJapanese = (text: string, han: number, kana: number): string =>
  kana > 0 && !(kana < han && onlyChinese.test(text)) ? "ja" : "zh"

const onlyChinese = /[你您吗嗎呢吧么麼们們这這请个说說没沒给为还让讓谁哪怎买卖賣钱错时间问题订单发货递询帮幫很它她啊]/u

/** The letters that a language has and others of its script have not, the likeliest language first. */
type Letters = ReadonlyArray<readonly [language: string, letters: RegExp]>

const cyrillic: Letters = [
  ["ru", /[ыэё]|ъ(?=[еёюя])/giu],
  ["uk", /[іїєґ]/giu],
  ["bg", /ъ(?![еёюя])/giu],
  ["sr", /[јљњђћџ]/giu],
  ["kk", /[әғқңұһ]/giu]
]

const arabic: Letters = [
  ["ar", /[كيةىأإ]/gu],
  ["fa", /[پچژگکی]/gu],
  ["ur", /[ٹڈڑںےہھ]/gu]
]

const byLetters = (text: string, languages: Letters): string =>
  languages.map(([language, letters]) => ({ language, says: count(text, letters) }))
    .reduce((best, each) => each.says > best.says ? each : best).language

const count = (text: string, letters: RegExp): number => text.match(letters)?.length ?? 0
