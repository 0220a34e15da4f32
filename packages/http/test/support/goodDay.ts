/** A reply as a provider writes it. */
export const reply = {
  id: "chatcmpl-1",
  object: "chat.completion",
  created: 1_790_000_000,
  model: "gpt-4.1",
  choices: [{ index: 0, message: { role: "assistant", content: "Good day" }, finish_reason: "stop" }],
  usage: { prompt_tokens: 5, completion_tokens: 2, total_tokens: 7 }
}
