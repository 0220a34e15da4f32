import { Canned, ChatModel, ModelCascade } from "@switchgear/http"
import * as NodeTransport from "@switchgear/http/NodeTransport"
import { Effect } from "effect"

const [gpt, claude] = process.argv.slice(2).map((baseUrl) => NodeTransport.layerChatClient({ provider: "p", baseUrl }))

const answer = ModelCascade.make({
  models: [
    { model: ChatModel.make({ model: "gpt-4.1", client: gpt! }) },
    { model: ChatModel.make({ model: "claude-sonnet-4.5", client: claude! }) }
  ],
  canned: Canned.sentences
}).pipe(Effect.flatMap(({ complete }) => complete({ messages: [{ role: "user", content: "Where is my order?" }] })))

const { value } = await Effect.runPromise(Effect.scoped(answer))
console.log(value.choices[0]?.message.content)
