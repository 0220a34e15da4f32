import { ChatModel, type ChatSchema, CostLedger, Pricing } from "@switchgear/http"
import { Effect } from "effect"

/** A dollar for a million tokens, so that a token of the prompt is a micro-dollar. */
export const plain = Pricing.price({ input: 1, output: 1 })

/** A budget of so many micro-dollars. */
export const microDollars = (micros: number): number => micros / 1e6

/** A ledger for one model that costs a micro-dollar a token, where a request says itself what it expects to cost. */
export const ledgerOf = (options: Partial<CostLedger.Options> = {}) =>
  CostLedger.make({
    prices: { plain },
    primary: "plain",
    estimate: (request) => ({ input: Number(request["expected_tokens"] ?? 0), output: 0 }),
    ...options
  })

export const ask = (expected = 0): ChatModel.Request => ({
  messages: [{ role: "user", content: "Hello" }],
  expected_tokens: expected
})

/** Where both sides cost the same: a usage of so many tokens, one of which is the answer. */
export const tokens = (all: number): ChatSchema.Usage => {
  const completion_tokens = Math.min(all, 1)
  return { prompt_tokens: all - completion_tokens, completion_tokens }
}

/** An answer that used so many tokens. */
export const answer = (
  usage: ChatSchema.Usage | number | undefined,
  options: Partial<Omit<ChatModel.Answer, "value">> & { readonly model?: string } = {}
): ChatModel.Answer => {
  const { model, ...given } = options
  return {
    step: "plain",
    degradation: "none",
    failures: [],
    attempts: 1,
    possiblyBilledAttempts: 1,
    ...given,
    value: {
      ...(model !== undefined && { model }),
      choices: [{ message: { role: "assistant", content: "Good day" }, finish_reason: "stop" }],
      ...(usage !== undefined &&
        { usage: typeof usage === "number" ? tokens(usage) : usage })
    }
  }
}

/** A model that does what it is told. */
export const modelOf = <E>(complete: Effect.Effect<ChatModel.Answer, E>, name = "plain"): ChatModel.ChatModel<E> =>
  ChatModel.of({ name, complete: () => complete })
