import { assert, describe, it } from "@effect/vitest"
import { EventEmitter } from "node:events"
import { vi } from "vitest"

const { sendAtEndOfTurn } = await vi.importActual<typeof import("../../src/gateway/server/turn.ts")>(
  "../../src/gateway/server/turn.ts"
)
const { ConnectionExchange } = await vi.importActual<typeof import("../../src/gateway/server/connectionExchange.ts")>(
  "../../src/gateway/server/connectionExchange.ts"
)

const turn = () => new Promise<void>((resolve) => setImmediate(resolve))

describe("what is sent at the end of a turn", () => {
  it("is sent after all else of it, in its order, and what comes meanwhile is sent in the next one", async () => {
    const sent: Array<string> = []
    sendAtEndOfTurn({ send: () => sent.push("first") })
    sendAtEndOfTurn({
      send: () => {
        sent.push("second")
        sendAtEndOfTurn({ send: () => sent.push("third") })
      }
    })
    process.nextTick(() => sent.push("tick"))
    assert.deepStrictEqual(sent, [])
    await turn()
    assert.deepStrictEqual(sent, ["tick", "first", "second"])
    await turn()
    assert.deepStrictEqual(sent, ["tick", "first", "second", "third"])
  })

  it("is one answer for a request, and none for a client that leaves in the same turn", async () => {
    const answered = (leaves: "leaves" | "stays") => {
      const response = Object.assign(new EventEmitter(), {
        headersSent: false,
        destroyed: false,
        statusCode: 0,
        socket: null,
        bodies: [] as Array<string>,
        writeHead: () => (response.headersSent = true),
        end: (body: string) => response.bodies.push(body)
      })
      const exchange = new ConnectionExchange(
        { method: "POST", socket: new EventEmitter() } as never,
        response as never,
        "id",
        () => 0
      )
      exchange.reply({ status: 200, headers: {}, body: "first" })
      exchange.reply({ status: 200, headers: {}, body: "second" })
      response.destroyed = leaves === "leaves"
      return response.bodies
    }
    const bodies = [answered("stays"), answered("leaves"), answered("stays")]
    await turn()
    assert.deepStrictEqual(bodies, [["first"], [], ["first"]])
  })
})
