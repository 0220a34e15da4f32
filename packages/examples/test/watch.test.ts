import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { run } from "./support/run.ts"

const demo = "double-eleven/main.ts"

const get = (url: string, token?: string): Effect.Effect<Response> =>
  Effect.promise(() => fetch(url, token === undefined ? {} : { headers: { authorization: `Bearer ${token}` } }))

describe.concurrent("npm run demo -- --watch", () => {
  it.live(
    "plays the incident through a gateway whose page and its data are at the printed address, and ends well by Ctrl-C",
    () =>
      Effect.gen(function*() {
        let circuits: ReadonlyArray<string> = []
        let page = ""
        let withoutToken = 0
        const watch = Effect.fnUntraced(function*(url: string, token: string) {
          page = yield* Effect.flatMap(get(url), (response) => Effect.promise(() => response.text()))
          withoutToken = (yield* get(`${url}admin/overview`)).status
          do {
            const response = yield* get(`${url}admin/overview`, token)
            const { models } = yield* Effect.promise(() => response.json() as Promise<any>)
            circuits = models.filter(({ circuit }: any) => circuit.state === "Open").map(({ name }: any) => name)
            yield* Effect.sleep(50)
          } while (!circuits.includes("gpt-4.1"))
        })
        const { code, stderr, stdout } = yield* run(demo, {
          args: ["--watch", "--speed", "10"],
          meanwhile: (printed) => {
            const found = /Operators: (http:\S+) \(with the token (\S+)\)/.exec(printed)
            return found === null ? undefined : watch(found[1]!, found[2]!)
          }
        })
        assert.include(circuits, "gpt-4.1")
        assert.match(page, /^<!doctype html>/i)
        assert.strictEqual(withoutToken, 401)
        assert.deepStrictEqual([code, stderr], [0, ""])
        assert.match(
          stdout,
          /── slow: arrivals × 15[^]*\d+ customers asked\. \d+ got an answer: \d+ as asked for.*\. 0 saw an error\.\n$/
        )
      }),
    60_000
  )

  it.live(
    "tells how it is watched in its help, and refuses what it cannot do with a sentence",
    () =>
      Effect.gen(function*() {
        const help = yield* run(demo, { args: ["--help"] })
        assert.match(help.stdout, /--watch .*page for operators/)
        const wrong = yield* Effect.forEach(
          [["--watch", "--json"], ["--watch", "--speed", "0"], ["--watch", "--speed", "11"]],
          (args) => run(demo, { args })
        )
        for (const { code, stderr, stdout } of wrong) {
          assert.strictEqual(code, 1)
          assert.match(stdout + stderr, /choose one|--speed is a number from 1 to 10/)
          assert.notInclude(stdout + stderr, "    at ")
        }
      }),
    60_000
  )
})
