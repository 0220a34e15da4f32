export * as ChatClient from "./ChatClient.ts"
export * as ChatError from "./ChatError.ts"
export * as ChatSchema from "./ChatSchema.ts"
