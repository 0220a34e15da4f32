/**
 * The events of a streamed answer, as a script wants them.
 */
import * as Duration from "effect/Duration"
import type { StreamScript } from "../Behaviour.ts"
import type { Completion, Piece } from "./wire.ts"

/** What the provider says in a stream that is whole, before and after the content. */
export interface Streamed {
  readonly about: Completion
  readonly content: string
  readonly usage: object
}

/** The pieces of the body in order. They may be without end. */
export function* pieces(script: StreamScript, streamed: Streamed): Generator<Piece> {
  const { about } = streamed
  const event = (choices: ReadonlyArray<unknown>, usage: unknown = null) =>
    data(JSON.stringify({
      id: about.id,
      object: "chat.completion.chunk",
      created: about.created,
      model: about.model,
      choices,
      ...(about.streaming === "with usage" || usage !== null ? { usage } : {})
    }))
  const usageHere = script.usage === "every-chunk" ? streamed.usage : null
  const choice = (delta: object, finish_reason: string | null = null) =>
    event([{ index: 0, delta, logprobs: null, finish_reason }], usageHere)
  const split = script.bytes === "one-by-one" ? oneByOne : together
  const end = script.end ?? { _tag: "Whole" }
  const stopsAt = "after" in end ? end.after : Infinity
  const role = choice({ role: "assistant", content: "", refusal: null })

  if (script.role !== "absent") yield* split(0, role)
  let said = 0
  for (const text of parts(streamed.content, script.chunks)) {
    if (said >= stopsAt) break
    const pause = millis(said === 0 ? script.firstContentAfter : script.pause)
    yield* split(
      pause,
      choice(script.role === "absent" && said === 0 ? { role: "assistant", content: text } : { content: text })
    )
    said++
  }
  switch (end._tag) {
    case "Whole": {
      const pause = millis(script.pause)
      if (end.without !== "finish_reason" && end.without !== "both") yield* split(pause, choice({}, "stop"))
      if (script.usage !== "never" && (about.streaming === "with usage" || script.usage === "every-chunk")) {
        yield* split(0, event([], streamed.usage))
      }
      if (end.without !== "[DONE]" && end.without !== "both") yield* split(0, data("[DONE]"))
      return
    }
    case "Error":
      return yield* split(0, typeof end.error === "string" ? end.error : data(JSON.stringify(end.error)))
    case "Garbage":
      yield* split(0, end.text)
      return
    case "Heartbeat":
      for (;;) yield* split(Math.max(1, millis(end.every)), heartbeats[end.as] ?? role)
    default:
      return
  }
}

const data = (text: string): string => `data: ${text}\n\n`

const heartbeats: Readonly<Record<string, string>> = {
  comment: ": keep-alive\n\n",
  ping: "event: ping\ndata: {\"type\": \"ping\"}\n\n"
}

/** Characters are kept whole, so that each part is text a model could have written. */
const parts = (content: string, count: number | undefined): ReadonlyArray<string> => {
  const characters = Array.from(content)
  const size = Math.max(1, Math.ceil(characters.length / (count ?? Math.ceil(characters.length / 4))))
  return Array.from(
    { length: Math.ceil(characters.length / size) },
    (_, i) => characters.slice(i * size, (i + 1) * size).join("")
  )
}

const together = function*(pause: number, text: string): Generator<Piece> {
  yield { pause, bytes: new TextEncoder().encode(text) }
}

const oneByOne = function*(pause: number, text: string): Generator<Piece> {
  const bytes = new TextEncoder().encode(text)
  for (let i = 0; i < bytes.length; i++) yield { pause: i === 0 ? pause : 0, bytes: bytes.subarray(i, i + 1) }
}

const millis = (input: Duration.Input | undefined): number => input === undefined ? 0 : Duration.toMillis(input)
