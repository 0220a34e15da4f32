/** What applications ask the official client for besides a text, when the first model fails: nothing of it is lost on the way. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, type Scope } from "effect"
import type { ServerResponse } from "node:http"
import OpenAI from "openai"
import OpenAI6 from "openai-6"
import { hello, runningOver, token } from "../running.ts"
import { chunkOf, scripted, sendEvents, usageChunk } from "../scripted.ts"

const messages = hello.messages as Array<OpenAI.ChatCompletionMessageParam>

const logprobs = { content: [{ token: "a", logprob: -0.1, bytes: [97], top_logprobs: [] }], refusal: null }

const structure = {
  type: "json_schema" as const,
  json_schema: {
    name: "place",
    strict: true,
    schema: { type: "object", properties: { city: { type: "string" } }, required: ["city"] }
  }
}

const weather = {
  type: "function" as const,
  function: {
    name: "weather",
    parameters: { type: "object", properties: { city: { type: "string" } } },
    parse: JSON.parse,
    function: ({ city }: { readonly city: string }) => `sunny in ${city}`
  }
}

const callOf = (index: number) => ({
  id: `call_${index}`,
  type: "function",
  function: { name: "weather", arguments: `{"city":"${index}"}` }
})

/** Says what it was asked for, whole or in pieces. */
const said = (body: any, response: ServerResponse): void => {
  const count: number = body.n ?? 1
  const calls = body.tools !== undefined && body.messages.at(-1).role !== "tool"
  const told = body.messages.filter(({ role }: any) => role === "tool").map(({ content }: any) => content).join(", ")
  const text = body.response_format === undefined ? told || "Good day" : "{\"city\":\"Zürich\"}"
  const finish = calls ? "tool_calls" : "stop"
  const more = body.logprobs === true ? { logprobs } : {}
  if (body.stream !== true) {
    response.writeHead(200, { "content-type": "application/json" })
    return void response.end(JSON.stringify({
      id: "chatcmpl-1",
      object: "chat.completion",
      created: 1,
      model: "scripted",
      choices: Array.from({ length: count }, (_, index) => ({
        index,
        message: {
          role: "assistant",
          refusal: null,
          ...calls ? { content: null, tool_calls: [callOf(0), callOf(1)] } : { content: text }
        },
        finish_reason: finish,
        ...more
      })),
      usage: { prompt_tokens: 3, completion_tokens: 4, total_tokens: 7 }
    }))
  }
  const piece = (delta: object, index: number) => {
    const chunk = JSON.parse(chunkOf(delta, null, index))
    if ("content" in delta && delta.content !== "") Object.assign(chunk.choices[0], more)
    sendEvents(response, JSON.stringify(chunk))
  }
  for (let i = 0; i < count; i++) piece({ role: "assistant", content: calls ? null : "" }, i)
  if (calls) {
    for (const index of [0, 1]) {
      const { function: { arguments: given, name }, ...call } = callOf(index)
      piece({ tool_calls: [{ index, ...call, function: { name, arguments: "" } }] }, 0)
      for (const letter of given) piece({ tool_calls: [{ index, function: { arguments: letter } }] }, 0)
    }
  } else { for (const part of text.match(/.{1,3}/gsu)!) for (let i = 0; i < count; i++) piece({ content: part }, i) }
  for (let i = 0; i < count; i++) sendEvents(response, chunkOf({}, finish, i))
  sendEvents(response, usageChunk, "[DONE]")
  response.end()
}

const scoped = (effect: Effect.Effect<void, never, Scope.Scope>) => () => Effect.scoped(effect)

for (const [name, Client] of [["openai 7", OpenAI], ["openai 6", OpenAI6 as unknown as typeof OpenAI]] as const) {
  const clientOf = (url: string) =>
    new Client({ apiKey: token, baseURL: `${url}/v1`, logLevel: "off", maxRetries: 0 }).chat.completions

  /** A gateway whose first model fails at once. */
  const movedOn = Effect.gen(function*() {
    const provider = yield* scripted(({ body }, response) => {
      if (body.model === "second") return said(body, response)
      response.writeHead(500, { "content-type": "application/json" })
      response.end("{}")
    })
    const { url } = yield* runningOver(provider.url)
    return { client: clientOf(url), asked: provider.asked }
  })

  describe(`${name}, moved on to the next model,`, () => {
    it.live(
      "runs tools that are called two at a time, whole and streamed",
      scoped(Effect.gen(function*() {
        const { asked, client } = yield* movedOn
        for (const stream of [false, true]) {
          const params = { model: "assistant", messages, tools: [weather], stream } as any
          assert.strictEqual(
            yield* Effect.promise(() => client.runTools(params).finalContent()),
            "sunny in 0, sunny in 1"
          )
        }
        assert.strictEqual(asked.filter(({ body }) => body.model === "second").length, 4)
      }))
    )

    it.live(
      "gets each of three choices with its log probabilities, whole and streamed",
      scoped(Effect.gen(function*() {
        const { client } = yield* movedOn
        const params = { model: "assistant", messages, n: 3, logprobs: true }
        const whole = yield* Effect.promise(() => client.create(params))
        const streamed = yield* Effect.promise(() => client.stream(params).finalChatCompletion())
        for (const [{ choices }, tokens] of [[whole, 1], [streamed, 3]] as const) {
          assert.deepStrictEqual(
            choices.map(({ logprobs, message }) => [message.content, logprobs?.content?.length]),
            Array.from({ length: 3 }, () => ["Good day", tokens])
          )
        }
      }))
    )

    it.live(
      "gets a structure that it has asked for, and sends an image",
      scoped(Effect.gen(function*() {
        const { asked, client } = yield* movedOn
        const content = [
          { type: "text" as const, text: "Where is this?" },
          { type: "image_url" as const, image_url: { url: "data:image/png;base64,AAAA" } }
        ]
        const { choices } = yield* Effect.promise(() =>
          client.parse({ model: "assistant", messages: [{ role: "user", content }], response_format: structure })
        )
        assert.deepStrictEqual(choices[0]!.message.parsed, { city: "Zürich" })
        assert.deepStrictEqual(asked.at(-1)!.body.messages[0].content, content)
        assert.deepStrictEqual(asked.at(-1)!.body.response_format, structure)
      }))
    )
  })

  describe(`${name}, of which fifty read streams at once while the first model dies,`, () => {
    it.live(
      "gets each whole, or is told where it broke off, and nobody gets a word of another one",
      scoped(Effect.gen(function*() {
        const open = new Set<ServerResponse>()
        let begun = 0
        const provider = yield* scripted(({ body }, response) => {
          const words = Array.from({ length: 10 }, (_, i) => chunkOf({ content: `${body.user}.${i} ` }))
          if (body.model === "second") {
            sendEvents(response, ...words, chunkOf({}, "stop"), "[DONE]")
            return void response.end()
          }
          // Of the others, nobody has a word yet.
          if (open.size < 20) sendEvents(response, ...words.slice(0, 3))
          open.add(response)
        })
        const { url } = yield* runningOver(provider.url, "defaults: { bulkhead: { concurrency: 50 } }")
        const client = clientOf(url)
        const read = async (user: string) => {
          let text = ""
          try {
            const stream = await client.create({ model: "assistant", messages, user, stream: true })
            for await (const { choices: [choice] } of stream) {
              if (text === "" && open.size > 0 && ++begun === 20) { for (const one of open) one.destroy() }
              text += choice?.delta.content ?? ""
            }
          } catch (error) {
            return { user, text, code: (error as { readonly code?: string }).code }
          }
          return { user, text, code: "whole" }
        }
        const all = yield* Effect.promise(() => Promise.all(Array.from({ length: 50 }, (_, i) => read(`u${i}`))))
        for (const { code, text, user } of all) {
          const words = Array.from({ length: code === "whole" ? 10 : 3 }, (_, i) => `${user}.${i} `).join("")
          assert.isTrue(code === "whole" ? text === words : words.startsWith(text), text)
        }
        const count = (code: string) => all.filter((one) => one.code === code).length
        assert.deepStrictEqual([count("truncated_reply"), count("whole")], [20, 30])
      }))
    )
  })
}
