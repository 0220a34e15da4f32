/**
 * What goes over the wire for an outcome: a head and pieces of a body with pauses, or a connection that is cut. The same
 * description is played by the real server and by the one in memory.
 */
import * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import type { Outcome, StreamScript } from "./Behaviour.ts"
import * as Script from "./streamScript.ts"

export type Wire =
  | {
    readonly _tag: "Answer"
    readonly status: number
    readonly headers: Readonly<Record<string, string>>
    /** The length of a body in a list is told in the head; that of any other is not known before its end. */
    readonly pieces: Iterable<Piece>
    /** Whether the connection is closed after the pieces although there should be more, or stays open and silent. */
    readonly end: "complete" | "cut" | "silent"
  }
  | { readonly _tag: "Cut" }

/** A part of the body, sent after a pause in milliseconds. */
export interface Piece {
  readonly pause: number
  readonly bytes: Uint8Array
}

/** A request as it arrives, by socket or in memory. */
export interface Incoming {
  readonly method: string
  readonly path: string
  readonly authorization: string | undefined
  readonly body: string
}

/** A request being answered. It ends once; later ends change nothing. */
export interface Call {
  readonly end: (how: "answered" | "cut" | "aborted") => void
  /** Says that the response is still under way after it was begun, and that its reader will end the call. */
  readonly handOver: () => void
}

/** Answers a request by script, while `play` sends what goes over the wire. Interruption is the client leaving. */
export type Handle = <A, E>(
  incoming: Incoming,
  play: (wire: Wire, call: Call) => Effect.Effect<A, E>
) => Effect.Effect<A, E>

/** What a completion is made of. */
export interface Completion {
  readonly id: string
  readonly model: string
  readonly created: number
  readonly prompt: string
  /** Whether the answer is wanted in chunks, and the usage with it. */
  readonly streaming: "no" | "yes" | "with usage"
}

export const fromOutcome = (outcome: Exclude<Outcome, { _tag: "Mix" | "Hang" }>, about: Completion): Wire => {
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

export const respond = (status: number, body: unknown, headers: Readonly<Record<string, string>>): Wire => {
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
  const silent = end?._tag === "Stall" || (end?._tag === "Whole" && end.connection === "open")
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
  const content = text ?? `Hello from ${model}.`
  const prompt_tokens = tokens(prompt)
  const completion_tokens = tokens(content)
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
const tokens = (text: string): number => Math.ceil(text.length / 4)
