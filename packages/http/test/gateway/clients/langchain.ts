/** LangChain with its client for OpenAI's chat completions, which tries again by itself. */
import { type AIMessageChunk, type BaseMessage, HumanMessage, ToolMessage } from "@langchain/core/messages"
import { ChatOpenAI } from "@langchain/openai"
import { type Application, parameters, question, type Settings, told } from "./application.ts"

const modelOf = ({ apiKey, baseURL, fetch, headers, maxRetries, model, timeout }: Settings) =>
  new ChatOpenAI({
    model,
    apiKey,
    configuration: { baseURL, fetch, ...headers !== undefined && { defaultHeaders: headers } },
    ...maxRetries !== undefined && { maxRetries },
    ...timeout !== undefined && { timeout }
  })

const textOf = ({ content }: BaseMessage): string => typeof content === "string" ? content : ""

const answerOf = (message: BaseMessage) => ({
  text: textOf(message),
  finish: (message.response_metadata as any).finish_reason as string | undefined,
  totalTokens: (message as { usage_metadata?: { total_tokens: number } }).usage_metadata?.total_tokens
})

const tools = [{ type: "function" as const, function: { name: "weather", parameters } }]

const collected = async (
  model: Pick<ChatOpenAI, "stream">,
  messages: Array<BaseMessage>,
  got: { text?: string },
  signal?: AbortSignal
) => {
  let all: AIMessageChunk | undefined
  for await (const chunk of await model.stream(messages, signal === undefined ? {} : { signal })) {
    all = all === undefined ? chunk : all.concat(chunk)
    got.text = textOf(all)
  }
  return all!
}

export const langchain: Application = {
  name: "@langchain/openai",
  tellsTimeout: false,
  whole: (settings) =>
    told({}, async () =>
      answerOf(
        await modelOf(settings).invoke(
          [new HumanMessage(question)],
          settings.signal === undefined ? {} : { signal: settings.signal }
        )
      )),
  streamed: (settings) => {
    const got = {}
    return told(
      got,
      async () => answerOf(await collected(modelOf(settings), [new HumanMessage(question)], got, settings.signal))
    )
  },
  withTool: (settings, how, weather) =>
    told({}, async () => {
      const model = modelOf(settings).bindTools(tools) as unknown as ChatOpenAI
      const messages: Array<BaseMessage> = [new HumanMessage(question)]
      for (let turn = 0; turn < 3; turn++) {
        const message = how === "whole" ? await model.invoke(messages) : await collected(model, messages, {})
        const calls = (message as AIMessageChunk).tool_calls ?? []
        if (calls.length === 0) return answerOf(message)
        messages.push(message)
        for (const { args, id } of calls)
          messages.push(new ToolMessage({ tool_call_id: id!, content: weather(args.city) }))
      }
      return {}
    })
}
