/**
 * What goes over the wire for an outcome: a head and pieces of a body with pauses, or a connection that is cut. The same description is played by the real server and by the one in memory.
 */
import * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import type { Outcome } from "./Behaviour.ts"

export type Wire =
  | {
    readonly _tag: "Answer"
    readonly status: number
    readonly headers: Readonly<Record<string, string>>
    readonly pieces: ReadonlyArray<Piece>
    /** Whether the connection is closed after the pieces although the head promised more. */
    readonly end: "complete" | "cut"
  }
  | { readonly _tag: "Cut" }

/** A part of the body, sent after a pause in milliseconds. */
export interface Piece {
  readonly pause: number
  readonly text: string
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
}

export const fromOutcome = (outcome: Exclude<Outcome, { _tag: "Mix" | "Hang" }>, about: Completion): Wire => {
  switch (outcome._tag) {
    case "Cut":
      return outcome.at === "before-headers" ? { _tag: "Cut" } : half(completion(undefined, about))
    case "Respond":
      return respond(outcome.status, outcome.body, outcome.headers)
    case "Ok": {
      const body = JSON.stringify(completion(outcome.text, about))
      return outcome.over === undefined
        ? json(200, [{ pause: 0, text: body }])
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
    pieces: text === "" ? [] : [{ pause: 0, text }],
    end: "complete"
  }
}

const json = (status: number, pieces: ReadonlyArray<Piece>, end: "complete" | "cut" = "complete"): Wire => ({
  _tag: "Answer",
  status,
  headers: { "content-type": "application/json" },
  pieces,
  end
})

const half = (body: unknown): Wire => {
  const text = JSON.stringify(body)
  return json(200, [{ pause: 0, text: text.slice(0, text.length >> 1) }], "cut")
}

const dribble = (body: string, over: number): ReadonlyArray<Piece> => {
  const count = Math.min(10, body.length)
  const size = Math.ceil(body.length / count)
  return Array.from({ length: count }, (_, i) => ({
    pause: over / count,
    text: body.slice(i * size, (i + 1) * size)
  }))
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
