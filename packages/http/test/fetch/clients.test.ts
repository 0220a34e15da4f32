/** Clients that applications have, unmodified and on sockets: they give up, and their provider recovers. */
import { assert, describe, it } from "@effect/vitest"
import { guardedFetch } from "@switchgear/http/fetch"
import { aiSdkCompatible, aiSdkOpenai } from "../gateway/clients/aiSdk.ts"
import { langchain } from "../gateway/clients/langchain.ts"
import { openai6, openai7 } from "../gateway/clients/openai.ts"
import { anthropic } from "./anthropic.ts"
import * as Days from "./days.ts"
import { type Answer, served, until } from "./served.ts"

const applications = [openai7, openai6, aiSdkOpenai, aiSdkCompatible, langchain, anthropic]
const hows = ["whole", "streamed"] as const

for (const application of applications) {
  for (const how of hows) {
    describe(`${application.name}, ${how}, behind a guarded fetch`, () => {
      it("gives up: its call ends at the provider, holds nothing, and says nothing about it", async () => {
        for (const day of [Days.hang, Days.stall]) {
          await using provider = await served(day)
          await using guarded = guardedFetch()
          const abort = new AbortController()
          const call = application[how]({
            baseURL: `${provider.url}/v1`,
            apiKey: "sk-test",
            model: "m",
            fetch: guarded,
            maxRetries: 0,
            signal: abort.signal
          })
          await until(() => provider.heard.length === 1)
          abort.abort()
          // Some clients end a stream without a word when they are told to.
          assert.notStrictEqual((await call).text, "Good day")
          await until(() => provider.heard[0]!.hasLeft)
          const { calls, inFlight } = guarded.health().targets[provider.host]!
          assert.deepStrictEqual([calls, inFlight], [0, 0])
        }
      })

      it("is refused while its provider is down, and gets answers when it is well again", async () => {
        let day: Answer = Days.busy
        await using provider = await served((response, heard) => day(response, heard))
        await using guarded = guardedFetch({ breaker: { minimumCalls: 2, openFor: "1 hour", halfOpen: { calls: 1 } } })
        const ask = () =>
          application[how]({
            baseURL: `${provider.url}/v1`,
            apiKey: "sk-test",
            model: "m",
            fetch: guarded,
            maxRetries: 0
          })
        for (let i = 0; i < 4; i++) assert.isDefined((await ask()).error)
        assert.strictEqual(provider.heard.length, 2)
        day = Days.good
        // The opening is over.
        guarded.control(provider.host).open(1)
        await until(() => guarded.health().targets[provider.host]!.state === "HalfOpen")
        assert.strictEqual((await ask()).text, "Good day")
        assert.strictEqual(guarded.health().targets[provider.host]!.state, "Closed")
        assert.strictEqual((await ask()).text, "Good day")
        assert.strictEqual(guarded.health().targets[provider.host]!.inFlight, 0)
      })
    })
  }
}
