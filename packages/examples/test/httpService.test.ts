import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { run } from "./support/run.ts"

const answered = (text: string) =>
  ["openai: +", "openai, streamed: ", "AI SDK: +", "AI SDK, streamed: "].map((who) => ` +${who}${text}\n`).join("")

describe("the example of a chat service", () => {
  it.live(
    "serves the clients that people have: whatever the providers do, and while it stops",
    () =>
      Effect.gen(function*() {
        const { code, stderr, stdout } = yield* run("07_http_service/clients.ts")
        assert.deepStrictEqual([code, stderr], [0, ""])
        const [tonight, tomorrow] = [answered("It leaves tonight\\."), answered("It leaves tomorrow\\.")]
        const rest = (step: string, health: string) => ` +fetch: +200, ${step}\n +health: +\\{"status":"${health}".*\n`
        assert.match(
          stdout,
          new RegExp(
            `^Both providers answer\\.\n${tonight}${rest("gpt, none", "up")}`
              + "The conversation is too long\\.\n +openai: +400, context_length_exceeded\n"
              + `The first one is overloaded\\.\n${tomorrow}${rest("chat, fallback", "degraded")}`
              + `The second one rejects the key\\.\n${tomorrow}${rest("canned, canned", "degraded")}`
              + "The service is told to stop while it answers\\.\n +openai: +It leaves tomorrow\\.\n$"
          )
        )
      }),
    60_000
  )
})
