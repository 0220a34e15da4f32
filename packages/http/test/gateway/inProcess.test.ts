/** A gateway in the process: how it is opened and closed, and what becomes of a call whose caller does not wait for all of it. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { pathToFileURL } from "node:url"
import { assert, describe, it } from "@effect/vitest"
import { GatewayConfig, type OpenedGateway, openGateway, OpenGatewayError } from "@switchgear/http/gateway"
import { Behaviour } from "@switchgear/http/testing"
import { Clock, Context, Effect, type Scope } from "effect"
import { TestClock } from "effect/testing"
import { vi } from "vitest"
import { inside, opened } from "./inProcess.ts"
import { hello, token } from "./running.ts"
import { chunkOf } from "./scripted.ts"

const { opening } = await vi.importActual<typeof import("../../src/gateway/inProcess/opening.ts")>(
  "../../src/gateway/inProcess/opening.ts"
)

const file = {
  listen: { drainTimeout: "100 millis", maxRequests: 1000 },
  providers: { main: { baseUrl: "http://main.test/v1", apiKey: "${KEY}" } },
  defaults: { retry: { maxAttempts: 1 } },
  models: { first: { provider: "main" } }
} satisfies GatewayConfig.File

const environment = { KEY: "sk-provider-0123456789" }

const whole = (content: string) =>
  Response.json({
    id: "1",
    object: "chat.completion",
    created: 1,
    model: "first",
    choices: [{ index: 0, message: { role: "assistant", content }, finish_reason: "stop" }],
    usage: { prompt_tokens: 3, completion_tokens: 4, total_tokens: 7 }
  })

const encoder = new TextEncoder()

/** A provider whose streams go on for ever: as often as it is asked for more, it has more. */
class Endless {
  written = 0
  cancelled = 0
  asked = 0

  readonly fetch: typeof fetch = () => {
    this.asked++
    const piece = encoder.encode(`data: ${chunkOf({ content: "x".repeat(8000) })}\n\n`)
    const body = new ReadableStream<Uint8Array>({
      pull: (controller) => {
        this.written += piece.length
        controller.enqueue(piece.slice())
      },
      cancel: () => {
        this.cancelled++
      }
    }, { highWaterMark: 0 })
    return Promise.resolve(new Response(body, { headers: { "content-type": "text/event-stream" } }))
  }
}

const post = (body: object, more: RequestInit = {}): [string, RequestInit] => [
  "http://gateway/v1/chat/completions",
  { method: "POST", body: JSON.stringify({ model: "first", messages: [], ...body }), ...more }
]

const asked = (gateway: OpenedGateway, body: object = {}, more: RequestInit = {}) =>
  Effect.promise(() => gateway.fetch(...post(body, more)))

const rejected = (promise: Promise<unknown>): Effect.Effect<unknown> =>
  Effect.promise(() => promise.then(() => assert.fail("It is not rejected"), (error: unknown) => error))

const until = (condition: () => boolean) =>
  Effect.repeat(Effect.delay(Effect.sync(condition), 2), { until: (isSo) => isSo })

const scoped = (effect: Effect.Effect<void, never, Scope.Scope>) => () => Effect.scoped(effect)

const withFile = (text: string) =>
  Effect.map(
    Effect.acquireRelease(
      Effect.sync(() => mkdtempSync(join(tmpdir(), "gateway-"))),
      (folder) => Effect.sync(() => rmSync(folder, { recursive: true }))
    ),
    (folder) => {
      const path = join(folder, "switchgear.yaml")
      writeFileSync(path, text)
      return path
    }
  )

describe("a gateway in the process is opened", () => {
  it.live(
    "with the path of a file, its URL, or an object, and the variables of the environment",
    scoped(Effect.gen(function*() {
      const path = yield* withFile(JSON.stringify(file))
      for (const source of [path, pathToFileURL(path), file]) {
        const keys: Array<string | null> = []
        const gateway = yield* opened(source, {
          environment,
          fetch: (input, init) => {
            keys.push(new Request(input, init).headers.get("authorization"))
            return Promise.resolve(whole("Good day"))
          }
        })
        assert.strictEqual((yield* asked(gateway)).status, 200)
        assert.deepStrictEqual(keys, [`Bearer ${environment.KEY}`])
      }
    }))
  )

  it.live(
    "with all that is wrong in one report, which is that of `switchgear check`, and no secret in it",
    scoped(Effect.gen(function*() {
      const wrong = {
        ...file,
        models: { first: { provider: "nobody", deadline: "soon", retry: { maxAttempts: () => 3 } } },
        clients: [{ name: "a", token: 12_345_678 }, { name: "", token: "sk-secret-0123456789" }]
      }
      const error = yield* rejected(openGateway(wrong as never, { environment: {} }))
      assert.instanceOf(error, OpenGatewayError)
      const { code, message, problems } = error as OpenGatewayError
      assert.strictEqual(code, "config-invalid")
      assert.strictEqual(message, GatewayConfig.report(GatewayConfig.check(wrong as never, {})))
      assert.deepStrictEqual(problems.map(({ place }) => place), [
        "clients[0].token",
        "clients[1].name",
        "models.first.deadline",
        "models.first.provider",
        "models.first.retry.maxAttempts",
        "providers.main.apiKey"
      ])
      assert.notMatch(message + JSON.stringify(problems), /sk-secret|12345678/)
    }))
  )

  it.live(
    "with nothing else than that: what is wrong is named",
    scoped(Effect.gen(function*() {
      const cycle: { models: object } = { models: {} }
      cycle.models = { first: cycle }
      const cases: ReadonlyArray<readonly [() => Promise<unknown>, RegExp]> = [
        [() => openGateway(undefined as never), /openGateway: source must be the path of a file, or an object/],
        [
          () => openGateway(file, { operators: "open" as never }),
          /operators must be one of closed, listening, got "open"/
        ],
        [() => openGateway(file, { log: true as never }), /log must be one of none, console, got true/],
        [
          () => openGateway(file, { fetch: "http" as never }),
          /fetch must be a function that is called as the platform's/
        ],
        [() => openGateway(file, { client: 1 } as never), /client/],
        [() => openGateway("/nowhere/at/all.yaml"), /^Cannot read \/nowhere\/at\/all.yaml: there is no such file\.$/],
        [() => openGateway(tmpdir()), /it is a folder\.$/],
        [() => openGateway(cycle as never), /models\.first: Expected .* got what it stands in itself\./],
        [() => openGateway(new Map() as never), /Expected a text.* got an instance of Map\./],
        [() => openGateway([] as never), /Expected/],
        [
          () => openGateway({ ...file, listen: { maxRequests: NaN } }, { environment }),
          /listen.maxRequests: .* got NaN/
        ]
      ]
      for (const [opening, message] of cases) {
        const error = yield* rejected(opening())
        assert.match((error as Error).message, message)
      }
    }))
  )

  it.live(
    "without a port, unless operators are to have one",
    scoped(Effect.gen(function*() {
      const admin = { port: 0, token: "sk-admin-0123456789" }
      const closed = yield* opened({ ...file, admin }, { environment })
      assert.isUndefined(closed.adminAddress)
      const { adminAddress } = yield* opened({ ...file, admin }, { environment, operators: "listening" })
      const read = () =>
        fetch(`http://${adminAddress!.host}:${adminAddress!.port}/metrics`, {
          headers: { authorization: `Bearer ${admin.token}` }
        })
      assert.strictEqual((yield* Effect.promise(read)).status, 200)
      const taken = yield* rejected(
        openGateway({ ...file, admin: { ...admin, port: adminAddress!.port } }, { environment, operators: "listening" })
      )
      assert.strictEqual((taken as OpenGatewayError).code, "listen-failed")
    }))
  )
})

describe("a caller that does not wait", () => {
  it.live(
    "and has given up before is told so, and asks nobody",
    scoped(Effect.gen(function*() {
      const { fetch, provider } = yield* inside()
      const reason = new Error("enough")
      assert.strictEqual(yield* rejected(fetch(...post({}, { signal: AbortSignal.abort(reason) }))), reason)
      assert.strictEqual((yield* provider.total).started, 0)
    }))
  )

  for (const stream of [false, true]) {
    it.live(
      `and aborts while it waits for ${
        stream ? "a stream" : "an answer"
      } gets its reason at once, and the call to the provider ends`,
      scoped(Effect.gen(function*() {
        const { gateway, provider } = yield* inside()
        yield* provider.set("first", { outcome: Behaviour.hang })
        const giveUp = new AbortController()
        const headers = { authorization: `Bearer ${token}` }
        const promise = gateway.fetch(...post({ stream }, { signal: giveUp.signal, headers }))
        yield* Effect.repeat(Effect.delay(provider.stats("first"), 2), { until: ({ started }) => started === 1 })
        const reason = new Error("enough")
        giveUp.abort(reason)
        assert.strictEqual(yield* rejected(promise), reason)
        yield* Effect.repeat(Effect.delay(provider.stats("first"), 2), { until: ({ aborted }) => aborted === 1 })
        assert.strictEqual(gateway.health().targets.first!.failed, 0)
        assert.match(gateway.metrics(), /requests_total\{route="\/v1\/chat\/completions",status="499"\} 1/)
      }))
    )
  }

  for (const way of ["aborts", "cancels the body", "cancels its reader", "leaves the loop"]) {
    it.live(
      `and ${way} amid a stream ends the call to the provider, and its place is free`,
      scoped(Effect.gen(function*() {
        const endless = new Endless()
        const gateway = yield* opened(file, { environment, fetch: endless.fetch })
        const giveUp = new AbortController()
        const response = yield* asked(gateway, { stream: true }, { signal: giveUp.signal })
        assert.strictEqual(gateway.health().targets.first!.inFlight, 1)
        if (way === "leaves the loop") {
          yield* Effect.promise(async () => {
            for await (const _ of response.body!) break
          })
        } else {
          const reader = response.body!.getReader()
          yield* Effect.promise(() => reader.read())
          if (way === "cancels its reader") yield* Effect.promise(() => reader.cancel())
          else if (way === "aborts") {
            const reason = new Error("enough")
            giveUp.abort(reason)
            assert.strictEqual(yield* rejected(reader.read()), reason)
          } else {
            reader.releaseLock()
            yield* Effect.promise(() => response.body!.cancel())
          }
        }
        yield* until(() => endless.cancelled === 1)
        yield* until(() => gateway.health().targets.first!.inFlight === 0)
        assert.match(gateway.metrics(), /^switchgear_gateway_in_flight 0$/m)
      }))
    )
  }

  it.live(
    "for the body that it sends itself asks nobody, and is told why it broke",
    scoped(Effect.gen(function*() {
      const endless = new Endless()
      const gateway = yield* opened(file, { environment, fetch: endless.fetch })
      const cause = new Error("the disk is gone")
      const body = new ReadableStream({ pull: (controller) => controller.error(cause) })
      const error = yield* rejected(gateway.fetch(...post({}, { body, duplex: "half" } as never)))
      assert.instanceOf(error, TypeError)
      assert.strictEqual((error as Error).cause, cause)
      assert.strictEqual(endless.asked, 0)
      assert.match(gateway.metrics(), /^switchgear_gateway_in_flight 0$/m)
    }))
  )

  it.live(
    "for a large body: its source is told that nobody reads on",
    scoped(Effect.gen(function*() {
      const gateway = yield* opened({ ...file, listen: { maxBodySize: 1000 } }, { environment })
      let isCancelled = false
      const body = new ReadableStream({
        pull: (controller) => controller.enqueue(encoder.encode(" ".repeat(600))),
        cancel: () => {
          isCancelled = true
        }
      })
      const response = yield* asked(gateway, {}, { body, duplex: "half" } as never)
      assert.strictEqual(response.status, 413)
      assert.isFalse(response.headers.has("connection"))
      yield* until(() => isCancelled)
    }))
  )
})

describe("a reader that stands still", () => {
  it.effect("takes in no more than a connection would, and is cut off after writeTimeout", () =>
    Effect.gen(function*() {
      const endless = new Endless()
      const context = Context.make(Clock.Clock, yield* Clock.Clock)
      const gateway = yield* Effect.promise(() =>
        opening(context, { ...file, listen: { writeTimeout: "30 seconds" } }, { environment, fetch: endless.fetch })
      )
      const settled = Effect.promise(() => new Promise((resolve) => setTimeout(resolve, 20)))
      const response = yield* asked(gateway, { stream: true })
      yield* settled
      const taken = endless.written
      assert.isAtMost(taken, 64 * 1024 + 3 * 9000)
      yield* TestClock.adjust("29 seconds")
      yield* settled
      assert.deepStrictEqual([endless.written, endless.cancelled], [taken, 0])
      const reader = response.body!.getReader()
      yield* Effect.promise(() => reader.read())
      // It has taken something: the time begins anew.
      yield* settled
      assert.isAbove(endless.written, taken)
      yield* TestClock.adjust("29 seconds")
      yield* settled
      assert.strictEqual(endless.cancelled, 0)
      yield* TestClock.adjust("2 seconds")
      yield* until(() => endless.cancelled === 1).pipe(TestClock.withLive)
      const error = yield* rejected((async () => {
        while (!(await reader.read()).done);
      })())
      assert.instanceOf(error, TypeError)
      assert.strictEqual((error as Error).message, "terminated")
      yield* Effect.promise(() => gateway[Symbol.asyncDispose]())
    }))
})

describe("the body of a stream", () => {
  it.live(
    "is read with buffers of its reader as well, twice from a clone, and to its end",
    scoped(Effect.gen(function*() {
      const { fetch } = yield* inside()
      const headers = { authorization: `Bearer ${token}` }
      const response = yield* Effect.promise(() => fetch(...post({ stream: true }, { headers })))
      const other = response.clone()
      let text = ""
      yield* Effect.promise(async () => {
        const reader = other.body!.getReader({ mode: "byob" })
        for (;;) {
          const { done, value } = await reader.read(new Uint8Array(7))
          if (value !== undefined) text += Buffer.from(value).toString("latin1")
          if (done) break
        }
      })
      assert.match(text, /data: \[DONE\]\n\n$/)
      assert.strictEqual(yield* Effect.promise(() => response.text()), text)
    }))
  )

  it.live(
    "waits for a reader with a buffer of its own, and tells it the end",
    scoped(Effect.gen(function*() {
      let end = () => {}
      const gateway = yield* opened(file, {
        environment,
        fetch: () =>
          Promise.resolve(
            new Response(
              new ReadableStream({
                start: (controller) => {
                  controller.enqueue(encoder.encode(`data: ${chunkOf({ content: "x" })}\n\n`))
                  end = () => {
                    controller.enqueue(encoder.encode(`data: ${chunkOf({}, "stop")}\n\ndata: [DONE]\n\n`))
                    controller.close()
                  }
                }
              }),
              { headers: { "content-type": "text/event-stream" } }
            )
          )
      })
      const reader = (yield* asked(gateway, { stream: true })).body!.getReader({ mode: "byob" })
      yield* Effect.promise(() => reader.read(new Uint8Array(100_000)))
      const waiting = (async () => {
        while (!(await reader.read(new Uint8Array(100_000))).done);
      })()
      end()
      yield* Effect.promise(() => waiting)
    }))
  )
})

describe("calls at the same time", () => {
  const keyed = { headers: { authorization: `Bearer ${token}`, "idempotency-key": "k" } }

  it.live(
    "with one key are one call, which goes on when the first caller has left",
    scoped(Effect.gen(function*() {
      const { gateway, provider } = yield* inside()
      yield* provider.set("first", { outcome: Behaviour.ok("Good day"), latency: Behaviour.constant(100) })
      const giveUp = new AbortController()
      const first = gateway.fetch(...post(hello, { ...keyed, signal: giveUp.signal }))
      const others = [1, 2, 3].map(() => gateway.fetch(...post(hello, keyed)))
      yield* Effect.repeat(Effect.delay(provider.stats("first"), 2), { until: ({ started }) => started === 1 })
      giveUp.abort()
      yield* rejected(first)
      for (const response of yield* Effect.promise(() => Promise.all(others))) {
        assert.strictEqual(response.status, 200)
        assert.match(yield* Effect.promise(() => response.text()), /Good day/)
      }
      assert.strictEqual((yield* provider.total).started, 1)
    }))
  )

  it.live(
    "that are too many are shed, and a place is free again when an answer has ended",
    scoped(Effect.gen(function*() {
      const endless = new Endless()
      const gateway = yield* opened({ ...file, listen: { ...file.listen, maxRequests: 2 } }, {
        environment,
        fetch: endless.fetch
      })
      const streams = [yield* asked(gateway, { stream: true }), yield* asked(gateway, { stream: true })]
      const shed = yield* asked(gateway, { stream: true })
      assert.deepStrictEqual([shed.status, shed.headers.get("retry-after")], [503, "1"])
      yield* Effect.promise(() => streams[0]!.body!.cancel())
      yield* until(() => /^switchgear_gateway_in_flight 1$/m.test(gateway.metrics()))
      assert.strictEqual((yield* asked(gateway, { stream: true })).status, 200)
    }))
  )
})

describe("a request that has come by a server", () => {
  it.live(
    "is answered under its own name only, and to no page of another origin: as at an address",
    scoped(Effect.gen(function*() {
      const gateway = yield* opened(file, { environment, fetch: () => Promise.resolve(whole("Good day")) })
      const statusOf = (headers: Record<string, string>) =>
        Effect.map(Effect.promise(() => gateway.fetch(new Request(...post({}, { headers })))), ({ status }) => status)
      assert.strictEqual(yield* statusOf({ host: "localhost:4180" }), 200)
      assert.strictEqual(yield* statusOf({ host: "127.0.0.1:4180", origin: "http://127.0.0.1:4180" }), 200)
      assert.strictEqual(yield* statusOf({ host: "evil.example", origin: "http://evil.example" }), 421)
      assert.strictEqual(yield* statusOf({ host: "localhost", origin: "https://evil.example" }), 403)
      assert.strictEqual(yield* statusOf({ origin: "https://evil.example" }), 403)
    }))
  )

  it.live(
    "is read once: one whose body was read before is refused",
    scoped(Effect.gen(function*() {
      const gateway = yield* opened(file, { environment, fetch: () => Promise.resolve(whole("Good day")) })
      const request = new Request(...post({}))
      assert.strictEqual((yield* Effect.promise(() => gateway.fetch(request))).status, 200)
      assert.isTrue(request.bodyUsed)
      assert.instanceOf(yield* rejected(gateway.fetch(request)), TypeError)
      assert.instanceOf(yield* rejected(gateway.fetch("no url")), TypeError)
    }))
  )
})

describe("what is read and done", () => {
  it.live(
    "is told for each model, in the words of a guarded fetch",
    scoped(Effect.gen(function*() {
      const limited = {
        provider: "main",
        rateLimiter: { limits: [{ resource: "requests", limit: 9, per: 1000 }] }
      } as const
      const gateway = yield* opened({ ...file, models: { ...file.models, limited } }, {
        environment,
        fetch: () => Promise.resolve(whole("Good day"))
      })
      const heard: Array<string> = []
      const end = gateway.on("transition", ({ from, target, to }) => heard.push(`${target}: ${from} to ${to}`))
      const { disable, metricsOnly, open, reset, ...control } = gateway.control("first")
      open("1 minute")
      assert.strictEqual((yield* asked(gateway)).status, 503)
      const { nextRetry, refused, state } = gateway.health().targets.first!
      assert.deepStrictEqual([state, refused, nextRetry! > 50_000], ["Open", 1, true])
      assert.strictEqual(gateway.health().status, "degraded")
      control.close()
      assert.strictEqual((yield* asked(gateway)).status, 200)
      open()
      disable()
      metricsOnly()
      reset()
      end()
      open()
      assert.deepStrictEqual(heard, [
        "first: Closed to Open",
        "first: Open to Closed",
        "first: Closed to ForcedOpen",
        "first: ForcedOpen to Disabled",
        "first: Disabled to MetricsOnly",
        "first: MetricsOnly to Closed"
      ])
      gateway.control("limited").pause("1 minute")
      assert.isAbove(gateway.health().targets.limited!.pausedFor!, 50_000)
      assert.strictEqual((yield* asked(gateway, { model: "limited" })).status, 429)
      gateway.control("limited").resume()
      assert.isUndefined(gateway.health().targets.limited!.pausedFor)
      assert.throws(() => gateway.control("nobody"), /target must be one of first, limited, got "nobody"/)
      assert.throws(() => gateway.control("first").pause(1000), /rateLimiter/)
      assert.throws(() => gateway.control("first").open("-1 second"), RangeError)
    }))
  )

  it.live(
    "goes on when the file is read again, and a wrong one is not taken over",
    scoped(Effect.gen(function*() {
      const path = yield* withFile(JSON.stringify(file))
      const gateway = yield* opened(path, { environment, fetch: () => Promise.resolve(whole("Good day")) })
      gateway.control("first").open()
      writeFileSync(path, JSON.stringify({ ...file, models: { ...file.models, second: { provider: "main" } } }))
      yield* Effect.promise(() => gateway.reload())
      assert.deepStrictEqual(Object.keys(gateway.health().targets), ["first", "second"])
      assert.strictEqual((yield* asked(gateway)).status, 503)
      assert.strictEqual((yield* asked(gateway, { model: "second" })).status, 200)
      const wrong = yield* rejected(gateway.reload({ models: {} }))
      assert.strictEqual((wrong as OpenGatewayError).code, "config-invalid")
      assert.strictEqual((yield* asked(gateway, { model: "second" })).status, 200)
      yield* Effect.promise(() => gateway.reload({ ...file, models: { third: { provider: "main" } } }))
      assert.strictEqual((yield* asked(gateway, { model: "third" })).status, 200)
      assert.strictEqual((yield* asked(gateway, { model: "second" })).status, 404)
    }))
  )

  it.live(
    "has its state in JSON, with which a gateway of another process goes on: circuits and budgets",
    scoped(Effect.gen(function*() {
      const spent: GatewayConfig.File = {
        ...file,
        models: { first: { provider: "main", breaker: { consecutiveFailures: 2 } }, second: { provider: "main" } },
        prices: { first: { input: 1, output: 1_000_000 } },
        clients: [{ name: "shop", token: "sk-shop-0123456789", budget: { dollars: 1, window: "day" } }]
      }
      const models: Array<string> = []
      const provider: typeof fetch = (_url, init) => {
        const { model } = JSON.parse(String(init!.body)) as { readonly model: string }
        models.push(model)
        return Promise.resolve(model === "first" ? Response.json({}, { status: 503 }) : whole("Good day"))
      }
      const ask = (gateway: OpenedGateway, model: string) =>
        Effect.map(
          asked(gateway, { model }, { headers: { authorization: "Bearer sk-shop-0123456789" } }),
          ({ status }) => status
        )
      const all = (gateway: OpenedGateway) =>
        Effect.forEach(["first", "first", "second"], (model) => ask(gateway, model))
      const one = yield* opened(spent, { environment, fetch: provider })
      assert.deepStrictEqual(yield* all(one), [503, 503, 200])
      const json = JSON.stringify(one.exportState())
      for (const secret of ["sk-shop", "sk-provider", "Good day"]) assert.notInclude(json, secret)

      const other = yield* opened(spent, { environment, fetch: provider })
      assert.throws(() => other.restoreState("no JSON"), /restoreState: The text is no JSON/)
      assert.throws(() => other.restoreState({ version: 1 }), /restoreState: /)
      assert.deepStrictEqual(other.restoreState(null), { age: 0, restored: [], ignored: [] })
      const { restored } = other.restoreState(json)
      assert.includeDeepMembers(
        restored.map(({ kind }) => kind.replace(/^.*\//, "")),
        ["CircuitBreaker", "CostLedger"]
      )
      models.length = 0
      assert.strictEqual(other.health().targets.first!.state, "Open")
      assert.deepStrictEqual(yield* ask(other, "second"), 429)
      assert.deepStrictEqual(models, [])
    }))
  )

  it.live(
    "is of each gateway alone: two in one process with the same names have nothing in common",
    scoped(Effect.gen(function*() {
      const make = (content: string) => opened(file, { environment, fetch: () => Promise.resolve(whole(content)) })
      const [one, other] = [yield* make("one"), yield* make("other")]
      one.control("first").open()
      assert.deepStrictEqual([one, other].map((gateway) => gateway.health().status), ["down", "up"])
      const response = yield* asked(other)
      assert.match(yield* Effect.promise(() => response.text()), /other/)
      assert.deepStrictEqual([one, other].map((gateway) => gateway.health().targets.first!.calls), [0, 1])
    }))
  )
})

describe("a gateway that is closed", () => {
  it.live(
    "waits for calls in flight, and refuses new ones at once, for good",
    scoped(Effect.gen(function*() {
      let answer = (_: Response) => {}
      const gateway = yield* opened({ ...file, listen: { drainTimeout: "1 minute" } }, {
        environment,
        fetch: () => new Promise((resolve) => (answer = resolve))
      })
      const inFlight = gateway.fetch(...post({}))
      yield* until(() => gateway.health().targets.first!.inFlight === 1)
      const closing = gateway[Symbol.asyncDispose]()
      yield* until(() => !/^switchgear_gateway_ready 1$/m.test(gateway.metrics()))
      const refused = yield* asked(gateway)
      assert.deepStrictEqual([refused.status, refused.headers.get("x-should-retry")], [503, "false"])
      answer(whole("Good day"))
      assert.strictEqual((yield* Effect.promise(() => inFlight)).status, 200)
      yield* Effect.promise(() => closing)
      assert.strictEqual(gateway[Symbol.asyncDispose](), closing)
      assert.strictEqual((yield* asked(gateway)).status, 503)
    }))
  )

  it.live(
    "ends what is left with an error, whoever reads it: it never looks whole",
    scoped(Effect.gen(function*() {
      const endless = new Endless()
      const gateway = yield* opened(file, {
        environment,
        fetch: (input, init) =>
          new Request(input, init).json().then(({ stream }: any) =>
            stream === true ? endless.fetch(input, init) : new Promise<Response>(() => {})
          )
      })
      const response = yield* asked(gateway, { stream: true })
      const waiting = gateway.fetch(...post({}))
      yield* until(() => gateway.health().targets.first!.inFlight === 2)
      yield* Effect.promise(() => gateway[Symbol.asyncDispose]())
      const refused = yield* Effect.promise(() => waiting)
      assert.strictEqual(refused.status, 503)
      assert.match(yield* Effect.promise(() => refused.text()), /The gateway was closed/)
      assert.strictEqual(endless.cancelled, 1)
      const text = yield* Effect.promise(() => response.text())
      assert.match(text, /data: \{"error":\{"message":"The gateway was closed.*"isRetryable":false\}\}\n\n$/)
    }))
  )

  it.live(
    "leaves no timer and no handle, a hundred times",
    scoped(Effect.gen(function*() {
      const make = () => openGateway(file, { environment, fetch: () => Promise.resolve(whole("Good day")) })
      const handles = () => process.getActiveResourcesInfo().filter((name) => name !== "Immediate").toSorted()
      const before = handles()
      const all = yield* Effect.promise(() => Promise.all(Array.from({ length: 100 }, make)))
      for (const gateway of all) assert.strictEqual((yield* asked(gateway)).status, 200)
      yield* Effect.promise(() => Promise.all(all.map((gateway) => gateway[Symbol.asyncDispose]())))
      yield* until(() => handles().length <= before.length)
    }))
  )
})
