/** `switchgear rehearse`: once as an operator runs it, and else within this process, which is faster. */
import { NodeServices } from "@effect/platform-node"
import { Console, Effect, Exit } from "effect"
import { spawnSync } from "node:child_process"
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, assert, describe, it, vi } from "vitest"

const home = mkdtempSync(join(tmpdir(), "switchgear-rehearse-"))
afterAll(() => rmSync(home, { recursive: true, force: true }))

const main = join(import.meta.dirname, "..", "..", "src", "gateway", "main.ts")

const path = join(home, "gateway.yaml")

const command = await vi.importActual<{
  readonly rehearse: (rehearsal: object) => Effect.Effect<boolean, Error, NodeServices.NodeServices>
}>("../../src/gateway/command/rehearse.ts")

interface Asked {
  readonly target?: string
  readonly promises?: ReadonlyArray<string>
  readonly nights?: ReadonlyArray<string>
  readonly kinds?: ReadonlyArray<string>
  readonly seed?: string
  readonly out?: string
}

const rehearse = async (file: string, { out = "rehearsal", ...asked }: Asked) => {
  writeFileSync(path, file)
  const printed: Array<string> = []
  const log = (line: string) => void printed.push(line)
  const exit = await Effect.runPromiseExit(
    command.rehearse({
      path,
      target: undefined,
      promises: [],
      nights: [],
      kinds: [],
      seed: "1",
      out: join(home, out),
      ...asked
    }).pipe(
      Effect.provideService(Console.Console, { ...console, log }),
      Effect.provide(NodeServices.layer)
    )
  )
  return {
    isKept: Exit.isSuccess(exit) && exit.value,
    printed: printed.join("\n"),
    complained: Exit.isSuccess(exit) ? "" : String(exit.cause)
  }
}

/** The report of the last rehearsal into a folder. */
const report = (folder = "rehearsal") => ({
  json: JSON.parse(readFileSync(join(home, folder, "report.json"), "utf8")),
  html: readFileSync(join(home, folder, "report.html"), "utf8")
})

const models = `
providers:
  one: { baseUrl: http://one.test/v1 }
  two: { baseUrl: http://two.test/v1 }
models:
  big: { provider: one, attemptTimeout: 8 seconds }
  small: { provider: two, attemptTimeout: 8 seconds }
prices: { big: { input: 2, output: 8 }, small: { input: 1, output: 2 } }
`

const one = "cascades: { assistant: { steps: [big, small], canned: { en: We are busy } } }\n"

describe("a rehearsal", () => {
  it("finds the promise that a file breaks, names the option that mends it, and passes with that option", async () => {
    const asked = { nights: ["all down"], promises: ["errors<=1%"] }
    const alone = await rehearse(models, { ...asked, target: "big" })
    assert.isFalse(alone.isKept)
    assert.match(alone.printed, /✗ all down: .*\n +\d+ customers: .*% error/)
    assert.match(alone.printed, /Broken: errors<=1%, was .*To mend it: A cascade with a second model in cascades/)

    const cascade = `${models}cascades: { assistant: { steps: [big, small] } }\n`
    const two = await rehearse(cascade, asked)
    assert.isFalse(two.isKept)
    assert.match(two.printed, /To mend it: Sentences in cascades\.assistant\.canned\./)

    const kept = await rehearse(models + one, asked)
    assert.isTrue(kept.isKept, kept.printed)
    assert.match(kept.printed, /✓ all down/)
    assert.match(kept.printed, /% sentence/)
  }, 120_000)

  it("is a command whose exit code tells whether the promises were kept", () => {
    writeFileSync(path, models + one)
    const run = (...flags: ReadonlyArray<string>) =>
      spawnSync(
        process.execPath,
        [main, "rehearse", "gateway.yaml", "--night", "spent key", "--ask", "chat", ...flags],
        {
          cwd: home,
          encoding: "utf8"
        }
      )
    const broken = run("--promise", "cost<=0", "--promise", "errors<=1%", "--out", "pages/broken")
    assert.strictEqual(broken.status, 1, broken.stderr)
    assert.match(
      broken.stdout,
      /\n    Broken: cost<=0, was \$0\.\d\d\. To mend it: .*\n\npages\/broken\/report\.json\n/
    )
    assert.include(report("pages/broken").html, "cost&lt;=0")
    assert.strictEqual(run("--promise", "errors<=1%", "--seed", "2").status, 0)
    assert.strictEqual(report().json.seed, "2")
  }, 120_000)

  it("of one seed prints the same each time, and of another something else", async () => {
    const nights = ["hang"]
    const first = (await rehearse(models + one, { nights })).printed
    const { html } = report()
    assert.strictEqual((await rehearse(models + one, { nights })).printed, first)
    assert.strictEqual(report().html, html, "to the byte")
    assert.notStrictEqual((await rehearse(models + one, { nights, seed: "2" })).printed, first)
    assert.match(first, /big: \d+ calls, at most \d+ at once, \d+ while it could not answer/)
    assert.match(first, /Cost: \$0\.\d\d/)
  }, 120_000)

  it("asks in all ways that the file speaks, and tells what those get who asked in each", async () => {
    const file = models.replaceAll("/v1 }", "/v1, speaks: [chat, embeddings, messages, responses] }") + one
    const { printed } = await rehearse(file, { nights: ["all down"] })
    const usual = ["chat", "chat-stream", "messages", "messages-stream", "responses", "responses-stream"]
    const { kinds, nights: [night] } = report().json
    assert.deepStrictEqual(kinds, usual)
    for (const { endings, kind } of night.kinds) {
      assert.isAbove(endings["asked-for"], 40, `${kind} is answered while all is well`)
      const told = [endings.sentence > 40, endings.error > 40]
      assert.deepStrictEqual(told, [kind.startsWith("chat"), !kind.startsWith("chat")], kind)
    }
    assert.match(printed, /To mend it: Messages and responses have no sentences/)

    const other = await rehearse(file, { nights: ["hang"], kinds: ["embeddings"] })
    assert.match(other.printed, /asked by embeddings/)
    const { endings } = report().json.nights[0]
    assert.isAbove(endings["asked-for"], 300)
    assert.strictEqual(endings.fallback, 0, "vectors of another model are no answer")
  }, 120_000)

  it("counts a stream that breaks off as an error, and nothing of those who ask for a whole answer", async () => {
    const asked = { nights: ["cut streams"], promises: ["errors<=1%"] }
    const { isKept, printed } = await rehearse(models + one, asked)
    assert.isFalse(isKept)
    const { nights: [{ broken: [broken], errors, kinds: [whole, streamed] }] } = report().json
    assert.strictEqual(whole.endings.error, 0)
    assert.isAbove(streamed.endings.error, 50)
    assert.deepStrictEqual(errors, { Truncated: streamed.endings.error })
    assert.strictEqual(broken.since, 60, "when they begin to break off")
    assert.include(
      printed,
      "from 1:00 on. To mend it: Fewer failures to open the circuit (models.big.breaker.failureRate and models.big.breaker.window), and a longer models.big.breaker.openFor"
    )
    const sooner = "breaker: { failureRate: 0.1, window: { lastCalls: 10 }, openFor: 2 minutes }"
    const mended = await rehearse(models.replace("big: { ", `big: { ${sooner}, `) + one, asked)
    assert.isTrue(mended.isKept, mended.printed)
    assert.isTrue((await rehearse(models + one, { ...asked, kinds: ["chat"] })).isKept)
  }, 120_000)

  it("spends the first key alone: another one of the file takes over", async () => {
    const keyed = (keys: string) => models.replace("one.test/v1 }", `one.test/v1, apiKey: ${keys} }`)
    const asked = { target: "big", kinds: ["chat"], nights: ["spent key"], promises: ["errors<=1%"] }
    assert.isFalse((await rehearse(keyed("[sk-real-1]"), asked)).isKept)
    const two = await rehearse(keyed("[sk-real-1, sk-real-2]"), asked)
    assert.isTrue(two.isKept, two.printed)
    assert.match(two.printed, /\n +The spent key: 1 calls of all models\n/)
    assert.notInclude(two.printed + report().html + JSON.stringify(report().json), "sk-real")
  }, 120_000)

  it("sheds what the gateway would shed, and holds the file to its own promise", async () => {
    const file = `${models}listen: { maxRequests: 2 }\nadmin: { token: t, promise: { p95: 2500 millis } }\n`
    const { printed } = await rehearse(file, { target: "big", kinds: ["chat"], nights: ["hang"] })
    assert.match(printed, /Promises: errors<=1%, p95<=2\.5s,/)
    assert.match(printed, /Errors: .*\d+ Shed/)
    assert.match(printed, /To mend it: A larger listen\.maxRequests: beyond it, most of them were refused\./)
    assert.strictEqual(report().json.promisedP95, 2500)
  }, 120_000)

  it("writes a report page that needs nothing else, with what was printed, into the folder that is named", async () => {
    const file = `${models}cascades: { "<b>&": { steps: [big, small], canned: { en: We are busy } } }\n`
    const asked = { nights: ["all down"], promises: ["errors<=1%", "calls-while-down<=1%"] }
    const { printed } = await rehearse(file, { ...asked, out: "pages/night" })
    assert.isTrue(printed.endsWith(`\n${home}/pages/night/report.json\n${home}/pages/night/report.html`), printed)
    const { html, json: { nights: [night] } } = report("pages/night")
    assert.notMatch(html, /<script|src=|@import|https?:/)
    assert.notInclude(html, "<b>&:")
    assert.include(html, "Promises are broken in 1 of 1 nights.")
    assert.include(html, "Broken: calls-while-down&lt;=1%, was ")
    const sum = (all: ReadonlyArray<number>) => all.reduce((sum, count) => sum + count, 0)
    const { customers, models: borne, seconds, series } = night
    assert.strictEqual(sum(Object.values<ReadonlyArray<number>>(series.endings).flat()), customers)
    assert.strictEqual(series.p95.length, Math.ceil(seconds / series.interval))
    assert.deepStrictEqual(
      borne.map(({ model }: { readonly model: string }) => sum(series.calls[model])),
      borne.map(({ calls }: { readonly calls: number }) => calls)
    )
    writeFileSync(join(home, "taken"), "")
    const failed = await rehearse(file, { ...asked, out: "taken" })
    assert.include(failed.complained, `The report could not be written to ${home}/taken: it is no folder.`)
    assert.strictEqual(failed.printed, "", "before the nights are played")
  }, 120_000)

  it("says what is no promise, no night, no model and not answered", async () => {
    const cases: ReadonlyArray<readonly [Asked, string]> = [
      [
        { promises: ["p95<=ten"] },
        "Expected one of answered, asked-for, errors, left, p95, cost, calls-while-down"
      ],
      [{ promises: ["p95<=10%"] }, "Expected p95 in s or ms"],
      [{ promises: ["constructor>=1%"] }, "Expected one of answered, asked-for"],
      ...["errors<=100%", "left<=200%", "answered>=0%", "p95>=0s", "cost>=0", "calls-while-down>=0.0%"].map((promise) =>
        [
          { promises: ["errors<=1%", promise] },
          `Expected a promise that can be broken, got "${promise}": every night keeps it`
        ] as const
      ),
      ...["answered>=101%", "asked-for>=100.1%"].map((promise) =>
        [{ promises: [promise] }, `Expected a promise that can be kept, got "${promise}": no night keeps it`] as const
      ),
      [
        { nights: ["party"] },
        "There is no night \"party\". There are: surge, spent key, hang, cut streams, flood, all down, slow recovery"
      ],
      [{ target: "huge" }, "There is no \"huge\". There are: big, small"],
      [{ kinds: ["messages"] }, "big does not answer \"messages\". It answers: chat, chat-stream, embeddings"]
    ]
    for (const [asked, told] of cases) assert.include((await rehearse(models, asked)).complained, told)
  }, 120_000)

  it("keeps no promise that it could not judge: a pipeline would take the file", async () => {
    const unpriced = models.replace(/^prices.*$/m, "") + one
    const half = models.replace(/, small: .*$/m, " }") + one
    const cost = { nights: ["hang"], kinds: ["chat"], promises: ["errors<=99%", "cost<=1000"] }
    for (const file of [unpriced, half]) {
      const { complained, isKept, printed } = await rehearse(file, cost)
      assert.isFalse(isKept)
      assert.include(complained, "cost<=1000 cannot be judged: prices has not what all answers cost")
      assert.notInclude(printed, "Cost:", "what is known of it is too little")
    }
    assert.isTrue((await rehearse(models + one, cost)).isKept)
    const flood = { nights: ["flood"], kinds: ["chat"], promises: ["calls-while-down<=0%"] }
    const calm = await rehearse(models + one, flood)
    assert.isFalse(calm.isKept)
    assert.include(calm.complained, "calls-while-down<=0% is judged by none of these nights: flood")
  }, 120_000)

  it(
    "advises a circuit that opens sooner where most calls to a model that is down came before, and it mends that",
    async () => {
      const asked = { nights: ["hang"], kinds: ["chat"], promises: ["calls-while-down<=10%"] }
      const { isKept, printed } = await rehearse(models + one, asked)
      assert.isFalse(isKept)
      const { nights: [{ changes, models: [big] }] } = report().json
      assert.isDefined(changes.find(({ to }: { readonly to: string }) => to === "Open"))
      assert.isAbove(big.whileDown, 72)
      assert.include(
        printed,
        "To mend it: A lower models.big.breaker.failureRate and a shorter models.big.attemptTimeout: most of these calls"
      )
      const longer = models.replace("big: { ", "big: { breaker: { openFor: 1 day }, retry: { maxAttempts: 1 }, ")
      assert.isFalse((await rehearse(longer + one, asked)).isKept, "they are not made again once it is open")
      const sooner = models.replace(
        "big: { provider: one, attemptTimeout: 8 seconds",
        "big: { provider: one, attemptTimeout: 4 seconds, breaker: { failureRate: 0.1 }"
      )
      const mended = await rehearse(sooner + one, asked)
      assert.isTrue(mended.isKept, mended.printed)
    },
    120_000
  )

  it(
    "advises longer openings where most calls to a model that is down come after the first one, and it mends that",
    async () => {
      const asked = { nights: ["all down"], kinds: ["chat"], promises: ["calls-while-down<=10%"] }
      const at = (openFor: string) =>
        models.replaceAll("attemptTimeout:", `breaker: { openFor: ${openFor} }, attemptTimeout:`)
      const { isKept, printed } = await rehearse(at("2 seconds") + one, asked)
      assert.isFalse(isKept)
      assert.match(
        printed,
        /To mend it: A longer models\.big\.breaker\.openFor, or fewer models\.big\.retry\.maxAttempts\./
      )
      const mended = await rehearse(at("1 minute") + one, asked)
      assert.isTrue(mended.isKept, mended.printed)
    },
    120_000
  )

  it("advises a longer time where it is shorter than a model takes on a good day, and it mends that", async () => {
    const cut = { nights: ["spent key"], kinds: ["chat"], promises: ["errors<=5%"] }
    const cascade = (deadline: string) => `${models}cascades: { c: { steps: [big, small], deadline: ${deadline} } }\n`
    const { isKept, printed } = await rehearse(cascade("500 millis"), cut)
    assert.isFalse(isKept)
    assert.include(printed, "To mend it: A longer cascades.c.deadline: also on a good day")
    const mended = await rehearse(cascade("20 seconds"), cut)
    assert.isTrue(mended.isKept, mended.printed)
    const alone = await rehearse(models.replace("8 seconds", "300 millis"), { ...cut, target: "big" })
    assert.include(alone.printed, "To mend it: A longer models.big.attemptTimeout: also on a good day")
  }, 120_000)

  it("holds the file to its own promise, however short or long that is", async () => {
    const asked = { nights: ["all down"], kinds: ["chat"] }
    const promised = (p95: string) => rehearse(`${models}${one}admin: { token: t, promise: { p95: ${p95} } }\n`, asked)
    for (const p95 of ["0.0001", "1 nanos"]) {
      const { isKept, printed } = await promised(p95)
      assert.isFalse(isKept)
      assert.match(printed, /Broken: p95<=1e-[79]s, was /)
    }
    assert.include((await promised("36500 days")).printed, "Promises: errors<=1%, p95<=3153600000s, calls-while-down")
  }, 120_000)

  it(
    "advises a client of their own for those who suffer from a flood of their own client, and it mends that",
    async () => {
      const limits = "limits: [{ resource: requests, limit: 600, per: 1 minute }]"
      const asked = { nights: ["flood"], kinds: ["chat"], promises: ["errors<=1%"] }
      const file = models.replace(/^prices.*$/m, "") + one
      const alone = await rehearse(`${file}clients: [{ name: shop, token: t, ${limits} }]\n`, asked)
      assert.isFalse(alone.isKept)
      assert.include(alone.printed, "To mend it: Another client in clients, each with limits")
      const two = await rehearse(
        `${file}clients: [{ name: shop, token: t, ${limits} }, { name: desk, token: u, ${limits} }]\n`,
        asked
      )
      assert.isTrue(two.isKept, two.printed)
    },
    120_000
  )

  it("advises for embeddings what mends them: no sentence, and no other model", async () => {
    const asked = { nights: ["all down", "hang"], kinds: ["embeddings"], promises: ["errors<=1%"] }
    const { isKept, printed } = await rehearse(`${models}cascades: { c: { steps: [big, small] } }\n`, asked)
    assert.isFalse(isKept)
    assert.notInclude(printed, "Sentences")
    assert.include(printed, "For embeddings only the same model at another provider helps (models[].model).")
    const alone = await rehearse(models, asked)
    assert.include(alone.printed, "big is asked alone. For embeddings only the same model at another provider helps")
    const mended = models.replace("small: { provider: two,", "small: { provider: two, model: big,")
    const hang = { ...asked, nights: ["hang"] }
    const two = await rehearse(`${mended}cascades: { c: { steps: [big, small] } }\n`, hang)
    assert.isTrue(two.isKept, two.printed)
  }, 120_000)

  it("takes names of what every object has", async () => {
    const file = `providers: { constructor: { baseUrl: http://one.test/v1 } }
models: { constructor: { provider: constructor }, __proto__: { provider: constructor }, toString: { provider: constructor } }
cascades: { valueOf: { steps: [constructor, __proto__] } }
`
    for (const target of ["constructor", "__proto__", "toString", "valueOf"]) {
      const { isKept, printed } = await rehearse(file, { target, nights: ["all down"], promises: ["left<=50%"] })
      assert.isTrue(isKept, printed)
      const remedied = await rehearse(file, { target, nights: ["all down"], kinds: ["chat"] })
      assert.match(remedied.printed, /To mend it: /)
    }
  }, 120_000)

  it("keeps no promise of customers whom the file lets ask nothing", async () => {
    const allowed = (...names: ReadonlyArray<string>) =>
      `${models}\nclients: [{ name: shop, token: t, models: [${names.join(", ")}] }]`
    const asked = { nights: ["all down"], promises: ["left<=50%"] }
    const { complained, isKept } = await rehearse(allowed(), asked)
    assert.isFalse(isKept)
    assert.include(complained, "No client may ask for \"big\": it is in no clients[].models")
    const other = await rehearse(allowed("small"), { ...asked, target: "big" })
    assert.include(other.complained, "No client may ask for \"big\"")
    assert.include((await rehearse(allowed("small"), asked)).printed, "Rehearsed \"small\"")
  }, 120_000)
})
