/** The official client of OpenAI, of two major versions: an application can use either. */
import OpenAI from "openai"
import OpenAI6 from "openai-6"
import { type Answer, type Application, parameters, question, type Settings, told } from "./application.ts"

type Messages = Array<OpenAI.ChatCompletionMessageParam>

const applicationOf = (name: string, Client: typeof OpenAI): Application => {
  const clientOf = ({ apiKey, baseURL, fetch, headers, maxRetries }: Settings) =>
    new Client({
      apiKey,
      baseURL,
      fetch,
      logLevel: "off",
      ...maxRetries !== undefined && { maxRetries },
      ...headers !== undefined && { defaultHeaders: headers }
    })
  const tools = [{ type: "function" as const, function: { name: "weather", parameters, strict: true } }]

  /** It tells the gateway how long it waits where that is an option of the request, and not of the client. */
  const ofRequest = ({ signal, timeout }: Settings) => ({ signal, ...timeout !== undefined && { timeout } })

  const whole = async (settings: Settings, messages: Messages, more: object = {}) => {
    const { choices: [choice], usage } = await clientOf(settings).chat.completions.create({
      model: settings.model,
      messages,
      ...more
    }, ofRequest(settings))
    return { message: choice!.message, finish: choice!.finish_reason as string, totalTokens: usage?.total_tokens }
  }

  /** Puts the pieces together as an application does. */
  const streamed = async (
    settings: Settings,
    messages: Messages,
    got: { -readonly [K in keyof Answer]?: Answer[K] },
    more: object = {}
  ) => {
    const chunks = await clientOf(settings).chat.completions.create({
      model: settings.model,
      messages,
      stream: true,
      stream_options: { include_usage: true },
      ...more
    }, ofRequest(settings))
    const calls: Array<{ id: string; name: string; arguments: string }> = []
    got.text = ""
    for await (const { choices: [choice], usage } of chunks) {
      got.text += choice?.delta.content ?? ""
      got.finish = choice?.finish_reason ?? got.finish
      got.totalTokens = usage?.total_tokens ?? got.totalTokens
      for (const { function: called, id, index } of choice?.delta.tool_calls ?? []) {
        const call = calls[index] ??= { id: "", name: "", arguments: "" }
        call.id += id ?? ""
        call.name += called?.name ?? ""
        call.arguments += called?.arguments ?? ""
      }
    }
    return calls
  }

  return {
    name,
    tellsTimeout: true,
    whole: (settings) =>
      told({}, async () => {
        const { finish, message, totalTokens } = await whole(settings, [{ role: "user", content: question }])
        return { text: message.content ?? "", finish, totalTokens }
      }),
    streamed: (settings) => {
      const got = {}
      return told(got, async () => void await streamed(settings, [{ role: "user", content: question }], got))
    },
    withTool: (settings, how, weather) => {
      const got: { text?: string } = {}
      return told(got, async () => {
        const messages: Messages = [{ role: "user", content: question }]
        for (let turn = 0; turn < 3; turn++) {
          const calls = how === "streamed"
            ? await streamed(settings, messages, got, { tools })
            : await whole(settings, messages, { tools }).then(({ message }) => {
              got.text = message.content ?? ""
              return (message.tool_calls ?? []).map((call) => ({ id: call.id, ...(call as any).function }))
            })
          if (calls.length === 0) return
          messages.push({
            role: "assistant",
            tool_calls: calls.map(({ arguments: given, id, name }) => ({
              id,
              type: "function",
              function: { name, arguments: given }
            }))
          })
          for (const { arguments: given, id } of calls) {
            messages.push({ role: "tool", tool_call_id: id, content: weather(JSON.parse(given).city) })
          }
        }
      })
    }
  }
}

export const openai7 = applicationOf("openai 7", OpenAI)
export const openai6 = applicationOf("openai 6", OpenAI6 as unknown as typeof OpenAI)
