/**
 * Canned replies: what a cascade says when neither a model nor the cache has an answer, in the language of the caller.
 *
 * The language is what the application says with {@link CurrentLanguage}, such as the `Accept-Language` header;
 * otherwise it is guessed from the script in which most of the last message of the user is written, up to 4,000
 * characters of it. That tells Chinese, Japanese, Korean, Russian, Ukrainian, Bulgarian, Serbian, Kazakh, Arabic,
 * Persian, Urdu, Hebrew, Thai, Greek and Hindi apart, and leaves everything in Latin letters to `default`. Names in Latin
 * letters, as of products, do not count, nor do addresses and code.
 *
 * ```ts
 * import { Canned, type ChatModel } from "@switchgear/http"
 * import { Effect } from "effect"
 *
 * const request: ChatModel.Request = { messages: [{ role: "user", content: "我的包裹在哪里？" }] }
 *
 * await Effect.runPromise(Canned.languageOf(request)) // => "zh"
 * await Effect.runPromise(
 *   Canned.languageOf(request).pipe(Effect.provideService(Canned.CurrentLanguage, "de-AT"))
 * ) // => "de-AT"
 * ```
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import { guess } from "./canned/guess.ts"
import { sentenceLanguage } from "./canned/sentenceLanguage.ts"
import * as Tags from "./canned/tags.ts"
import type * as ChatModel from "./ChatModel.ts"
import type * as ChatSchema from "./ChatSchema.ts"

/**
 * A sentence for every language, by its tag (`zh`, `pt-BR`), and one for all others. A caller whose tag is not there
 * gets the nearest one: of `zh-TW` these are `zh-Hant-TW`, `zh-Hant` and `zh`, in this order.
 *
 * @category models
 * @since 0.1.0
 */
export interface Sentences {
  readonly default: string
  readonly [language: string]: string
}

/**
 * Sentences to begin with.
 *
 * @category models
 * @since 0.1.0
 */
export const sentences: Sentences = {
  default: "We have more questions than we can answer right now. Please try again in a few minutes.",
  de:
    "Wir bekommen gerade mehr Fragen, als wir beantworten können. Bitte versuchen Sie es in ein paar Minuten noch einmal.",
  es:
    "Ahora mismo recibimos más preguntas de las que podemos contestar. Inténtelo de nuevo en unos minutos, por favor.",
  fr:
    "Nous recevons en ce moment plus de questions que nous ne pouvons en traiter. Merci de réessayer dans quelques minutes.",
  ja: "ただいまお問い合わせが大変混み合っております。数分後にもう一度お試しください。",
  ko: "지금 문의가 많아 답변이 지연되고 있습니다. 몇 분 후에 다시 시도해 주세요.",
  ru: "Сейчас вопросов больше, чем мы успеваем ответить. Пожалуйста, попробуйте ещё раз через несколько минут.",
  uk: "Зараз запитань більше, ніж ми встигаємо відповісти. Будь ласка, спробуйте ще раз за кілька хвилин.",
  zh: "现在咨询的人太多，我们一时回复不过来，请过几分钟再试。"
}

/**
 * The language of the caller, where the application knows it: a tag such as `pt-BR`, in any spelling, or the value of
 * an `Accept-Language` header, of which the first tag counts. `*` there says nothing, and so the language is guessed: clients
 * such as `fetch` of Node send it by themselves. What is no tag stands for `default`.
 *
 * @category references
 * @since 0.1.0
 */
export const CurrentLanguage = Context.Reference<string | undefined>("@switchgear/http/Canned/CurrentLanguage", {
  defaultValue: () => undefined
})

/**
 * The language to answer in: the tag of the one the application says, or a guess; `"default"` where neither tells.
 *
 * @category combinators
 * @since 0.1.0
 */
export const languageOf = (request: ChatModel.Request): Effect.Effect<string> =>
  Effect.map(
    CurrentLanguage,
    (said) => (said === undefined || Tags.isAny(said) ? guess(request) : Tags.canonical(said)) ?? "default"
  )

/**
 * The sentence as a reply like a model's: it used no tokens.
 *
 * @category constructors
 * @since 0.1.0
 */
export const reply = (sentences: Sentences, language: string, now: number): ChatSchema.ChatReply => ({
  id: "chatcmpl-canned",
  object: "chat.completion",
  created: Math.floor(now / 1000),
  model: "canned",
  choices: [{
    index: 0,
    message: { role: "assistant", content: sentences[sentenceLanguage(sentences, language)] },
    finish_reason: "stop"
  }],
  usage: { prompt_tokens: 0, completion_tokens: 0, total_tokens: 0 }
})
