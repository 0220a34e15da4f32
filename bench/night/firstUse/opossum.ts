import OpenAI from "openai"
import CircuitBreaker from "opossum"

const [gpt, claude] = process.argv.slice(2).map((baseURL) => {
  const client = new OpenAI({ apiKey: "none", baseURL, maxRetries: 0 })
  const ask = async (model: string, content: string) => {
    const { choices } = await client.chat.completions.create({ model, messages: [{ role: "user", content }] })
    return choices[0]?.message.content
  }
  return new CircuitBreaker(ask, { timeout: 10_000, errorThresholdPercentage: 50, resetTimeout: 30_000, capacity: 50 })
})

gpt!.fallback((_, question) => claude!.fire("claude-sonnet-4.5", question))
claude!.fallback(() => "Please try again in a minute.")
console.log(await gpt!.fire("gpt-4.1", "Where is my order?"))
