/**
 * The clients that people have, at the service of `server.ts`: the `openai` package, the AI SDK, and plain `fetch`. First
 * both providers work, then the first is down, then both are. At the end the service is told to stop in the middle of a call.
 *
 * ```sh
 * node packages/examples/07_http_service/clients.ts
 * ```
 *
 * Two simulated providers and the service run on real loopback sockets, the service in a process of its own.
 */
import { createOpenAICompatible } from "@ai-sdk/openai-compatible"
import { NodeRuntime, NodeServices } from "@effect/platform-node"
import { Behaviour, SimulatedProvider } from "@switchgear/http/testing"
import { generateText, streamText } from "ai"
import { Console, Effect, Fiber, Schema, Stream } from "effect"
import { ChildProcess, ChildProcessSpawner } from "effect/process"
import OpenAI from "openai"

class NotStarted extends Schema.TaggedError<NotStarted>("examples/NotStarted")("NotStarted", {
  message: Schema.String
}) {}

const provided = Effect.fnUntraced(function*(model: string, text: string) {
  const provider = yield* SimulatedProvider.make({ models: { [model]: { outcome: Behaviour.ok(text) } } })
  const { url } = yield* SimulatedProvider.serve(provider)
  return { url, is: (behaviour: Behaviour.Behaviour) => provider.set(model, behaviour) }
})

/** Starts the service on a free port, and tells its address once it listens. It gets SIGTERM when the scope ends. */
const started = Effect.fnUntraced(function*(env: Readonly<Record<string, string>>) {
  const spawner = yield* ChildProcessSpawner.ChildProcessSpawner
  const service = yield* spawner.spawn(
    ChildProcess.make(process.execPath, [`${import.meta.dirname}/server.ts`], { env: { ...env, PORT: "0" } })
  )
  const lines = service.all.pipe(Stream.decodeText, Stream.splitLines)
  const port = yield* lines.pipe(
    Stream.map((line) => /Listening on .*:(\d+)/.exec(line)?.[1]),
    Stream.filter((port) => port !== undefined),
    Stream.runHead,
    Effect.flatMap(Effect.fromOption),
    Effect.mapError(() => new NotStarted({ message: "The service ended before it listened." }))
  )
  return { service, url: `http://127.0.0.1:${port}` }
})

const content = "When does my parcel leave?"

const program = Effect.gen(function*() {
  const openai = yield* provided("gpt-4.1", "It leaves tonight.")
  const deepseek = yield* provided("deepseek-chat", "It leaves tomorrow.")
  const { service, url } = yield* started({
    OPENAI_BASE_URL: openai.url,
    OPENAI_API_KEY: "sk-openai-0123456789",
    DEEPSEEK_BASE_URL: deepseek.url,
    DEEPSEEK_API_KEY: "sk-deepseek-0123456789"
  })

  const client = new OpenAI({ baseURL: `${url}/v1`, apiKey: "none", maxRetries: 0 })
  const ai = createOpenAICompatible({ name: "service", baseURL: `${url}/v1` })("any")

  const whole = Effect.promise(() =>
    client.chat.completions.create({ model: "any", messages: [{ role: "user", content }] })
      .then(({ choices }) => choices[0]?.message.content)
  )
  const streamed = Effect.promise(async () => {
    let text = ""
    const stream = await client.chat.completions.create({
      model: "any",
      stream: true,
      messages: [{ role: "user", content }]
    })
    for await (const chunk of stream) text += chunk.choices[0]!.delta.content ?? ""
    return text
  })
  const withAiSdk = Effect.promise(() => generateText({ model: ai, prompt: content }).then(({ text }) => text))
  const streamedWithAiSdk = Effect.promise(async () => {
    let text = ""
    for await (const part of streamText({ model: ai, prompt: content }).textStream) text += part
    return text
  })
  const withFetch = (content: string) =>
    Effect.promise(async () => {
      const response = await fetch(`${url}/v1/chat/completions`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ model: "any", messages: [{ role: "user", content }] })
      })
      return `${response.status}, ${response.headers.get("x-step")}, ${response.headers.get("x-degradation")}`
    })
  const tooLong = Effect.promise(() =>
    client.chat.completions.create({ model: "any", messages: [{ role: "user", content: "And now?" }] }).then(
      () => "an answer",
      (error: unknown) => error instanceof OpenAI.BadRequestError ? `${error.status}, ${error.code}` : "another error"
    )
  )
  const health = Effect.promise(() => fetch(`${url}/health`).then((response) => response.text()))

  const everybody = Effect.fnUntraced(function*(title: string) {
    yield* Console.log(title)
    yield* Console.log(`  openai:           ${yield* whole}`)
    yield* Console.log(`  openai, streamed: ${yield* streamed}`)
    yield* Console.log(`  AI SDK:           ${yield* withAiSdk}`)
    yield* Console.log(`  AI SDK, streamed: ${yield* streamedWithAiSdk}`)
    yield* Console.log(`  fetch:            ${yield* withFetch(title)}`)
    yield* Console.log(`  health:           ${yield* health}`)
  })

  yield* everybody("Both providers answer.")

  yield* openai.is({ outcome: Behaviour.respond(400, { error: { code: "context_length_exceeded" } }) })
  yield* Console.log(`The conversation is too long.\n  openai:           ${yield* tooLong}`)

  yield* openai.is({ outcome: Behaviour.overloaded })
  yield* everybody("The first one is overloaded.")

  yield* deepseek.is({ outcome: Behaviour.unauthorized })
  yield* everybody("The second one rejects the key.")

  yield* deepseek.is({ outcome: Behaviour.ok("It leaves tomorrow."), latency: Behaviour.constant("1 second") })
  const call = yield* Effect.forkChild(whole, { startImmediately: true })
  yield* Effect.sleep("300 millis")
  yield* service.kill()
  yield* Console.log("The service is told to stop while it answers.")
  yield* Console.log(`  openai:           ${yield* Fiber.join(call)}`)
})

program.pipe(Effect.scoped, Effect.provide(NodeServices.layer), NodeRuntime.runMain)
