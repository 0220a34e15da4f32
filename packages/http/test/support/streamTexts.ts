/** Streams as text, good and bad, and what they are written of. */
import type { ChatStream } from "@switchgear/http"
import { Schema } from "effect"

export const data = (json: unknown) => `data: ${JSON.stringify(json)}\n\n`
export const says = (content: string, finish_reason: string | null = null, index = 0) =>
  data({ choices: [{ index, delta: { content }, finish_reason }] })
export const done = "data: [DONE]\n\n"

export const tag = (progress: ChatStream.Progress) => typeof progress === "string" ? progress : progress._tag

/** Streams, how each of them ends, and how many chunks it has. */
export const ends: ReadonlyArray<readonly [name: string, stream: string, end: ReturnType<typeof tag>, chunks: number]> =
  [
    ["a finished answer with [DONE]", says("a", "stop") + done, "whole", 1],
    ["a finished answer without [DONE]", says("a") + says("", "stop"), "whole", 2],
    ["[DONE] without a finish_reason", says("a") + done, "whole", 1],
    ["[DONE] without its line end", says("a") + "data: [DONE]", "whole", 1],
    ["[DONE] without its empty line, and half an error", says("a") + "data: [DONE]\n{\"error\":", "whole", 1],
    ["a last event without its empty line", says("a") + says("b", "stop").trim(), "whole", 2],
    ["an end within the answer", says("a"), "Truncated", 1],
    ["an end when one of two choices is finished", says("a", "stop") + says("b", null, 1), "Truncated", 2],
    ["an end when both of two choices are finished", says("a", "stop") + says("b", "length", 1), "whole", 2],
    ["half an event", says("a") + "data: {\"choices\":[{", "Truncated", 1],
    ["half an event at the very beginning", "data: {\"choices\":[{", "Truncated", 0],
    ["anything after [DONE]", says("a", "stop") + done + says("b") + "data: {\n\n", "whole", 1],
    ["an empty stream", "", "MalformedReply", 0],
    ["blank lines alone", "\n\n\r\n\n", "MalformedReply", 0],
    ["keep-alives alone", ": keep-alive\n\n: keep-alive\n\n", "MalformedReply", 0],
    ["[DONE] alone", done, "MalformedReply", 0],
    [
      "a role and [DONE]",
      data({ choices: [{ delta: { role: "assistant", content: "" } }] }) + done,
      "MalformedReply",
      1
    ],
    ["an HTML page", "<!doctype html>\n<style>\n{}\n</style>\n\n", "MalformedReply", 0],
    ["text", "pong", "MalformedReply", 0],
    ["an event that is not JSON", says("a") + "data: {\"choices\": [\n\n" + says("b"), "MalformedReply", 1],
    ["JSON that is no object", says("a") + "data: 7\n\n", "MalformedReply", 1],
    ["an object that is no chunk", "data: {\"status\":\"ok\"}\n\n", "MalformedReply", 0],
    ["a choice that is no object", "data: {\"choices\":[null]}\n\n", "MalformedReply", 0],
    [
      "a whole reply in one piece",
      JSON.stringify({ choices: [{ message: { content: "a" }, finish_reason: "stop" }] }),
      "whole",
      1
    ],
    ["an error object", says("a") + data({ error: { message: "no", type: "overloaded_error" } }), "Overloaded", 1],
    [
      "an error as an event of Anthropic",
      says("a") + "event: error\n" + data({ type: "error", error: { type: "rate_limit_error", message: "slow" } }),
      "ProviderRateLimited",
      1
    ],
    ["an error event that is only text", says("a") + "event: error\ndata: upstream is gone\n\n", "ProviderFault", 1],
    ["a bare JSON error", says("a") + JSON.stringify({ error: { code: 503, message: "busy" } }), "Overloaded", 1],
    [
      "a bare JSON error on many lines, in a list",
      says("a") + JSON.stringify([{ error: { code: 429, message: "slow", status: "RESOURCE_EXHAUSTED" } }], null, 2)
      + "\n\n" + done,
      "ProviderRateLimited",
      1
    ],
    [
      "a bare JSON error instead of a stream",
      "\n\n" + JSON.stringify({ error: { code: 401, message: "k" } }),
      "Unauthorized",
      0
    ],
    ["half a bare JSON error", says("a") + "{\"error\":{\"message\":\"bu", "Truncated", 1],
    [
      "finish_reason error with its error",
      data({
        error: { code: 502, message: "upstream" },
        choices: [{ delta: { content: "" }, finish_reason: "error" }]
      }),
      "ProviderFault",
      0
    ],
    ["finish_reason error alone", data({ choices: [{ delta: {}, finish_reason: "error" }] }), "ProviderFault", 0],
    ["an error after [DONE]", says("a", "stop") + done + data({ error: { message: "late" } }), "whole", 1]
  ]

/** What a stream is written of, line by line. */
export const lines = [
  says("a"),
  says("世"),
  says("b", "stop"),
  says("c").replace("data: ", "data:"),
  says("d").replaceAll("\n", "\r\n"),
  says("e").replaceAll("\n", "\r"),
  says("f").replace("{", "{\ndata: "),
  "data: ",
  "data: \r",
  "data: one\r\n",
  "data",
  "event: error\n",
  "event: ping\r",
  "id: 7\n",
  "retry: 10\n",
  ": keep-alive\n\n",
  ":",
  "x",
  "\n",
  "\n\n",
  "\r",
  "\r\n",
  "\uFEFF"
]

/** What a stream could be written of. */
export const fragments = [
  "\n",
  "\n\n",
  "\r\n",
  "data: ",
  "data:",
  ":",
  "event: error\n",
  "event: ping\n",
  "id: \0",
  "retry: 1\n",
  "[DONE]",
  "{",
  "}",
  "[",
  "]",
  "{}",
  "[]",
  "null",
  "\"",
  ",",
  "1e999",
  "\\ud800",
  "__proto__",
  "<html>",
  "\u2028",
  "\uFEFF",
  "{\"choices\":",
  "[{\"delta\":",
  "{\"content\":\"a\"}",
  "\"finish_reason\":\"stop\"",
  "\"error\":{}",
  "\"usage\":{}",
  says("a"),
  says("b", "stop"),
  says("c", "", 1e9),
  data({ choices: [{ index: -1, delta: { tool_calls: [{ function: {} }, { index: 1e300 }] } }] }),
  data({ choices: [{ delta: { content: [{ text: "x" }], audio: { data: "x" } } }], usage: { prompt_tokens: -1 } }),
  data({ choices: [{ delta: { content: 7, audio: "x", tool_calls: "x" } }], usage: [] }),
  data({ error: [] }),
  data({ error: { code: {}, message: 7 } }),
  data([{ error: "x" }]),
  "data: {\"choices\":[{\"delta\":{\"__proto__\":{\"content\":\"x\"},\"constructor\":\"y\"}}]}\n\n",
  done
]

/** Bytes that were lost or added on the way. */
const Damage = Schema.Struct({
  at: Schema.Int,
  removed: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 40 })),
  added: Schema.Union([
    Schema.Array(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 255 }))).check(Schema.isMaxLength(6)),
    Schema.Literals([
      "\n",
      "\n\n",
      "\r",
      "data: ",
      "event: error\n",
      "{",
      "[",
      "}",
      "\"",
      "null",
      "[DONE]",
      "\n{\"error\":"
    ])
  ])
})

export const Damages = Schema.Array(Damage).check(Schema.isMinLength(1), Schema.isMaxLength(4))

export const damaged = (all: Uint8Array, { added, at, removed }: typeof Damage.Type): Uint8Array => {
  const from = Math.abs(at) % (all.length + 1)
  const bytes = typeof added === "string" ? new TextEncoder().encode(added) : Uint8Array.from(added)
  return Uint8Array.from([...all.subarray(0, from), ...bytes, ...all.subarray(from + removed)])
}
