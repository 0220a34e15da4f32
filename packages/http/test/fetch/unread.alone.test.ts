/** What nobody can read any more holds nothing, and what has ended keeps no process alive. */
import { guardedFetch } from "@switchgear/http/fetch"
import { execFile } from "node:child_process"
import { join } from "node:path"
import { promisify } from "node:util"
import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"
import { assert, describe, it } from "vitest"
import { events, role, served, until, word } from "./served.ts"

setFlagsFromString("--expose-gc")
const collect: () => void = runInNewContext("gc")

const root = join(import.meta.dirname, "..", "..")

describe("a response that is dropped", () => {
  it("gives back its slot and its connection when it is collected, however large it is", async () => {
    await using provider = await served((response, { url }) =>
      url === "/large"
        ? response.end("x".repeat(1e6))
        : events([role, word("Good")], "hang")(response, undefined as never)
    )
    await using guarded = guardedFetch()
    const inFlight = () => guarded.health().targets[provider.host]!.inFlight
    // A function of its own: what a loop has held last is held on.
    const drop = async (path: string) => {
      const response = await guarded(`${provider.url}${path}`, {
        method: "POST",
        body: "{\"model\":\"gpt\",\"stream\":true}"
      })
      assert.strictEqual(response.status, 200)
    }
    for (const path of ["/large", "/v1/chat/completions"]) {
      await Promise.all(Array.from({ length: 20 }, () => drop(path)))
      await until(() => {
        collect()
        return inFlight() === 0
      })
      await until(() => provider.open() === 0)
    }
    const { calls, failed } = guarded.health().targets[provider.host]!
    assert.deepStrictEqual([calls, failed], [0, 0])
  }, 30_000)

  it("is not dropped while a clone or a part of it is read", async () => {
    await using provider = await served((response) => response.end("x".repeat(1e6)))
    await using guarded = guardedFetch()
    const clone = async () => (await guarded(provider.url)).clone()
    const body = async () => (await guarded(provider.url)).body!
    const [cloned, stream] = [await clone(), await body()]
    for (let i = 0; i < 5; i++) {
      collect()
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
    assert.strictEqual((await cloned.text()).length, 1e6)
    assert.strictEqual((await new Response(stream).text()).length, 1e6)
  }, 30_000)
})

describe("a process that has called through a guarded fetch", () => {
  it("ends by itself, without disposing of it", async () => {
    const program = `
      import { guardedFetch } from ${JSON.stringify(join(root, "src", "fetch", "index.ts"))}
      const guarded = guardedFetch({ fetch: async () => new Response("good"), retry: { maxAttempts: 3 } })
      await (await guarded("https://api.test")).text()
      await guarded("https://api.test")
      guarded.control("other.test").open("1 hour")
      console.log(Object.keys(guarded.health().targets).join())
    `
    const { stdout } = await promisify(execFile)(process.execPath, ["--input-type=module", "-e", program], {
      cwd: root,
      timeout: 25_000
    })
    assert.strictEqual(stdout, "api.test,other.test\n")
  }, 30_000)
})
