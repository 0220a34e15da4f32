/** The stream that the provider sends and clients expect: its events are numbered, so that none can be missing unseen. */

/** Events with content. */
export const events = 64

/** Milliseconds between them. */
export const interval = 20

export const chunkAt = (index: number): string =>
  `data: ${
    JSON.stringify({
      id: "chatcmpl-B9MHDbslfkBeAs8l4bebGdFOJ6PeG",
      object: "chat.completion.chunk",
      created: 1_790_000_000,
      model: "gpt-4.1-2025-04-14",
      service_tier: "default",
      system_fingerprint: "fp_0123456789",
      choices: [{ index: 0, delta: { content: `${index} ` }, logprobs: null, finish_reason: null }]
    })
  }\n\n`

/** What all events say, one after the other. */
export const wholeText: string = Array.from({ length: events }, (_, index) => `${index} `).join("")
