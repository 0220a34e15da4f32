/** How long a body may be silent, and how long it may take. */
import { assert, describe, it, vi } from "@effect/vitest"
import { VirtualClock } from "@switchgear/core/testing"
import { GuardedFetchError } from "@switchgear/http/fetch"
import { Clock, Context, Effect, Schema } from "effect"

const { fetchIn } = await vi.importActual<typeof import("../../src/fetch/fetchIn.ts")>("../../src/fetch/fetchIn.ts")

/** Odd, so that no silence is just as long. */
const idleTimeout = 51

const kinds = {
  download: { path: "/file", type: "application/octet-stream" },
  json: { path: "/v1/chat/completions", type: "application/json" },
  page: { path: "/v1/chat/completions", type: "text/html" },
  "other events": { path: "/feed", type: "text/event-stream" }
} as const

const Program = Schema.Struct({
  kind: Schema.Literals(Object.keys(kinds) as Array<keyof typeof kinds>),
  /** Half of the milliseconds before each piece. */
  silences: Schema.Array(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 30 }))).check(
    Schema.isMinLength(1),
    Schema.isMaxLength(12)
  )
})

const read = ({ kind, silences }: typeof Program.Type) =>
  Effect.gen(function*() {
    const { path, type } = kinds[kind]
    const context = Context.make(Clock.Clock, yield* Clock.Clock)
    const pieces = silences.map((_, i) => kind === "json" && i === 0 ? "[1" : kind === "json" ? ",2" : "piece")
    const left = silences.map((half, i): readonly [millis: number, piece: string] => [2 * half, pieces[i]!])
    if (kind === "json") left.push([0, "]"])
    const body = new ReadableStream<Uint8Array>({
      pull: (controller) =>
        Effect.runPromiseWith(context)(Effect.gen(function*() {
          const next = left.shift()
          if (next === undefined) return controller.close()
          yield* Effect.sleep(next[0])
          controller.enqueue(new TextEncoder().encode(next[1]))
        }))
    }, { highWaterMark: 0 })
    const guarded = fetchIn(context, {
      idleTimeout,
      fetch: () => Promise.resolve(new Response(body, { headers: { "content-type": type } }))
    }, "guardedFetch")
    return yield* Effect.promise(async () => {
      try {
        const response = await guarded(`https://api.test${path}`, { method: "POST", body: "{\"model\":\"gpt\"}" })
        return response.status === 200
          ? (await response.text()).length > 0
          : ((await response.json()) as { readonly error: { readonly code: string } }).error.code
      } catch (error) {
        return error instanceof GuardedFetchError ? error.code : error
      }
    })
  })

describe("a body that is no stream of a model", () => {
  it.live.prop(
    "comes whole however long it takes, unless it is silent for longer than the idle time-out",
    { program: Program },
    Effect.fnUntraced(function*({ program }) {
      const isSilent = program.silences.some((half) => 2 * half > idleTimeout)
      const got = yield* VirtualClock.play(read(program))
      const expected = isSilent ? "idle_timeout" : true
      assert.strictEqual(got, expected)
    }),
    { timeout: 60_000, arbitrary: { runs: 300 } }
  )
})
