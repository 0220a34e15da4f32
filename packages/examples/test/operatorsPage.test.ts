/** The gateway's page for operators in a browser, over a gateway on sockets. */
import { assert } from "@effect/vitest"
import { Gateway, GatewayConfig } from "@switchgear/http/gateway"
import { Behaviour, SimulatedProvider } from "@switchgear/http/testing"
import { Effect, Fiber } from "effect"
import { type AddressInfo, connect, createServer, type Socket } from "node:net"
import type { BrowserContextOptions, Page } from "playwright-core"
import * as Browser from "./support/browser.ts"

const control = "admin-control-0123456789"
const reader = "admin-read-0123456789"
const client = "sk-shop-0123456789"

const fileOf = (provider: string): string => `
listen: { port: 0, maxRequests: 100 }
admin:
  port: 0
  token: ${control}
  readToken: ${reader}
  runbook: https://wiki.test/a-bad-night
  promise: { p95: 8 seconds }
clients: [{ name: shop, token: ${client}, budget: { dollars: 5, window: month } }]
providers: { sim: { baseUrl: ${provider}, apiKey: [sk-provider-1-0123456789, sk-provider-2-0123456789] } }
defaults: { breaker: { minimumCalls: 4, openFor: 30 minutes }, retry: { maxAttempts: 1 }, retryBudget: { floor: 7 } }
models:
  gpt-4.1: { provider: sim, rateLimiter: { limits: [{ resource: tokens, limit: 300000, per: 1 day }] } }
  gpt-4o: { provider: sim, rateLimiter: { limits: [{ resource: requests, limit: 2000, per: 1 minute }] } }
  deepseek-chat: { provider: sim, breaker: { openFor: 100 millis, halfOpen: { calls: 1 }, rampUp: { over: 1 hour } } }
cascades:
  assistant: { steps: [gpt-4.1, gpt-4o], canned: { en: "We are busy.", zh: "服务繁忙" } }
prices:
  gpt-4.1: { input: 2, output: 8 }
  gpt-4o: { input: 1, output: 4 }
`

/** Nothing listens there. */
const fleet = "cluster: { redis: \"redis://127.0.0.1:1\", fleet: prod }\n"

/** A gateway after a bad minute: its first model is down and cut off, the second one answers. */
const afterBadMinute = Effect.fnUntraced(function*(more: string) {
  const ok = { outcome: Behaviour.ok("Good evening") }
  const provider = yield* SimulatedProvider.make({ models: { "gpt-4.1": ok, "gpt-4o": ok, "deepseek-chat": ok } })
  const { url } = yield* SimulatedProvider.serve(provider)
  const gateway = yield* Effect.flatMap(
    GatewayConfig.parse(`${fileOf(url)}${more}`, {}),
    (config) => Gateway.make(config)
  )
  const adminUrl = `http://127.0.0.1:${gateway.adminAddress!.port}`
  const send = (model: string) =>
    Effect.promise((signal) =>
      fetch(`http://127.0.0.1:${gateway.address.port}/v1/chat/completions`, {
        signal,
        method: "POST",
        headers: { authorization: `Bearer ${client}`, "content-type": "application/json" },
        body: JSON.stringify({ model, messages: [{ role: "user", content: "Hello" }] })
      }).then((response) => response.text())
    )
  for (let call = 0; call < 3; call++) yield* send("assistant")
  yield* provider.set("gpt-4.1", { outcome: Behaviour.serverError })
  for (let call = 0; call < 6; call++) yield* send("assistant")
  yield* send("gpt-4.1")
  const overview = Effect.promise(() =>
    fetch(`${adminUrl}/admin/overview`, { headers: { authorization: `Bearer ${control}` } })
      .then((response) => response.json() as Promise<any>)
  )
  return { adminUrl, overview, provider, send }
})

const act = (adminUrl: string, path: string, body: object) =>
  Effect.promise(() =>
    fetch(`${adminUrl}/admin/${path}`, {
      method: "POST",
      headers: { authorization: `Bearer ${control}`, "content-type": "application/json" },
      body: JSON.stringify(body)
    }).then((response) => response.text())
  )

const post = (adminUrl: string, id: string, command: string, reason: string) =>
  act(adminUrl, `circuits/${id}`, { command, reason })

interface Opened {
  readonly page: Page
  readonly heard: ReturnType<typeof Browser.listenTo>
  readonly adminUrl: string
  readonly overview: Effect.Effect<any>
  readonly provider: SimulatedProvider.SimulatedProvider["Service"]
  /** Asks for a model as a client. */
  readonly send: (model: string) => Effect.Effect<string>
}

/** `more` is added to the file of the gateway. */
const open = Effect.fnUntraced(function*(options: BrowserContextOptions = {}, more = "") {
  const made = yield* afterBadMinute(more)
  const page = yield* Browser.newPage({ viewport: { width: 1440, height: 900 }, locale: "en-GB", ...options })
  const heard = Browser.listenTo(page)
  yield* Effect.promise(() => page.goto(`${made.adminUrl}/`))
  const opened: Opened = { page, heard, ...made }
  return opened
})

const signIn = (page: Page, token: string) =>
  Effect.promise(async () => {
    await page.fill("input[name=token]", token)
    await page.keyboard.press("Enter")
    await page.waitForSelector("tr[data-model]")
  })

/** Stands between the browser and the gateway, and may say nothing for a while. */
const relayTo = (port: number) =>
  Effect.acquireRelease(
    Effect.promise(async () => {
      let isSilent = false
      const sockets = new Set<Socket>()
      const server = createServer((socket) => {
        const upstream = connect(port, "127.0.0.1")
        for (const one of [socket, upstream]) {
          sockets.add(one)
          one.on("error", () => {}).on("close", () => {
            sockets.delete(one)
            socket.destroy()
            upstream.destroy()
          })
        }
        socket.on("data", (bytes) => upstream.write(bytes))
        upstream.on("data", (bytes) => isSilent || socket.write(bytes))
      })
      await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
      const end = () => {
        for (const socket of sockets) socket.destroy()
      }
      return {
        url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
        silence: () => {
          isSilent = true
        },
        goOn: () => {
          isSilent = false
          end()
        },
        close: () => {
          server.close()
          end()
        }
      }
    }),
    ({ close }) => Effect.sync(close)
  )

const textOf = (page: Page, selector: string) => Effect.promise(() => page.innerText(selector))

const cellOf = (page: Page, model: string, cell: string) =>
  textOf(page, `tr[data-model="${model}"] [data-cell="${cell}"]`)

const button = (model: string, command: string) => `tr[data-model="${model}"] button[data-command="${command}"]`

const stateIs = (page: Page, model: string, state: string) =>
  page.waitForSelector(`tr[data-model="${model}"] .state[data-state="${state}"]`)

const views: ReadonlyArray<readonly [name: string, options: BrowserContextOptions]> = [
  ["light, at a desk", { colorScheme: "light" }],
  ["dark, at a desk", { colorScheme: "dark" }],
  ["dark, at a desk, in Chinese", { colorScheme: "dark", locale: "zh-CN" }],
  ["light, on a tablet", { colorScheme: "light", viewport: { width: 800, height: 1100 } }],
  ["light, on a phone", { colorScheme: "light", viewport: { width: 390, height: 844 } }],
  ["dark, on a small phone", { colorScheme: "dark", viewport: { width: 360, height: 700 } }]
]

Browser.describePages("the operators' page in a browser", (it) => {
  it.effect("shows what the API says, worst first", () =>
    Effect.scoped(Effect.gen(function*() {
      const { heard, overview, page } = yield* open()
      yield* signIn(page, control)
      const { clients: [shop], health, models, totals } = yield* overview
      assert.strictEqual(health.status, "degraded")
      assert.strictEqual(yield* textOf(page, "[data-test=status]"), "Degraded")
      assert.match(yield* textOf(page, "[data-test=reasons]"), /circuit gpt-4\.1: open, next probe in \d+ min/)
      const rows = yield* Effect.promise(() =>
        page.$$eval("tr[data-model]", (rows) => rows.map((row) => row.getAttribute("data-model")))
      )
      assert.deepStrictEqual(rows, ["gpt-4.1", "gpt-4o", "deepseek-chat"])
      const words: Record<string, string> = { Open: "Open", Closed: "Closed" }
      for (const { bulkhead, circuit, lastError, name } of models) {
        const cell = (of: string) => cellOf(page, name, of)
        assert.include(yield* cell("state"), words[circuit.state]!)
        assert.strictEqual(yield* cell("calls"), String(circuit.calls))
        assert.strictEqual(
          (yield* cell("failures")).split("\n")[0],
          `${circuit.failureRate === null ? "–" : `${Math.round(100 * circuit.failureRate)} %`} / 50 %`
        )
        assert.include(yield* cell("inFlight"), `${bulkhead.inFlight} / ${bulkhead.concurrency}`)
        assert.strictEqual(yield* cell("queue"), `${bulkhead.queued} / ${bulkhead.queue}`)
        assert.match(yield* cell("openings"), new RegExp(`^${circuit.openings}`))
        assert.include(yield* cell("lastError"), lastError === null ? "–" : lastError.kind)
        if (lastError !== null) assert.include(yield* cell("lastError"), `${lastError.status}, `)
      }
      assert.match(yield* cellOf(page, "gpt-4.1", "state"), /next probe in \d+ min.*\n.*too many failures/s)
      assert.match(yield* cellOf(page, "gpt-4.1", "tokens"), /tokens \d+k \/ 300k/)
      assert.include(yield* textOf(page, "[data-test=cost]"), totals.cost.toFixed(5))
      assert.match(yield* textOf(page, "[data-test=budget]"), /^\$0\.\d+ of \$5\.00$/)
      assert.isAbove(shop.money.budget.spent, 0)
      assert.match(yield* textOf(page, ".money"), /(lasts at this rate|at this rate empty in .*), resets in /)
      assert.include(yield* textOf(page, ".history"), "gpt-4.1 Open for 30 min: too many failures")
      assert.deepStrictEqual(heard.complaints, [])
    })), 60_000)

  it.effect(
    "shows who asks most, the share of retries with their budget, p95 against the promise, and the runbook",
    () =>
      Effect.scoped(Effect.gen(function*() {
        const { heard, overview, page } = yield* open()
        yield* signIn(page, control)
        const { clients: [shop], models, promise, runbook } = yield* overview
        assert.strictEqual(shop.lastMinute.requests, 10)
        assert.strictEqual(
          (yield* textOf(page, "[data-client=shop]")).replace(/\s+/g, " ").trim(),
          `shop ${shop.lastMinute.requests} 100 %`
        )
        yield* Effect.promise(() => page.waitForSelector("[data-test=p95]"))
        assert.match(yield* textOf(page, "[data-test=p95]"), /^p95 \d+ ms \/ ✓ 8\.0 s promised, kept$/)
        assert.strictEqual(promise.p95Millis, 8000)
        assert.strictEqual(yield* textOf(page, "[data-test=retryShare]"), "0 %")
        assert.strictEqual(
          yield* textOf(page, "[data-test=retryBudget]"),
          `retryBudget of gpt-4.1: ${Math.floor(models[0].retryBudget.available)} left`
        )
        const link = yield* Effect.promise(() =>
          page.$eval("[data-test=runbook]", (link) => [link.getAttribute("href"), link.getAttribute("rel")])
        )
        assert.deepStrictEqual(link, [runbook, "noopener noreferrer"])
        assert.deepStrictEqual(heard.requests.filter((url) => url.includes("wiki.test")), [], "nobody has asked for it")
      })),
    60_000
  )

  it.effect("says how many calls a circuit lets pass that has just closed", () =>
    Effect.scoped(Effect.gen(function*() {
      const { overview, page, provider, send } = yield* open()
      yield* signIn(page, reader)
      const isShown = Effect.promise(() => page.locator("[data-test=ramp-up]").count())
      yield* provider.set("deepseek-chat", { outcome: Behaviour.serverError })
      yield* Effect.replicateEffect(send("deepseek-chat"), 4)
      assert.notStrictEqual((yield* overview).models[2].circuit.state, "Closed")
      assert.strictEqual(yield* isShown, 0)
      yield* provider.set("deepseek-chat", { outcome: Behaviour.ok("Good evening") })
      const rampUp = Effect.andThen(
        send("deepseek-chat"),
        Effect.map(overview, ({ models }) => models[2].circuit.rampUp)
      )
      const share = yield* Effect.repeat(rampUp, { until: (share) => share !== null })
      assert.closeTo(share, 0.1, 0.05)
      yield* Effect.promise(() => page.waitForSelector("tr[data-model='deepseek-chat'] [data-test=ramp-up]"))
      assert.match(yield* cellOf(page, "deepseek-chat", "state"), /lets 1\d % pass, and more each moment/)
      assert.strictEqual(yield* isShown, 1)
    })), 60_000)

  it.effect("shows which keys are parked, and acts on them in the history", () =>
    Effect.scoped(Effect.gen(function*() {
      const { adminUrl, page } = yield* open()
      yield* signIn(page, reader)
      assert.strictEqual(yield* Effect.promise(() => page.locator("[data-cell=keys]").count()), 0)
      yield* act(adminUrl, "providers/sim/keys/key%201", { command: "park", reason: "it has leaked" })
      yield* Effect.promise(() => page.waitForSelector("tr[data-model='gpt-4o'] [data-cell=keys]"))
      assert.strictEqual(yield* cellOf(page, "gpt-4o", "keys"), "1 of 2 keys parked")
      assert.include(yield* textOf(page, ".history"), "control park sim key 1: it has leaked")
      yield* act(adminUrl, "providers/sim/keys/key%202", { command: "park", seconds: 600, reason: "that one too" })
      yield* Effect.promise(() => page.waitForSelector("tr.bad[data-model='gpt-4o']"))
      assert.strictEqual(yield* cellOf(page, "gpt-4o", "keys"), "all keys parked")
      yield* act(adminUrl, "providers/sim/keys/key%201", { command: "unpark", reason: "replaced" })
      yield* act(adminUrl, "providers/sim/keys/key%202", { command: "unpark", reason: "replaced" })
      yield* Effect.promise(() => page.waitForSelector("[data-cell=keys]", { state: "detached" }))
    })), 60_000)

  it.effect("is alive while the gateway sheds, and says that it does", () =>
    Effect.scoped(Effect.gen(function*() {
      const { heard, page, provider, send } = yield* open()
      yield* signIn(page, control)
      yield* provider.set("gpt-4o", { outcome: Behaviour.hang })
      const calls = yield* Effect.forkScoped(
        Effect.forEach(Array.from({ length: 600 }), () => send("gpt-4o"), { concurrency: "unbounded", discard: true })
      )
      yield* Effect.promise(() => page.waitForSelector("[data-test=shed]"))
      assert.match(yield* textOf(page, "[data-test=shed]"), /^sheds [\d.,]+\/s$/)
      assert.include(yield* textOf(page, "[data-test=reasons]"), "gateway listen.maxRequests: requests are refused")
      assert.match(yield* textOf(page, "[data-client=shop]"), /\d+ shed/)
      const told = () => textOf(page, "[data-test=age]:not([role=alert])")
      const before = yield* told()
      // Snapshots go on.
      yield* Effect.repeat(Effect.delay(told(), 100), { until: (now) => now !== before })
      assert.deepStrictEqual(heard.complaints, [])
      yield* Fiber.interrupt(calls)
    })), 60_000)

  it.effect("shows what customers get now", () =>
    Effect.scoped(Effect.gen(function*() {
      const { overview, page } = yield* open()
      yield* signIn(page, reader)
      const { totals: { outcomes } } = yield* overview
      const calls = Object.values<number>(outcomes).reduce((sum, count) => sum + count, 0)
      assert.isAbove(outcomes.fallback, 0)
      for (const [outcome, name] of Object.entries({ askedFor: "asked-for", fallback: "fallback", error: "error" })) {
        const told = yield* Effect.promise(async () =>
          (await (await page.waitForSelector(`[data-outcome="${outcome}"]`)).innerText()).replace(/\s+/g, " ")
        )
        assert.strictEqual(told, `${name} ${Math.round(100 * outcomes[outcome] / calls)} %`)
      }
    })), 60_000)

  for (const [name, options] of views) {
    it.effect(
      `shows the fleet, whose Redis is away, and for whom a command is: ${name}`,
      () =>
        Effect.scoped(Effect.gen(function*() {
          const isChinese = options.locale === "zh-CN"
          const { heard, overview, page } = yield* open(options, fleet)
          yield* signIn(page, control)
          const { cluster, health } = yield* overview
          assert.deepInclude(cluster, { fleet: "prod", state: "away", because: "ECONNREFUSED", lastSync: null })
          assert.include(health.reasons.map(({ reason }: { reason: string }) => reason), "away")
          assert.strictEqual(
            yield* textOf(page, "[data-test=cluster]"),
            isChinese
              ? "集群 prod：Redis 无响应 · ECONNREFUSED · 限流：按网关数均分"
              : "Fleet prod: Redis away · ECONNREFUSED · limits: this gateway's part of each"
          )
          assert.include(
            yield* textOf(page, "[data-test=reasons]"),
            isChinese
              ? "集群：Redis 无响应，本网关独立运行"
              : "fleet: Redis does not answer, this gateway goes on by itself"
          )
          for (
            const [command, told] of isChinese
              ? [["open", "其他网关在 Redis 恢复后生效"], ["disable", "仅对本网关生效"]] as const
              : [["open", "the others once Redis is back"], ["disable", "for this gateway alone"]] as const
          ) {
            yield* Effect.promise(() => page.click(button("gpt-4o", command)))
            assert.include(yield* textOf(page, "dialog [data-test=where]"), told)
            yield* Effect.promise(async () => {
              await page.keyboard.press("Escape")
              await page.waitForSelector("dialog", { state: "detached" })
            })
          }
          const { overflow, texts } = yield* Effect.promise(() => Browser.measure(page))
          assert.isAtMost(overflow, 0)
          for (const { contrast, size, text } of texts) assert.isAtLeast(contrast, 4.5, `${text} at ${size}`)
          assert.deepStrictEqual(heard.complaints, [])
        })),
      60_000
    )
  }

  it.effect(
    "opens and closes a circuit with a confirmation and a reason, and not without",
    () =>
      Effect.scoped(Effect.gen(function*() {
        const { heard, overview, page } = yield* open()
        yield* signIn(page, control)
        const posts = () => heard.requests.filter((url) => url.includes("/admin/circuits/"))
        yield* Effect.promise(async () => {
          await page.click(button("gpt-4o", "open"))
          await page.waitForSelector("dialog[open]")
          await page.click("dialog button[type=submit]")
          await page.waitForSelector("dialog input[name=reason]:focus")
          await page.fill("dialog input[name=reason]", "   ")
          await page.click("dialog button[type=submit]")
          await page.keyboard.press("Escape")
          await page.waitForSelector("dialog", { state: "detached" })
        })
        assert.deepStrictEqual(posts(), [])
        yield* Effect.promise(async () => {
          await page.click(button("gpt-4o", "open"))
          await page.fill("dialog input[name=reason]", "The provider announced <b>maintenance</b>")
          await page.click("dialog button[type=submit]")
          await page.waitForSelector("dialog", { state: "detached" })
          await stateIs(page, "gpt-4o", "ForcedOpen")
        })
        const opened = yield* overview
        assert.strictEqual(opened.models[1].circuit.state, "ForcedOpen")
        assert.isTrue(yield* Effect.promise(() => page.isDisabled(button("gpt-4o", "open"))))
        assert.include(
          yield* textOf(page, ".history"),
          "control Open gpt-4o: The provider announced <b>maintenance</b>"
        )
        yield* Effect.promise(async () => {
          await page.click(button("gpt-4o", "close"))
          await page.fill("dialog input[name=reason]", "It is over")
          await page.keyboard.press("Enter")
          await stateIs(page, "gpt-4o", "Closed")
          await page.click(button("gpt-4o", "disable"))
          await page.fill("dialog input[name=reason]", "A trial")
          await page.keyboard.press("Enter")
          await stateIs(page, "gpt-4o", "Disabled")
        })
        assert.lengthOf(posts(), 3)
        assert.deepStrictEqual(heard.complaints, [])
      })),
    60_000
  )

  it.effect("has no controls for a token that may only read", () =>
    Effect.scoped(Effect.gen(function*() {
      const { page } = yield* open()
      yield* signIn(page, reader)
      assert.strictEqual(yield* Effect.promise(() => page.locator("[data-command]").count()), 0)
      assert.strictEqual(yield* textOf(page, "[data-test=readOnly]"), "read-only token")
    })), 60_000)

  it.effect(
    "keeps the token in the tab alone, tells it in no address, and asks nobody else",
    () =>
      Effect.scoped(Effect.gen(function*() {
        const { adminUrl, heard, page } = yield* open()
        yield* signIn(page, control)
        const kept = () =>
          Effect.promise(() =>
            page.evaluate("[JSON.stringify({ ...sessionStorage }), localStorage.length, document.cookie]")
          ) as Effect.Effect<[string, number, string]>
        assert.deepStrictEqual(yield* kept(), [JSON.stringify({ "switchgear-token": control }), 0, ""])
        yield* Effect.promise(async () => {
          await page.reload()
          await page.waitForSelector("tr[data-model]")
          const other = await page.context().newPage()
          await other.goto(`${adminUrl}/`)
          await other.waitForSelector("input[name=token]")
          await page.click("[data-test=signOut]")
          await page.waitForSelector("input[name=token]")
        })
        assert.deepStrictEqual(yield* kept(), ["{}", 0, ""])
        assert.isAbove(heard.requests.length, 4)
        for (const url of heard.requests.filter((url) => !url.startsWith("data:"))) {
          assert.isTrue(url.startsWith(`${adminUrl}/`), url)
          assert.notInclude(url, control)
        }
        assert.strictEqual(page.url(), `${adminUrl}/`)
        assert.deepStrictEqual(heard.complaints, [])
      })),
    60_000
  )

  it.effect("asks again for a token that is wrong, and does not keep it", () =>
    Effect.scoped(Effect.gen(function*() {
      const { page } = yield* open()
      yield* Effect.promise(async () => {
        await page.fill("input[name=token]", "admin-wrong-0123456789")
        await page.keyboard.press("Enter")
        await page.waitForSelector("[role=alert]")
        assert.strictEqual(await page.evaluate("sessionStorage.length"), 0)
      })
      yield* signIn(page, reader)
    })), 60_000)

  it.effect(
    "has the field for the token ready to type in, also when it is asked for again",
    () =>
      Effect.scoped(Effect.gen(function*() {
        const { heard, page } = yield* open()
        const isReady = Effect.promise(() => page.waitForSelector("input[name=token]:focus"))
        yield* isReady
        yield* signIn(page, reader)
        yield* Effect.promise(() => page.click("[data-test=signOut]"))
        yield* isReady
        assert.deepStrictEqual(heard.complaints, [])
      })),
    60_000
  )

  it.effect(
    "says how old its data is when the gateway is silent, and goes on when it is back",
    () =>
      Effect.scoped(Effect.gen(function*() {
        const { adminUrl, page } = yield* open()
        const relay = yield* relayTo(Number(new URL(adminUrl).port))
        yield* Effect.promise(() => page.goto(relay.url))
        yield* signIn(page, control)
        yield* Effect.promise(async () => {
          relay.silence()
          await page.waitForSelector("[data-test=age][role=alert]")
          assert.match(await page.innerText("[data-test=age]"), /^data \d+ s old$/)
          relay.goOn()
          await page.waitForSelector("[data-test=age]:not([role=alert])")
          await page.waitForSelector("tr[data-model]")
        })
      })),
    60_000
  )

  it.effect(
    "speaks the language of the browser, and the other one at a press",
    () =>
      Effect.scoped(Effect.gen(function*() {
        const { page } = yield* open({ locale: "zh-CN" })
        assert.include(yield* textOf(page, "body"), "运维页面")
        yield* signIn(page, control)
        assert.strictEqual(yield* textOf(page, "[data-test=status]"), "降级")
        assert.strictEqual(yield* Effect.promise(() => page.getAttribute("html", "lang")), "zh")
        yield* Effect.promise(async () => {
          await page.click("[data-test=language]")
          await page.waitForSelector("html[lang=en]")
        })
        assert.strictEqual(yield* textOf(page, "[data-test=status]"), "Degraded")
      })),
    60_000
  )

  for (const [name, options] of views) {
    it.effect(`can be read ${name}`, () =>
      Effect.scoped(Effect.gen(function*() {
        const { adminUrl, heard, page } = yield* open(options)
        yield* signIn(page, control)
        // A countdown with two units takes most space.
        yield* act(adminUrl, "circuits/gpt-4o", { command: "trip", seconds: 299, reason: "a trial" })
        yield* Effect.promise(() => stateIs(page, "gpt-4o", "Open"))
        // More than the page shows, the last of them with the longest reason.
        for (let act = 0; act < 12; act++) {
          yield* post(adminUrl, "deepseek-chat", act % 2 === 0 ? "open" : "close", "a long reason ".repeat(14))
        }
        yield* Effect.promise(() => page.waitForSelector(".history li:nth-child(20)"))
        // Names of models and kinds of errors may be longer than there is room for.
        yield* Effect.promise(() =>
          page.$$eval("tbody th, td[data-cell=lastError] > span", (all) => {
            for (const one of all) one.prepend("meta-llama/Llama-4-Maverick-17B-128E-Instruct ")
          })
        )
        const isDesk = page.viewportSize()!.width === 1440
        if (isDesk) {
          const scrolls = yield* Effect.promise(() =>
            page.evaluate(
              "[document.documentElement, ...document.querySelectorAll('.models, .history')].map((one) => one.scrollHeight - one.clientHeight)"
            )
          )
          assert.deepStrictEqual(scrolls, [0, 0, 0], "one screen without scrolling")
        }
        const wide = yield* Effect.promise(() =>
          page.$$eval("section, figure, header", (all) =>
            all.filter((one) => {
              // Many models have a scroll bar, which this browser does not draw.
              if (one.matches(".models")) one.style.width = `${one.clientWidth - 15}px`
              return one.scrollWidth > one.clientWidth
            }).map(({ className }) => className))
        )
        assert.deepStrictEqual(wide, [], "nothing is cut off at the side")
        const charts = yield* Effect.promise(() =>
          page.$$eval("[role=img] canvas", (all) =>
            all.map((canvas) => ({ width: canvas.clientWidth, height: canvas.clientHeight })))
        )
        assert.lengthOf(charts, 3)
        yield* Effect.promise(() =>
          page.$eval(".models", (one) => one.removeAttribute("style"))
        )
        for (const { height, width } of charts) {
          assert.isAtLeast(width, 250)
          assert.isAtLeast(height, 60)
        }
        const seen = yield* Effect.promise(() => Browser.measure(page))
        assert.isAtMost(seen.overflow, 0, "is no wider than the screen")
        assert.isAbove(seen.texts.length, 80)
        for (const { contrast, size, text } of seen.texts) {
          assert.isAtLeast(size, 12, `the letters of: ${text}`)
          assert.isAtLeast(contrast, 4.5, `the contrast of: ${text}`)
        }
        assert.deepStrictEqual(heard.complaints, [])
      })), 60_000)
  }
})
