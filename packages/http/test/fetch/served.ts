/** A server on loopback that does with each request what a function says, and keeps what it was asked. */
import { createServer, type IncomingHttpHeaders, type ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"

export interface Heard {
  readonly method: string
  readonly url: string
  readonly headers: IncomingHttpHeaders
  readonly body: string
  /** Whether the connection was closed before the answer had ended. */
  hasLeft: boolean
}

export interface Served extends AsyncDisposable {
  readonly url: string
  readonly host: string
  readonly heard: Array<Heard>
  readonly open: () => number
}

export type Answer = (response: ServerResponse, heard: Heard) => void

export const served = async (answer: Answer): Promise<Served> => {
  const heard: Array<Heard> = []
  let open = 0
  const server = createServer({ keepAliveTimeout: 65_000 }, (request, response) => {
    open++
    const pieces: Array<Buffer> = []
    request.on("data", (piece: Buffer) => pieces.push(piece))
    request.on("error", () => {})
    response.on("error", () => {})
    const one: { -readonly [K in keyof Heard]: Heard[K] } = {
      method: request.method!,
      url: request.url!,
      headers: request.headers,
      body: "",
      hasLeft: false
    }
    response.on("close", () => {
      open--
      one.hasLeft = !response.writableFinished
    })
    request.on("end", () => {
      one.body = Buffer.concat(pieces).toString("utf8")
      heard.push(one)
      answer(response, one)
    })
  })
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`
  return {
    url: `http://${host}`,
    host,
    heard,
    open: () => open,
    [Symbol.asyncDispose]: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      })
  }
}

/** Waits until it holds, for as long as the test may last. */
export const until = async (holds: () => boolean): Promise<void> => {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 2))
}

export const json = (status: number, body: unknown, headers: Record<string, string> = {}): Answer => (response) => {
  response.writeHead(status, { "content-type": "application/json", ...headers })
  response.end(JSON.stringify(body))
}

const chunk = (delta: object, finish: string | null = null) =>
  `data: ${
    JSON.stringify({
      id: "chatcmpl-1",
      object: "chat.completion.chunk",
      created: 1,
      model: "gpt",
      choices: [{ index: 0, delta, finish_reason: finish }]
    })
  }\n\n`

export const role = chunk({ role: "assistant", content: "" })
export const word = (text: string) => chunk({ content: text })
export const stop = `${chunk({}, "stop")}data: [DONE]\n\n`

/** Events, and what follows them. */
export const events = (pieces: ReadonlyArray<string>, then: "end" | "hang" | "reset" = "end"): Answer => (response) => {
  response.writeHead(200, { "content-type": "text/event-stream" })
  response.flushHeaders()
  for (const piece of pieces) response.write(piece)
  if (then === "end") response.end()
  if (then === "reset") setTimeout(() => response.destroy(), 5)
}

export const completion = (content: string) => ({
  id: "chatcmpl-1",
  object: "chat.completion",
  created: 1,
  model: "gpt",
  choices: [{ index: 0, message: { role: "assistant", content }, finish_reason: "stop" }],
  usage: { prompt_tokens: 3, completion_tokens: 4, total_tokens: 7 }
})
