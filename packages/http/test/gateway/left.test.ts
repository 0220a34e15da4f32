/** An exchange knows when its client has left, also while an earlier answer is on the connection. */
import { assert, describe, it } from "@effect/vitest"
import { EventEmitter } from "node:events"
import { vi } from "vitest"

const { ConnectionExchange } = await vi.importActual<typeof import("../../src/gateway/server/connectionExchange.ts")>(
  "../../src/gateway/server/connectionExchange.ts"
)

/** An exchange whose turn on its connection has not come, as Node makes it, and what it tells. */
const waiting = () => {
  const socket = new EventEmitter()
  const response = Object.assign(new EventEmitter(), { socket: null, writableFinished: false })
  const told: Array<string> = []
  const exchange = new ConnectionExchange({ socket } as never, response as never, "id", () => 0)
  exchange.whenLeft(() => told.push("left"))
  exchange.whenOver(() => told.push("over"))
  return { exchange, response, socket, told }
}

describe("a client that closes its connection while an earlier answer is on it", () => {
  it("has left, where Node says so of the connection alone", () => {
    const { exchange, socket, told } = waiting()
    socket.emit("close")
    assert.isTrue(exchange.hasLeft)
    assert.deepStrictEqual(told, ["left", "over"])
  })

  it("has left once, where Node says so of the answer as well", () => {
    const { response, socket, told } = waiting()
    response.emit("close")
    socket.emit("close")
    response.emit("close")
    assert.deepStrictEqual(told, ["left", "over"])
  })

  it("has not left an answer that was sent before", () => {
    const { exchange, response, socket, told } = waiting()
    response.emit("socket", socket)
    response.writableFinished = true
    response.emit("close")
    socket.emit("close")
    assert.isFalse(exchange.hasLeft)
    assert.deepStrictEqual(told, ["over"])
    assert.strictEqual(socket.listenerCount("close"), 0)
  })
})
