/** What an answer of a fallback tells of how it came about, and the answer when no model has one. */

interface Failed {
  readonly model: string
  readonly code: string
}

/** As JSON of `providerMetadata`. */
export interface Told {
  readonly degradation: "none" | "fallback" | "canned"
  readonly model: string | null
  readonly failures: ReadonlyArray<Failed>
}

export const told = (
  degradation: Told["degradation"],
  model: string | undefined,
  failures: ReadonlyArray<Failed>
): Told => ({ degradation, model: model ?? null, failures })

/** Beside what the provider tells. */
export const withTold = <A extends object>(answer: A, switchgear: Told): A => ({
  ...answer,
  providerMetadata: { ...(answer as { readonly providerMetadata?: object }).providerMetadata, switchgear }
})

const finishReason = { unified: "stop", raw: "canned" }

const usage = {
  inputTokens: { total: 0, noCache: 0, cacheRead: 0, cacheWrite: 0 },
  outputTokens: { total: 0, text: 0, reasoning: 0 }
}

export const cannedResult = (text: string) => ({
  content: [{ type: "text", text }],
  finishReason,
  usage,
  warnings: []
})

export const cannedParts = (text: string): ReadableStream<unknown> => {
  const id = "canned"
  const parts = [
    { type: "stream-start", warnings: [] },
    { type: "text-start", id },
    { type: "text-delta", id, delta: text },
    { type: "text-end", id },
    { type: "finish", usage, finishReason }
  ]
  return new ReadableStream({
    start: (controller) => {
      for (const part of parts) controller.enqueue(part)
      controller.close()
    }
  })
}
