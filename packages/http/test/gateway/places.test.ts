/**
 * Clients that leave at any time, in any way: every place and every byte is given back. `SWITCHGEAR_RUNS` says how many
 * connections, `SWITCHGEAR_SEED` repeats a run.
 */
import { connect } from "node:net"
import { assert, it } from "@effect/vitest"
import { Effect, Random } from "effect"
import { chat, hello, runningOver, token } from "./running.ts"
import { chunkOf, scripted, sendEvents, sendWhole } from "./scripted.ts"

const runs = Number(process.env.SWITCHGEAR_RUNS ?? 300)

const places = 8
const bytes = 100_000

interface Visit {
  readonly bytes: string
  readonly leaveAfter: number
  readonly how: "end" | "destroy" | "reset"
}

const visit = Effect.gen(function*() {
  const request = Effect.gen(function*() {
    const body = JSON.stringify({
      ...hello,
      model: yield* Random.choice(["first", "assistant"]),
      stream: (yield* Random.next) < 0.5,
      user: "x".repeat(yield* Random.choice([0, 100, 20_000])),
      metadata: { does: yield* Random.choice(["answer", "hang", "cut", "fail"]) }
    })
    const key = (yield* Random.next) < 0.4 ? `idempotency-key: ${yield* Random.choice(["a", "b"])}\r\n` : ""
    return `POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: Bearer ${token}\r\n${key}` +
      `content-length: ${body.length}\r\n\r\n${body}`
  })
  const all = (yield* Effect.all(Array.from({ length: yield* Random.choice([1, 1, 1, 3]) }, () => request))).join("")
  const part = (yield* Random.next) < 0.2 ? yield* Random.nextIntBetween(1, all.length) : all.length
  const made: Visit = {
    bytes: all.slice(0, part),
    leaveAfter: yield* Random.choice([0, 1, 5, 20, 60]),
    how: yield* Random.choice(["end", "destroy", "reset"] as const)
  }
  return made
})

const play = (url: string, { bytes, how, leaveAfter }: Visit) =>
  Effect.callback<void>((resume) => {
    const socket = connect(Number(new URL(url).port), "127.0.0.1", () => {
      socket.write(bytes)
      setTimeout(() => {
        if (how === "end") socket.end()
        else if (how === "reset") socket.resetAndDestroy()
        else socket.destroy()
      }, leaveAfter)
    })
    socket.on("data", () => {})
    socket.on("error", () => {})
    socket.on("close", () => resume(Effect.void))
  })

it.live(
  `${runs} connections that leave at any time give back their places and the bytes of their bodies`,
  () =>
    Effect.scoped(Effect.gen(function*() {
      const { asked, url: provider } = yield* scripted(({ body }, response) => {
        const does = body.metadata?.does ?? "hang"
        if (does === "fail") {
          response.writeHead(500, { "content-type": "application/json" })
          response.end("{}")
        } else if (does === "cut") {
          sendEvents(response, chunkOf({ content: "half" }))
          setTimeout(() => response.destroy(), 5)
        } else if (does === "answer") {
          if (body.stream !== true) return sendWhole(response, { content: "x".repeat(1000) })
          sendEvents(response, chunkOf({ content: "x" }))
          setTimeout(() => {
            sendEvents(response, chunkOf({}, "stop"), "[DONE]")
            response.end()
          }, 10)
        }
        return undefined
      })
      const { url } = yield* runningOver(
        provider,
        `listen: { port: 0, maxRequests: ${places}, maxBodiesSize: ${bytes} }\ndefaults: { breaker: { minimumCalls: 10000, window: { lastCalls: 10000 } } }`
      )
      const seed = process.env.SWITCHGEAR_SEED ?? String(Math.random())
      const visits = yield* Random.withSeed(Effect.all(Array.from({ length: runs }, () => visit)), seed)
      yield* Effect.forEach(visits, (one) => play(url, one), { concurrency: 16, discard: true })
      // All that there is can be taken again: every byte first, then every place.
      const before = asked.length
      const large = { ...hello, model: "first", user: "" }
      const size = JSON.stringify(large).length
      yield* Effect.forkScoped(Effect.repeat(
        chat(url, { ...large, user: "x".repeat(bytes - size - 10 * places * size) }),
        { until: ({ status }) => status !== 503 }
      ))
      yield* Effect.forEach(
        Array.from({ length: places - 1 }),
        () => Effect.forkScoped(Effect.repeat(chat(url, large), { until: ({ status }) => status !== 503 }))
      )
      const hanging = () => asked.slice(before).filter(({ hasLeft }) => !hasLeft).length
      yield* Effect.repeat(Effect.delay(Effect.sync(hanging), 10), { until: (count) => count >= places }).pipe(
        Effect.timeoutOrElse({
          duration: "15 seconds",
          orElse: () => Effect.sync(() => assert.fail(`seed ${seed}: ${hanging()} of ${places} places are free`))
        })
      )
    })),
  60_000 + 20 * runs
)
