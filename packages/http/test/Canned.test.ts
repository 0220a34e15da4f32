import { assert, describe, it } from "@effect/vitest"
import { Canned, ChatError, ChatModel, ChatSchema, ModelCascade } from "@switchgear/http"
import { Effect, Schema } from "effect"

const asking = (content: unknown): ChatModel.Request => ({ messages: [{ role: "user", content: content as string }] })

const guessed: ReadonlyArray<readonly [language: string, ...texts: ReadonlyArray<string>]> = [
  [
    "zh",
    "我的包裹在哪里？",
    "请问 iPhone 15 Pro Max 什么时候发货",
    "帮我查一下 Samsung Galaxy S24 Ultra 512GB",
    "用 python 写一个 quick sort",
    "怎么安装 docker compose 插件？",
    "請問我的 MacBook Air 什麼時候到貨？",
    "请问「ありがとう」是什么意思？",
    "我想买一个優衣庫ユニクロ的外套"
  ],
  [
    "ja",
    "注文はいつ届きますか",
    "注文番号を確認",
    "キャンセル方法を教えて",
    "iPhone 15 Pro の納期は？",
    "返品キャンセル希望"
  ],
  ["ko", "제 소포는 어디에 있나요?", "Galaxy S24 Ultra 언제 와요?", "韓國에서 주문했습니다"],
  [
    "ru",
    "Где моя посылка?",
    "Где мой заказ Samsung Galaxy S24 Ultra?",
    "Когда будет доставка iPhone 15?",
    "Нужен объём",
    "Почему не работает? const x = await fetch('https://api.example.com/v1/chat'); console.log(x.status)",
    "Где посылка? https://shop.example.com/orders/track?id=123&locale=en",
    "Ответьте на customer.service@shop.example.com",
    "Что делает `return await client.messages.create`?"
  ],
  ["bg", "Къде е моята пратка?"],
  ["sr", "Где је мој пакет?"],
  ["kk", "Менің сәлемдемем қайда?"],
  ["uk", "Коли прийде моє замовлення?", "Де моя посилка з Києва і що з нею?", "Ґудзик відірвався", "ПОВЕРНІТЬ ГРОШІ"],
  ["ar", "أين طردي؟", "أين هاتفي iPhone 15 Pro؟", "أين طلبي https://example.com/very/long/path/with/latin/letters"],
  ["fa", "بسته من کجاست؟ پیگیری چگونه است"],
  ["ur", "میرا پارسل کہاں ہے؟"],
  ["he", "איפה החבילה שלי?"],
  ["th", "พัสดุของฉันอยู่ที่ไหน"],
  ["el", "Πού είναι το δέμα μου;"],
  ["hi", "मेरा पार्सल कहाँ है?"],
  [
    "default",
    "Where is my parcel?",
    "What does 你好 mean?",
    "Please translate 你好世界 into English for my customers",
    "How do I say здравствуйте to a customer in a polite way?",
    "Wo ist mein Paket? Größe: groß",
    "12345 🙂 €",
    ""
  ]
]

describe("the language is guessed from what most of the message is written in", () => {
  for (const [language, ...texts] of guessed) {
    for (const text of texts) {
      it.effect(`${language}: ${text}`, () =>
        Effect.gen(function*() {
          assert.strictEqual(yield* Canned.languageOf(asking(text)), language)
          assert.strictEqual(yield* Canned.languageOf(asking([{ type: "text", text }])), language)
        }))
    }
  }

  it.effect("and the last message of the user counts, if it says something", () =>
    Effect.gen(function*() {
      const messages: ChatModel.Request["messages"] = [
        { role: "user", content: "Где моя посылка?" },
        { role: "assistant", content: "在路上" },
        { role: "user", content: [{ type: "image_url", image_url: { url: "https://p.test/a.png" } }] }
      ]
      assert.strictEqual(yield* Canned.languageOf({ messages }), "ru")
      assert.strictEqual(yield* Canned.languageOf({ messages: messages.slice(1) }), "default")
    }))

  it.effect("whatever a request is", () =>
    Effect.gen(function*() {
      for (
        const messages of [undefined, null, "hello", {}, [null], [7], [{ role: "user" }], [{
          role: "user",
          content: {}
        }]]
      ) {
        assert.strictEqual(yield* Canned.languageOf({ messages } as never), "default")
      }
    }))

  it.effect.prop(
    "and is found for every text",
    { text: Schema.String, tag: Schema.String },
    ({ tag, text }) =>
      Effect.gen(function*() {
        assert.match(yield* Canned.languageOf(asking(text)), /^([a-z]{2}|default)$/)
        const language = yield* Effect.provideService(Canned.languageOf(asking(text)), Canned.CurrentLanguage, tag)
        const { choices } = Canned.reply(Canned.sentences, language, 0)
        assert.include(Object.values(Canned.sentences), choices[0].message.content as string)
      })
  )

  it.effect("of which the first 4,000 characters are read", () =>
    Effect.gen(function*() {
      const book = "Where is my parcel? ".repeat(100_000)
      assert.strictEqual(yield* Canned.languageOf(asking("我的包裹".repeat(500) + book)), "zh")
      assert.strictEqual(yield* Canned.languageOf(asking(book + "我的包裹".repeat(1_000_000))), "default")
      const parts = Array.from({ length: 100_000 }, () => ({ type: "text", text: "我的包裹在哪里" }))
      let read = 0
      const counted = parts.map((part) => ({
        type: "text",
        get text() {
          read++
          return part.text
        }
      }))
      assert.strictEqual(yield* Canned.languageOf(asking(counted)), "zh")
      assert.isBelow(read, 2000)
    }))
})

const own: Canned.Sentences = {
  default: "default",
  en: "en",
  "en-GB": "en-GB",
  "pt-BR": "pt-BR",
  zh: "zh",
  "zh-Hant": "zh-Hant",
  "SR-latn": "sr-Latn"
}

const tags: ReadonlyArray<readonly [written: unknown, language: string, sentence: string]> = [
  ["en", "en", "en"],
  ["EN-us", "en-US", "en"],
  ["en_GB", "en-GB", "en-GB"],
  ["en_GB.UTF-8", "en-GB", "en-GB"],
  ["pt_BR", "pt-BR", "pt-BR"],
  ["pt", "pt", "pt-BR"],
  ["pt-PT", "pt-PT", "default"],
  ["zh-Hant-TW", "zh-Hant-TW", "zh-Hant"],
  ["zh-TW", "zh-TW", "zh-Hant"],
  ["zh-HK", "zh-HK", "zh-Hant"],
  ["zh-CN", "zh-CN", "zh"],
  ["zh-Hans-SG", "zh-Hans-SG", "zh"],
  ["sr-Latn-RS", "sr-Latn-RS", "sr-Latn"],
  ["en-GB-u-ca-gregory", "en-GB-u-ca-gregory", "en-GB"],
  ["en-GB,en;q=0.9,de;q=0.8", "en-GB", "en-GB"],
  [" de ;q=1", "de", "default"],
  ["tlh", "tlh", "default"],
  ["default", "default", "default"],
  ["constructor", "default", "default"],
  ["__proto__", "default", "default"],
  ["hasOwnProperty", "default", "default"],
  ["toString", "tostring", "default"],
  ["valueOf", "valueof", "default"],
  ["", "default", "default"],
  // Says nothing: it is guessed.
  ["*", "zh", "zh"],
  [" *;q=0.5, en", "zh", "zh"],
  ["-", "default", "default"],
  ["en--US", "default", "default"],
  ["x".repeat(1_000_000), "default", "default"],
  [7, "default", "default"],
  [null, "default", "default"]
]

describe("a language that the application says", () => {
  for (const [written, language, sentence] of tags) {
    it.effect(`${String(written).slice(0, 40)} is ${language} and gets the sentence of ${sentence}`, () =>
      Effect.gen(function*() {
        const said = yield* Effect.provideService(
          Canned.languageOf(asking("我的包裹在哪里？")),
          Canned.CurrentLanguage,
          written as string
        )
        assert.strictEqual(said.toLowerCase(), language.toLowerCase())
        assert.strictEqual(ChatSchema.text(Canned.reply(own, said, 0)), sentence)
      }))
  }

  it.effect("that is the name of a property of every object gets the sentence at the end of a cascade", () =>
    Effect.gen(function*() {
      const fault = new ChatError.ProviderFault({ provider: "p", model: "m" })
      const down = ChatModel.of<ChatModel.ModelError>({ name: "m", complete: () => Effect.fail(fault) })
      const cascade = yield* ModelCascade.make({ models: [{ model: down }], canned: Canned.sentences })
      for (const language of ["constructor", "__proto__", "toString", "valueOf"]) {
        const { value } = yield* Effect.provideService(
          cascade.complete(asking("hello")),
          Canned.CurrentLanguage,
          language
        )
        assert.strictEqual(ChatSchema.text(value), Canned.sentences.default)
      }
    }))
})

it("there are sentences in eight languages and one for all others, and none twice", () => {
  assert.deepStrictEqual(Object.keys(Canned.sentences).sort(), [
    "de",
    "default",
    "es",
    "fr",
    "ja",
    "ko",
    "ru",
    "uk",
    "zh"
  ])
  assert.strictEqual(new Set(Object.values(Canned.sentences)).size, 9)
})
