/** A stream, read to its end. */
import { Agent, request } from "node:http"
import type { Target } from "./orders.ts"
import { bodyOf } from "./request.ts"

const agent = new Agent({ keepAlive: true, maxSockets: 1024 })

const content = /"content":"(\d+ )"/g

export interface Read {
  /** Milliseconds until the first content. */
  readonly first: number
  /** What its events say; it ends with `…` where the end of the stream did not come. */
  readonly text: string
}

export const readStream = ({ headers, model, path, port }: Target, more: object = {}): Promise<Read> =>
  new Promise((resolve, reject) => {
    const body = bodyOf(model, { stream: true, ...more })
    const sent = performance.now()
    let first = NaN
    const asking = request({
      port,
      path,
      agent,
      host: "127.0.0.1",
      method: "POST",
      headers: { ...headers, "content-type": "application/json", "content-length": body.length }
    }, (response) => {
      const pieces: Array<string> = []
      response.setEncoding("latin1")
      response.on("data", (piece: string) => {
        if (Number.isNaN(first) && piece.includes("\"content\":\"")) first = performance.now() - sent
        pieces.push(piece)
      })
      response.on("error", reject)
      response.on("end", () => {
        const said = pieces.join("")
        const text = [...said.matchAll(content)].map(([, event]) => event).join("")
        if (response.statusCode !== 200) {
          return reject(new Error(`Port ${port} answered ${response.statusCode} instead of a stream: ${said}`))
        }
        resolve({ first, text: said.endsWith("data: [DONE]\n\n") ? text : `${text}…` })
      })
    })
    asking.on("error", reject)
    asking.end(body)
  })
