import OpenAI from "openai"

const [gpt] = process.argv.slice(2)
const client = new OpenAI({ apiKey: "none", baseURL: gpt!, timeout: 10_000 })
const messages = [{ role: "user" as const, content: "Where is my order?" }]
const answer = await client.chat.completions.create({ model: "gpt-4.1", messages }).catch(() => undefined)
console.log(answer?.choices[0]?.message.content ?? "Please try again in a minute.")
