import { ChatClient, ChatModel } from "@switchgear/http"
import { Effect } from "effect"

/** A model of the client in the context, which must outlive it. */
export const modelOf = (
  options: ChatModel.Options
): Effect.Effect<ChatModel.GuardedModel, never, ChatClient.ChatClient> =>
  Effect.flatMap(ChatClient.ChatClient, (client) => ChatModel.make({ ...options, client }))
