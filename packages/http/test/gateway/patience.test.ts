/** How long an answer may take for a client that says how long it waits. */
import { assert, it } from "@effect/vitest"
import { vi } from "vitest"

const { patienceOf } = await vi.importActual<any>("../../src/gateway/server/chatRequest.ts")

it("an answer may take a tenth less than its client waits, and at most a second less", () => {
  assert.strictEqual(patienceOf({ "x-stainless-timeout": "2" }), 1800)
  assert.strictEqual(patienceOf({ "x-stainless-timeout": "600" }), 599_000)
  assert.strictEqual(patienceOf({ "x-stainless-timeout": "600", "x-switchgear-timeout": "0.5" }), 450)
  assert.strictEqual(patienceOf({ "x-stainless-read-timeout": "5" }), 4500)
})

it("what is no time, or too long a one, says nothing", () => {
  for (const said of ["", "0", "-1", "NaN", "soon", "1e9", "Infinity"]) {
    assert.isUndefined(patienceOf({ "x-stainless-timeout": said }), said)
  }
})
