import {
  bulkhead,
  circuitBreaker,
  ConsecutiveBreaker,
  fallback,
  handleAll,
  timeout,
  TimeoutStrategy,
  wrap
} from "cockatiel"
import OpenAI from "openai"

const guarded = process.argv.slice(2).map((baseURL) => {
  const client = new OpenAI({ apiKey: "none", baseURL, maxRetries: 0 })
  const breaker = circuitBreaker(handleAll, { halfOpenAfter: 30_000, breaker: new ConsecutiveBreaker(5) })
  const guard = wrap(bulkhead(50, 50), breaker, timeout(10_000, TimeoutStrategy.Aggressive))
  return (model: string, content: string) =>
    guard.execute(({ signal }) =>
      client.chat.completions.create({ model, messages: [{ role: "user", content }] }, { signal })
    )
})

const ask = (question: string) =>
  guarded[0]!("gpt-4.1", question).catch(() => guarded[1]!("claude-sonnet-4.5", question))
const answer = await fallback(handleAll, undefined).execute(() => ask("Where is my order?"))
console.log(answer?.choices[0]?.message.content ?? "Please try again in a minute.")
