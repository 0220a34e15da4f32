/** A provider on sockets that does what a function says, byte by byte, and keeps what it was asked. */
import { createServer, type IncomingHttpHeaders, type ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"
import { Effect, type Scope } from "effect"

/** A request as it came. */
export interface Asked {
  readonly text: string
  readonly body: any
  readonly headers: IncomingHttpHeaders
  /** Whether the connection was closed before the answer had ended. */
  hasLeft: boolean
}

export interface Scripted {
  /** Of its API. */
  readonly url: string
  readonly asked: ReadonlyArray<Asked>
}

export const scripted = (
  answer: (asked: Asked, response: ServerResponse) => void
): Effect.Effect<Scripted, never, Scope.Scope> =>
  Effect.gen(function*() {
    const all: Array<Asked> = []
    const server = createServer({ keepAliveTimeout: 65_000 }, (request, response) => {
      let text = ""
      request.setEncoding("utf8")
      request.on("data", (piece: string) => (text += piece))
      request.on("end", () => {
        const asked: Asked = { text, body: JSON.parse(text), headers: request.headers, hasLeft: false }
        all.push(asked)
        response.on("close", () => (asked.hasLeft = !response.writableFinished))
        answer(asked, response)
      })
    })
    yield* Effect.acquireRelease(
      Effect.callback<void>((resume) => void server.listen(0, "127.0.0.1", () => resume(Effect.void))),
      () =>
        Effect.sync(() => {
          server.close()
          server.closeAllConnections()
        })
    )
    return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`, asked: all }
  })

/** One message, whole. */
export const sendWhole = (response: ServerResponse, message: object, finish = "stop"): void => {
  response.writeHead(200, { "content-type": "application/json" })
  response.end(JSON.stringify({
    id: "chatcmpl-1",
    object: "chat.completion",
    created: 1,
    model: "scripted",
    choices: [{ index: 0, message: { role: "assistant", ...message }, finish_reason: finish }],
    usage: { prompt_tokens: 3, completion_tokens: 4, total_tokens: 7 }
  }))
}

/** The JSON of a chunk. */
export const chunkOf = (delta: object, finish: string | null = null, index = 0): string =>
  JSON.stringify({
    id: "chatcmpl-1",
    object: "chat.completion.chunk",
    created: 1,
    model: "scripted",
    choices: [{ index, delta, finish_reason: finish }]
  })

export const usageChunk = JSON.stringify({
  id: "chatcmpl-1",
  object: "chat.completion.chunk",
  created: 1,
  model: "scripted",
  choices: [],
  usage: { prompt_tokens: 3, completion_tokens: 4, total_tokens: 7 }
})

/** Events of a stream; the end is left to the caller. */
export const sendEvents = (response: ServerResponse, ...data: ReadonlyArray<string>): void => {
  if (!response.headersSent) response.writeHead(200, { "content-type": "text/event-stream" })
  for (const one of data) response.write(`data: ${one}\n\n`)
}
