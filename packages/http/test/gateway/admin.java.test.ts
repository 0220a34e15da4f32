/** Numbers and times as Java writes them. */
import { assert, describe, it } from "@effect/vitest"
import { vi } from "vitest"

/** What the actuator has of it; the package does not export it. */
interface Java {
  readonly floatText: (value: number) => string
  readonly doubleText: (value: number) => string
  readonly timeText: (millis: number) => string
}

const { doubleText, floatText, timeText } = await vi.importActual<Java>("../../src/gateway/admin/actuator/java.ts")

describe("a number of Java", () => {
  const floats: ReadonlyArray<readonly [number, string]> = [
    [0, "0.0"],
    [-1, "-1.0"],
    [50, "50.0"],
    [100 / 3, "33.333332"],
    [200 / 3, "66.666664"],
    [0.1, "0.1"],
    [7.000000000000001, "7.0"],
    [100 / 7, "14.285714"],
    [0.0005, "5.0E-4"],
    [16777216, "1.6777216E7"]
  ]
  for (const [value, text] of floats) {
    it(`is ${text} for a float of ${value}`, () => assert.strictEqual(floatText(value), text))
  }

  const doubles: ReadonlyArray<readonly [number, string]> = [
    [1, "1.0"],
    [1234567.5, "1234567.5"],
    [10_000_000, "1.0E7"],
    [0.001, "0.001"],
    [0.00012, "1.2E-4"],
    [NaN, "\"NaN\""],
    [Infinity, "\"Infinity\""]
  ]
  for (const [value, text] of doubles) {
    it(`is ${text} for a double of ${value}`, () => assert.strictEqual(doubleText(value), text))
  }
})

describe("a time of Java", () => {
  const times: ReadonlyArray<readonly [iso: string, text: string]> = [
    ["2026-11-28T16:42:25.123Z", "2026-11-28T16:42:25.123Z[Etc/UTC]"],
    ["2026-11-28T16:42:25.120Z", "2026-11-28T16:42:25.120Z[Etc/UTC]"],
    ["2026-11-28T16:42:25.000Z", "2026-11-28T16:42:25Z[Etc/UTC]"],
    ["2026-11-28T16:42:00.000Z", "2026-11-28T16:42Z[Etc/UTC]"],
    ["2026-11-28T16:42:00.005Z", "2026-11-28T16:42:00.005Z[Etc/UTC]"]
  ]
  for (const [iso, text] of times) {
    it(`is ${text}`, () => assert.strictEqual(timeText(Date.parse(iso)), text))
  }
})
