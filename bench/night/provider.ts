/** The four models of one lane, on loopback: a process that follows the script, and counts the calls by model and phase. */
import { Latency } from "@switchgear/core/testing"
import { createServer, type IncomingMessage, type ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"
import { seeded } from "./customers.ts"
import { answerOf } from "./answers.ts"
import { models, phaseAt, phases } from "./script.ts"
import type { Begin, Count } from "./told.ts"

const reply = (model: string, text: string) => ({
  id: "chatcmpl-0",
  object: "chat.completion",
  created: 1_763_000_000,
  model,
  choices: [{
    index: 0,
    message: { role: "assistant", content: text, refusal: null },
    logprobs: null,
    finish_reason: "stop"
  }],
  usage: { prompt_tokens: 12, completion_tokens: 10, total_tokens: 22 }
})

const refusal = (status: number) => ({
  error: {
    message: status === 429 ? "Rate limit reached" : "The model is overloaded",
    type: status === 429 ? "rate_limit_error" : "overloaded_error",
    code: null,
    param: null
  }
})

const send = (response: ServerResponse, status: number, body: object, headers: Record<string, string> = {}): void => {
  response.writeHead(status, { "content-type": "application/json", ...headers }).end(JSON.stringify(body))
}

class Model {
  readonly calls = phases.map(() => 0)
  private readonly body: object
  private readonly random
  private inFlight = 0

  constructor(name: string) {
    this.body = reply(name, answerOf(name))
    this.random = seeded(name)
  }

  meet(phase: number, place: number, response: ServerResponse): void {
    this.calls[phase]!++
    const { above, refuses, room = Infinity, takes } = phases[phase]!.acts[place]!
    if (refuses !== undefined && this.random.nextDoubleUnsafe() < refuses.share) {
      const { retryAfter, status } = refuses
      return send(response, status, refusal(status), retryAfter === undefined ? {} : { "retry-after": `${retryAfter}` })
    }
    if (typeof above === "number" && this.inFlight >= room) return send(response, above, refusal(above))
    this.inFlight++
    const timer = takes === undefined ? undefined : this.answerAfter(this.timeOf(takes, room), response)
    response.on("close", () => {
      this.inFlight--
      clearTimeout(timer)
    })
  }

  private timeOf(takes: Latency.Latency, room: number): number {
    return Latency.sample(takes, this.random) * Math.max(1, this.inFlight / room)
  }

  private answerAfter(millis: number, response: ServerResponse): NodeJS.Timeout {
    return setTimeout(() => send(response, 200, this.body), millis)
  }
}

const all = models.map((name) => new Model(name))
let begin = Infinity

const server = createServer({ keepAliveTimeout: 60_000 }, (request: IncomingMessage, response) => {
  const place = Number(request.url!.split("/")[1])
  request.resume().on("end", () => {
    if (!response.destroyed) all[place]!.meet(phaseAt(Date.now() - begin), place, response)
  })
})

process.on("message", (asked: Begin | Count) => {
  if ("begin" in asked) begin = asked.begin
  process.send!(all.map(({ calls }) => calls))
})
process.on("disconnect", () => process.exit())
server.listen(0, "127.0.0.1", 4096, () => process.send!({ port: (server.address() as AddressInfo).port }))
