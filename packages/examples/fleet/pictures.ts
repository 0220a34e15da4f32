/**
 * Pictures of the operators' page of a gateway in a fleet, for `docs/fleet.md`: `npm run picture`. Three gateways meet in a Redis of
 * this program's own; the page is that of one which is asked nothing while the model fails. Needs `redis-server` and Chromium.
 */
import { NodeRuntime } from "@effect/platform-node"
import { Gateway, GatewayConfig } from "@switchgear/http/gateway"
import { Behaviour, SimulatedProvider } from "@switchgear/http/testing"
import { Console, Effect, Fiber, Logger } from "effect"
import { writeFile } from "node:fs/promises"
import { join } from "node:path"
import type { Page } from "playwright-core"
import { launched } from "../chromium.ts"
import { redisServer } from "./redisServer.ts"

const token = "operators-0123456789"

const folder = join(import.meta.dirname, "..", "..", "..", "docs", "images")

const fileOf = (provider: string, redis: number): string => `
listen: { port: 0, drainTimeout: 1 millis }
admin: { port: 0, token: ${token} }
cluster: { redis: "redis://127.0.0.1:${redis}", fleet: prod }
providers: { openai: { baseUrl: ${provider} }, deepseek: { baseUrl: ${provider} } }
defaults: { breaker: { openFor: 10 seconds }, retry: { maxAttempts: 1 } }
models: { gpt-4.1: { provider: openai }, deepseek-chat: { provider: deepseek } }
cascades: { assistant: { steps: [gpt-4.1, deepseek-chat] } }
prices: { gpt-4.1: { input: 2, output: 8 }, deepseek-chat: { input: 1, output: 2 } }
`

const gateway = (file: string) => Effect.flatMap(GatewayConfig.parse(file, {}), (config) => Gateway.make(config))

/** Customers of a gateway, until they are interrupted. */
const customers = ({ address: { port } }: Gateway.Gateway) =>
  Effect.forkScoped(Effect.forever(Effect.delay(
    Effect.promise((signal) =>
      fetch(`http://127.0.0.1:${port}/v1/chat/completions`, {
        signal,
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ model: "assistant", messages: [{ role: "user", content: "Hello" }] })
      }).then((response) => response.text())
    ),
    "40 millis"
  )))

/** The page down to the end of its models. */
const picture = (page: Page, name: string) =>
  Effect.andThen(
    Effect.promise(async () => {
      const { height, y } = (await page.locator(".models").boundingBox())!
      const clip = { x: 0, y: 0, width: page.viewportSize()!.width, height: Math.ceil(y + height), scale: 1 }
      const session = await page.context().newCDPSession(page)
      const { data } = await session.send("Page.captureScreenshot", { format: "webp", quality: 85, clip })
      await writeFile(join(folder, `fleet-${name}.webp`), Buffer.from(data, "base64"))
    }),
    Console.log(`docs/images/fleet-${name}.webp`)
  )

const stateOf = (page: Page, state: string) =>
  Effect.promise(() => page.waitForSelector(`tr[data-model="gpt-4.1"] .state[data-state="${state}"]`))

const program = Effect.scoped(Effect.gen(function*() {
  const redis = yield* redisServer
  const answers = { outcome: Behaviour.ok("Good evening"), latency: Behaviour.constant(80) }
  const provider = yield* SimulatedProvider.make({ models: { "gpt-4.1": answers, "deepseek-chat": answers } })
  const { url } = yield* SimulatedProvider.serve(provider)
  const file = fileOf(url, redis.port)
  const own = yield* gateway(file)
  const others = [yield* gateway(file), yield* gateway(file)]
  const browser = yield* launched
  const page = yield* Effect.promise(async () => {
    const context = await browser.newContext({
      viewport: { width: 1280, height: 720 },
      colorScheme: "light",
      locale: "en-GB"
    })
    const page = await context.newPage()
    await page.goto(`http://127.0.0.1:${own.adminAddress!.port}/`)
    await page.fill("input[name=token]", token)
    await page.keyboard.press("Enter")
    return page
  })
  yield* stateOf(page, "Closed")
  for (const one of others) yield* customers(one)
  const ownCustomers = yield* customers(own)
  // So long that all circuits have something to show.
  yield* Effect.sleep("8 seconds")
  yield* picture(page, "healthy")

  yield* Fiber.interrupt(ownCustomers)
  yield* provider.set("gpt-4.1", { outcome: Behaviour.serverError })
  yield* stateOf(page, "Open")
  yield* Effect.sleep("2 seconds")
  yield* picture(page, "opened")

  yield* provider.set("gpt-4.1", answers)
  yield* stateOf(page, "Closed")
  yield* customers(own)
  yield* Effect.sleep("2 seconds")
  yield* picture(page, "ramp-up")

  yield* redis.kill
  yield* Effect.promise(() => page.waitForSelector("header .bad"))
  yield* Effect.sleep("2 seconds")
  yield* picture(page, "away")
}))

NodeRuntime.runMain(Effect.provide(program, Logger.layer([])))
