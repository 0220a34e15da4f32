/** From an outcome to what goes over the wire. */
import * as Duration from "effect/Duration"
import type { Outcome, StreamScript } from "../Behaviour.ts"
import * as Script from "./streamScript.ts"
import type { Completion, Piece, Wire } from "./wire.ts"

/** What is sent for an outcome, of a request for the completion given. */
export const encodeOutcome = (
  outcome: Exclude<Outcome, { _tag: "Mix" | "Hang" | "PerRequest" }>,
  about: Completion
): Wire => {
  switch (outcome._tag) {
    case "Cut":
      if (outcome.at === "before-headers") return { _tag: "Cut" }
      return about.streaming === "no"
        ? half(completion(undefined, about))
        : streamed({ end: { _tag: "Cut", after: 2 } }, about)
    case "Respond":
      return respond(outcome.status, outcome.body, outcome.headers)
    case "Stream":
      return about.streaming === "no"
        ? json(200, [piece(0, JSON.stringify(completion(outcome.script.text, about)))])
        : streamed(outcome.script, about)
    case "Ok": {
      if (about.streaming !== "no") return streamed(evenly(outcome), about)
      const body = JSON.stringify(completion(outcome.text, about))
      return outcome.over === undefined
        ? json(200, [piece(0, body)])
        : json(200, dribble(body, Duration.toMillis(outcome.over)))
    }
  }
}

const respond = (status: number, body: unknown, headers: Readonly<Record<string, string>>): Wire => {
  const text = typeof body === "string" ? body : JSON.stringify(body)
  const type = typeof body === "string" ? "text/plain" : "application/json"
  return {
    _tag: "Answer",
    status,
    headers: { "content-type": type, ...headers },
    pieces: text === "" ? [] : [piece(0, text)],
    end: "complete"
  }
}

const streamed = (script: StreamScript, about: Completion): Wire => {
  const whole = completion(script.text, about)
  const { end } = script
  const silent = end?._tag === "Stall" || end?._tag === "Heartbeat" ||
    (end?._tag === "Whole" && end.connection === "open")
  return {
    _tag: "Answer",
    status: 200,
    headers: { "content-type": "text/event-stream", "cache-control": "no-cache" },
    pieces: Script.pieces(script, { about, content: whole.choices[0]!.message.content, usage: whole.usage }),
    end: end?._tag === "Cut" ? "cut" : silent ? "silent" : "complete"
  }
}

/** A body that takes its time takes it between ten chunks. */
const evenly = ({ over, text }: Extract<Outcome, { _tag: "Ok" }>): StreamScript => {
  if (over === undefined) return { text }
  const pause = Duration.toMillis(over) / 11
  return { text, chunks: 10, firstContentAfter: pause, pause }
}

const piece = (pause: number, text: string): Piece => ({ pause, bytes: encoder.encode(text) })

const encoder = new TextEncoder()

const json = (status: number, pieces: ReadonlyArray<Piece>, end: "complete" | "cut" = "complete"): Wire => ({
  _tag: "Answer",
  status,
  headers: { "content-type": "application/json" },
  pieces,
  end
})

const half = (body: unknown): Wire => {
  const text = JSON.stringify(body)
  return json(200, [piece(0, text.slice(0, text.length >> 1))], "cut")
}

const dribble = (body: string, over: number): ReadonlyArray<Piece> => {
  const count = Math.min(10, body.length)
  const size = Math.ceil(body.length / count)
  return Array.from({ length: count }, (_, i) => piece(over / count, body.slice(i * size, (i + 1) * size)))
}

const completion = (text: string | undefined, { created, id, model, prompt }: Completion) => {
  const content = contentOf(text, model)
  const prompt_tokens = tokensOf(prompt)
  const completion_tokens = tokensOf(content)
  return {
    id,
    object: "chat.completion",
    created,
    model,
    choices: [{
      index: 0,
      message: { role: "assistant", content, refusal: null },
      logprobs: null,
      finish_reason: "stop"
    }],
    usage: {
      prompt_tokens,
      completion_tokens,
      total_tokens: prompt_tokens + completion_tokens,
      prompt_tokens_details: { cached_tokens: 0, audio_tokens: 0 },
      completion_tokens_details: { reasoning_tokens: 0, audio_tokens: 0 }
    }
  }
}

/** Four characters a token, the usual rule of thumb. */
export const tokensOf = (text: string): number => Math.ceil(text.length / 4)

/** What is said. */
export const contentOf = (text: string | undefined, model: string): string => text ?? `Hello from ${model}.`
