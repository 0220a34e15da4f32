/** A provider in a process of its own, so that what it takes is not counted. Tells its port to its parent. */
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"

const reply = JSON.stringify({
  id: "chatcmpl-B9MHDbslfkBeAs8l4bebGdFOJ6PeG",
  object: "chat.completion",
  created: 1_790_000_000,
  model: "gpt-4.1-2025-04-14",
  choices: [{
    index: 0,
    message: { role: "assistant", content: "Good day, how may I help you today?", refusal: null, annotations: [] },
    logprobs: null,
    finish_reason: "stop"
  }],
  usage: {
    prompt_tokens: 19,
    completion_tokens: 10,
    total_tokens: 29,
    prompt_tokens_details: { cached_tokens: 0, audio_tokens: 0 }
  },
  service_tier: "default"
})

const headers = { "content-type": "application/json", "x-request-id": "req_0123456789abcdef" }

const server = createServer({ keepAliveTimeout: 60_000 }, (incoming, outgoing) => {
  incoming.resume().on("end", () => {
    if (incoming.url!.startsWith("/length/")) {
      outgoing.writeHead(200, { ...headers, "content-length": Buffer.byteLength(reply) }).end(reply)
    } else {
      outgoing.writeHead(200, headers)
      outgoing.write(reply)
      outgoing.end()
    }
  })
})
server.listen(0, "127.0.0.1", () => process.send?.((server.address() as AddressInfo).port))
process.on("disconnect", () => process.exit())
