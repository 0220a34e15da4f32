/** What a client of one place costs. */
import { assert, describe, it, vi } from "@effect/vitest"

const { clientOf } = await vi.importActual<typeof import("../../src/fleetRedis/client.ts")>(
  "../../src/fleetRedis/client.ts"
)

const settings = {
  places: [],
  username: undefined,
  password: undefined,
  database: 0,
  tls: undefined,
  connectTimeout: 2000,
  pingInterval: 5000
}

describe("clients of several places", () => {
  it("are of one class, whose hundreds of commands are built once", () => {
    const [one, other, again] = [1, 2, 1].map((port) => clientOf({ host: "127.0.0.1", port }, settings))
    assert.strictEqual(other!.constructor, one!.constructor)
    assert.strictEqual(again!.constructor, one!.constructor)
    assert.notStrictEqual(again, one)
  })
})
