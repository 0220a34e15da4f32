import { once } from "node:events"
import { createServer, type Server } from "node:http"
import type { AddressInfo } from "node:net"
import { PassThrough } from "node:stream"
import { afterEach, assert, describe, it } from "vitest"
import { closed } from "../../bench/gateway/load/closed.ts"
import { open } from "../../bench/gateway/load/open.ts"
import { streams } from "../../bench/gateway/load/streams.ts"
import { readRequests } from "../../bench/gateway/readRequests.ts"
import { chunkAt, events } from "../../bench/gateway/streamed.ts"
import { table } from "../../bench/report.ts"
import { comparedAtLeast } from "../../bench/section.ts"

const servers: Array<Server> = []

afterEach(() => {
  for (const server of servers.splice(0)) {
    server.close()
    server.closeAllConnections()
  }
})

const targetOf = async (server: Server) => {
  servers.push(server)
  await once(server.listen(0, "127.0.0.1"), "listening")
  return { port: (server.address() as AddressInfo).port, path: "/", model: "m", headers: {} }
}

/** Sends the numbered events but those that are left out. */
const streaming = (leftOut: ReadonlyArray<number>) =>
  createServer((request, response) => {
    request.resume().on("end", () => {
      for (let i = 0; i < events; i++) if (!leftOut.includes(i)) response.write(chunkAt(i))
      response.end("data: [DONE]\n\n")
    })
  })

describe("the bench of the gateway", () => {
  it("tells streams with every event in its place from those that lost one", async () => {
    const whole = await streams({ kind: "streams", atOnce: 3, target: await targetOf(streaming([])) })
    assert.deepStrictEqual([whole.wholeStreams, whole.events], [3, 3 * events])
    const cut = await streams({ kind: "streams", atOnce: 3, target: await targetOf(streaming([17])) })
    assert.deepStrictEqual([cut.wholeStreams, cut.events], [0, 3 * (events - 1)])
  })

  it("counts answers by their status, each of another prompt where clients come at their own rate", async () => {
    const prompts = new Set<string>()
    const target = await targetOf(createServer((request, response) => {
      let text = ""
      request.setEncoding("utf8").on("data", (piece) => (text += piece)).on("end", () => {
        prompts.add(JSON.parse(text).messages[1].content)
        response.writeHead(prompts.size % 2 === 0 ? 200 : 503, { "content-length": 2 }).end("{}")
      })
    }))
    const order = { kind: "open", target, perSecond: 500, millis: 200, settlingMillis: 0 } as const
    const { asked, times } = await open(order)
    assert.strictEqual(prompts.size, asked)
    assert.strictEqual((times[200]?.length ?? 0) + (times[503]?.length ?? 0), asked)
  })

  it("fails where an answer has another status than expected, so that no refusals are measured by mistake", async () => {
    const target = await targetOf(createServer((request, response) => {
      request.resume().on("end", () => response.writeHead(503, { "content-length": 0 }).end())
    }))
    const order = { kind: "closed", target, connections: 2, millis: 100, status: 200 } as const
    const failed = await closed(order).then(() => "no failure", (error: Error) => error.message)
    assert.include(failed, "answered 503 instead of 200")
  })

  it("reads requests from a socket however their bytes are cut", async () => {
    const bodies = ["{\"a\":1}", "", "{\"b\":\"\\r\\n\\r\\n\"}"]
    const bytes = Buffer.from(
      bodies.map((body) => `POST / HTTP/1.1\r\nHost: x\r\nContent-Length: ${body.length}\r\n\r\n${body}`).join("")
    )
    for (let size = 1; size <= bytes.length; size++) {
      const socket = new PassThrough()
      const heard: Array<string> = []
      readRequests(socket as never, (body) => heard.push(body))
      for (let at = 0; at < bytes.length; at += size) socket.write(bytes.subarray(at, at + size))
      socket.end()
      await once(socket, "end")
      assert.deepStrictEqual(heard, bodies)
    }
  })

  it("says of a peer that cannot be installed why, and judges what more is better of", () => {
    const text = table({
      title: "A title",
      notes: [],
      rows: [
        { what: "ours", unit: "per second", value: 8461, comparisons: [comparedAtLeast("floor", 0.82, 0.7)] },
        { what: "Portkey", missing: "not installed: npm error code E404", comparisons: [] }
      ]
    })
    assert.match(text, /ours +8,461 \/s +0\.82 +floor +at least 0\.7 +met/)
    assert.match(text, /Portkey +not installed: npm error code E404/)
  })
})
