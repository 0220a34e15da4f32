/**
 * What a call over a socket costs in CPU of this process, sixteen at once, with the provider in a process of its own. The
 * clients take turns, so that each row and what it is compared with have the same machine.
 */
import { NodeHttpClient } from "@effect/platform-node"
import * as Undici from "@effect/platform-node/Undici"
import { RateLimiter } from "@switchgear/core"
import { ChatClient, ChatModel } from "@switchgear/http"
import * as NodeTransport from "@switchgear/http/NodeTransport"
import { Context, Effect, Exit, Layer, Redacted, Scope } from "effect"
import { HttpClient, HttpClientRequest } from "effect/http"
import { fork } from "node:child_process"
import { once } from "node:events"
import OpenAI from "openai"
import { collectGarbage } from "../harness.ts"
import { compared, type Row, type Section } from "../section.ts"
import type { Settings } from "../settings.ts"
import { median } from "../stats.ts"

const apiKey = "sk-0123456789abcdefghij"
const request = {
  model: "gpt-4.1",
  messages: [
    { role: "system" as const, content: "You are a helpful assistant of a shop." },
    { role: "user" as const, content: "Where is my parcel? It was sent on Monday." }
  ],
  temperature: 0.2
}

interface Subject {
  readonly name: string
  /** How often the cost of `undici.request` it may be. */
  readonly atMost?: number
  /** Asks once, and answers with the number of choices. */
  readonly ask: () => Promise<number>
}

const choicesOf = (json: unknown): number => (json as { readonly choices: ReadonlyArray<unknown> }).choices.length

const floor = "undici.request, JSON both ways"

const subjectsAt = Effect.fnUntraced(function*(origin: string, path: string) {
  const baseUrl = `${origin}${path}`
  const headers = { "content-type": "application/json", authorization: `Bearer ${apiKey}` }
  const agent = new Undici.Agent()
  const http = yield* Effect.map(Layer.build(NodeHttpClient.layerUndici), Context.get(HttpClient.HttpClient))
  const openai = new OpenAI({ apiKey, baseURL: baseUrl, maxRetries: 0 })
  const client = yield* Effect.map(
    Layer.build(NodeTransport.layerChatClient({ provider: "p", baseUrl, apiKey: Redacted.make(apiKey) })),
    Context.get(ChatClient.ChatClient)
  )
  const modelWith = (options: Omit<ChatModel.Options, "model">) =>
    ChatModel.make({ model: request.model, client, ...options })
  const plain = yield* modelWith({})
  const limits = [RateLimiter.requests(1e9, "1 minute"), RateLimiter.tokens(1e12, "1 minute")]
  const limited = yield* modelWith({ rateLimiter: { limits } })
  const guarded = (model: ChatModel.GuardedModel) => () =>
    Effect.runPromise(Effect.map(model.complete(request), ({ value }) => choicesOf(value)))
  const subjects: ReadonlyArray<Subject> = [
    {
      name: floor,
      ask: async () => {
        const { body } = await agent.request({
          origin,
          path: `${path}/chat/completions`,
          method: "POST",
          headers,
          body: JSON.stringify(request)
        })
        return choicesOf(await body.json())
      }
    },
    {
      name: "ChatClient.complete",
      atMost: 1.2,
      ask: () => Effect.runPromise(Effect.map(client.complete(request), choicesOf))
    },
    { name: "ChatModel.complete, all guards but a rate limit", ask: guarded(plain) },
    { name: "ChatModel.complete, all guards", atMost: 1.6, ask: guarded(limited) },
    {
      name: "fetch, JSON both ways",
      ask: async () => {
        const response = await fetch(`${baseUrl}/chat/completions`, {
          method: "POST",
          headers,
          body: JSON.stringify(request)
        })
        return choicesOf(await response.json())
      }
    },
    {
      name: "platform's HttpClient, JSON both ways",
      ask: () =>
        Effect.runPromise(
          HttpClientRequest.post(`${baseUrl}/chat/completions`, { headers }).pipe(
            HttpClientRequest.bodyJsonUnsafe(request),
            http.execute,
            Effect.flatMap((response) => response.json),
            Effect.map(choicesOf)
          )
        )
    },
    { name: "openai client", ask: async () => choicesOf(await openai.chat.completions.create(request)) }
  ]
  return subjects
})

/** Asks for so long, sixteen at once, and answers with the CPU of a call in nanoseconds. */
const busy = async ({ ask, name }: Subject, millis: number): Promise<number> => {
  const until = performance.now() + millis
  const before = process.cpuUsage()
  let [calls, choices] = [0, 0]
  const caller = async () => {
    while (performance.now() < until) {
      const found = await ask()
      choices += found
      calls++
    }
  }
  await Promise.all(Array.from({ length: 16 }, caller))
  const { system, user } = process.cpuUsage(before)
  if (choices !== calls) throw new Error(`${name}: ${calls} calls gave ${choices} choices`)
  return (user + system) * 1000 / calls
}

const rowsOf = async (
  subjects: ReadonlyArray<Subject>,
  how: string,
  settings: Settings
): Promise<ReadonlyArray<Row>> => {
  const full = settings.mode === "full"
  for (const subject of subjects) await busy(subject, full ? 5000 : 400)
  collectGarbage({ type: "minor" })
  const rounds: Array<ReadonlyArray<number>> = []
  for (let round = 0; round < (full ? 15 : 5); round++) {
    const nanos: Array<number> = []
    for (const subject of subjects) nanos.push(await busy(subject, full ? 400 : 150))
    rounds.push(nanos)
  }
  return subjects.map(({ atMost, name }, i) => ({
    what: `${name}, ${how}`,
    unit: "ns",
    value: median(rounds.map((nanos) => nanos[i]!)),
    comparisons: i === 0
      ? []
      : [compared(`${floor}, ${how}`, median(rounds.map((nanos) => nanos[i]! / nanos[0]!)), atMost)]
  }))
}

export const client = async (settings: Settings): Promise<Section> => {
  const provider = fork(new URL("../client/provider.ts", import.meta.url))
  const [port] = await once(provider, "message")
  const scope = Scope.makeUnsafe()
  const rows: Array<Row> = []
  for (const [path, how] of [["/length/v1", "with a length"], ["/chunked/v1", "in chunks"]] as const) {
    const subjects = subjectsAt(`http://127.0.0.1:${port}`, path)
    rows.push(...await rowsOf(await Effect.runPromise(Scope.provide(subjects, scope)), how, settings))
  }
  await Effect.runPromise(Scope.close(scope, Exit.void))
  provider.disconnect()
  return {
    title: "Client: a call over a socket, sixteen at once",
    notes: [
      "CPU of this process, user and system, a call; the provider runs in another. Compared round by round with undici.request, whose median a busy machine moves as well."
    ],
    rows
  }
}
