/** How each API besides chat completions is asked and answers, in as few words as its clients need. */
import type { Fields } from "../../dialects/model.ts"

/** What a model said. */
export interface Told {
  readonly id: string
  readonly model: string
  readonly text: string
  /** Tokens. */
  readonly read: number
  readonly written: number
}

export interface Tongue {
  /** The end of its path. */
  readonly path: string
  /** What is asked, in the words of chat completions. */
  readonly asked: (body: Fields) => Fields
  readonly whole: (told: Told) => Fields
  /** The events of a stream: before its text, of a piece of it, and after it. */
  readonly first: (told: Told) => ReadonlyArray<Fields>
  readonly piece: (text: string) => Fields
  readonly last: (told: Told) => ReadonlyArray<Fields>
}

const message = ({ id, model, read, text, written }: Told): Fields => ({
  id,
  type: "message",
  role: "assistant",
  model,
  content: [{ type: "text", text }],
  stop_reason: "end_turn",
  stop_sequence: null,
  usage: { input_tokens: read, output_tokens: written }
})

const messages: Tongue = {
  path: "/messages",
  asked: ({ max_tokens, messages }) => ({ messages, max_tokens }),
  whole: message,
  first: (told) => [
    { type: "message_start", message: { ...message(told), content: [], stop_reason: null } },
    { type: "content_block_start", index: 0, content_block: { type: "text", text: "" } }
  ],
  piece: (text) => ({ type: "content_block_delta", index: 0, delta: { type: "text_delta", text } }),
  last: ({ read, written }) => [
    { type: "content_block_stop", index: 0 },
    {
      type: "message_delta",
      delta: { stop_reason: "end_turn", stop_sequence: null },
      usage: { input_tokens: read, output_tokens: written }
    },
    { type: "message_stop" }
  ]
}

const response = ({ id, model, read, text, written }: Told): Fields => ({
  id,
  object: "response",
  status: "completed",
  model,
  output: [{
    type: "message",
    id: "msg_simulated",
    role: "assistant",
    status: "completed",
    content: [{ type: "output_text", text, annotations: [] }]
  }],
  usage: { input_tokens: read, output_tokens: written, total_tokens: read + written }
})

const responses: Tongue = {
  path: "/responses",
  asked: ({ input, max_output_tokens }) => ({
    messages: [{ role: "user", content: input }],
    max_tokens: max_output_tokens
  }),
  whole: response,
  first: (told) => [
    { type: "response.created", response: { ...response(told), status: "in_progress", output: [] } }
  ],
  piece: (delta) => ({ type: "response.output_text.delta", output_index: 0, content_index: 0, delta }),
  last: (told) => [{ type: "response.completed", response: response(told) }]
}

const embeddings: Tongue = {
  path: "/embeddings",
  asked: ({ input }) => ({ messages: [{ role: "user", content: input }] }),
  whole: ({ model, read }) => ({
    object: "list",
    model,
    data: [{ object: "embedding", index: 0, embedding: [0.6, 0.8] }],
    usage: { prompt_tokens: read, total_tokens: read }
  }),
  first: () => [],
  piece: () => ({}),
  last: () => []
}

export const tongues: ReadonlyArray<Tongue> = [messages, responses, embeddings]
