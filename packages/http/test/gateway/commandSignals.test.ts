/** What the command does when it is told to end, by real signals: no answer is cut off that can still come. */
import { assert, describe, it } from "@effect/vitest"
import { Behaviour, SimulatedProvider } from "@switchgear/http/testing"
import { Effect, Fiber } from "effect"
import { ask, chat, hello } from "./running.ts"
import { started } from "./startedCommand.ts"

const slow = Behaviour.stream({ text: "one two three four", chunks: 4, pause: 400 })

/** A command that serves, with a stream of its model in flight. */
const serving = Effect.fnUntraced(function*(outcome: Behaviour.Outcome) {
  const provider = yield* SimulatedProvider.make({ models: { first: { outcome } } })
  const { url } = yield* SimulatedProvider.serve(provider)
  const command = yield* started(
    `{ listen: { port: 0 }, providers: { sim: { baseUrl: ${url} } }, models: { first: { provider: sim } } }`
  )
  const { clients } = yield* command.addresses
  const answer = yield* Effect.forkChild(chat(clients, { ...hello, model: "first", stream: true }))
  yield* Effect.repeat(Effect.delay(provider.stats("first"), 5), { until: ({ started }) => started === 1 })
  const hasBegunToStop = Effect.repeat(Effect.delay(ask(`${clients}/health/ready`), 5), {
    until: ({ status }) => status === 503
  })
  return { ...command, hasBegunToStop, answer: Fiber.join(answer) }
})

const wait = 60_000

describe("the command lets the calls in flight end, with code 0,", () => {
  for (
    const [what, signals, meanwhile] of [
      ["when it is told so", ["SIGTERM"], []],
      // Two of one kind may come as one.
      ["when one Ctrl-C comes several times, as npm passes it on", ["SIGINT", "SIGTERM", "SIGINT"], []],
      ["when the terminal closes meanwhile", ["SIGTERM"], ["SIGHUP"]]
    ] as const
  ) {
    it.live(what, () =>
      Effect.scoped(Effect.gen(function*() {
        const { answer, ended, hasBegunToStop, process } = yield* serving(slow)
        for (const signal of signals) process.kill(signal)
        yield* hasBegunToStop
        for (const signal of meanwhile) process.kill(signal)
        assert.include((yield* answer).text, "[DONE]")
        assert.strictEqual(yield* ended, 0)
      })), wait)
  }
})

it.live(
  "the command says in its log and its history that the signal has it read its file again",
  () =>
    Effect.scoped(Effect.gen(function*() {
      const token = "a-token-of-operators-for-this-test"
      const { addresses, printed, process } = yield* started(
        `{ listen: { port: 0 }, admin: { port: 0, token: ${token} }, providers: { sim: { baseUrl: http://127.0.0.1:9 } }, models: { first: { provider: sim } } }`
      )
      const { operators } = yield* addresses
      process.kill("SIGHUP")
      yield* Effect.repeat(Effect.delay(Effect.sync(printed), 10), {
        until: (text) => text.includes("The file was taken over.")
      })
      assert.include(printed(), "The signal SIGHUP: reload file, done (The process got the signal SIGHUP)")
      assert.notInclude(printed(), "An operator")
      const { json } = yield* ask(`${operators}/admin/events`, { headers: { authorization: `Bearer ${token}` } })
      assert.deepInclude(json.events[0], { act: "reload", by: "SIGHUP", reason: "The process got the signal SIGHUP" })
    })),
  wait
)

it.live("the command ends at once when it is told so a second time", () =>
  Effect.scoped(Effect.gen(function*() {
    const { ended, hasBegunToStop, process } = yield* serving(Behaviour.stream({ end: Behaviour.stallAfter(2) }))
    process.kill("SIGTERM")
    yield* hasBegunToStop
    // Longer than one press of a key is heard.
    yield* Effect.sleep(400)
    process.kill("SIGTERM")
    assert.strictEqual(yield* ended, 130)
  })), wait)

it.live(
  "the command goes on where nobody reads its log any more, and ends when it is told so",
  () =>
    Effect.scoped(Effect.gen(function*() {
      const { addresses, ended, process } = yield* started(
        "{ listen: { port: 0 }, providers: { sim: { baseUrl: http://127.0.0.1:9 } }, models: { first: { provider: sim } } }"
      )
      const { clients } = yield* addresses
      process.stdout!.destroy()
      process.stderr!.destroy()
      for (const generation of [2, 3, 4]) {
        // It is said in the log.
        process.kill("SIGHUP")
        yield* Effect.repeat(Effect.delay(ask(`${clients}/health/ready`), 5), {
          until: ({ json }) => json.generation === generation
        })
      }
      process.kill("SIGTERM")
      assert.strictEqual(yield* ended, 0)
    })),
  wait
)
