/** What is spent on calls of which the provider bills more than the answer: retries, time-outs, callers that leave. */
import { assert, describe, it } from "@effect/vitest"
import { ChatClient, ChatError, ChatModel, CostLedger, ModelCascade, Pricing } from "@switchgear/http"
import { Behaviour, SimulatedProvider } from "@switchgear/http/testing"
import { Effect, Fiber, Schema, Stream } from "effect"
import { HttpClient, type HttpClientRequest, HttpServerResponse } from "effect/http"
import { TestClock } from "effect/testing"
import { interruptAtEveryStep } from "../../core/test/support/yieldAt.ts"
import { microDollars, plain } from "./support/ledgerOf.ts"
import { modelOf } from "./support/modelOf.ts"

const prompt = "x".repeat(100)
const ask = (fields: object = {}): ChatModel.Request => ({ messages: [{ role: "user", content: prompt }], ...fields })

/** What the ledger takes a prompt to be, at a micro-dollar a token. */
const promptOf = (request: ChatModel.Request) => Pricing.estimateTokens(request).input

const budgets = [CostLedger.overall(microDollars(1_000_000), "day")]
const prices = { m: plain, n: plain }

const clientOf = (http: HttpClient.HttpClient, options: Partial<ChatClient.Options> = {}) =>
  ChatClient.make({ provider: "test", baseUrl: "http://simulated.test/v1", ...options }).pipe(
    Effect.provideService(HttpClient.HttpClient, http)
  )

const setting = (
  models: Readonly<Record<string, Behaviour.Behaviour>>,
  options: Partial<ChatModel.Options> = {},
  more: Partial<CostLedger.Options> = {}
) =>
  Effect.gen(function*() {
    const provider = yield* SimulatedProvider.make({ models })
    const client = yield* clientOf(SimulatedProvider.httpClient(provider))
    const make = (model: string) =>
      Effect.provideService(
        modelOf({ model, attemptTimeout: "2 seconds", ...options }),
        ChatClient.ChatClient,
        client
      )
    const ledger = yield* CostLedger.make({ prices, primary: "m", budgets, ...more })
    const state = Effect.map(ledger.snapshot, ({ budgets: [budget], total }) => ({
      spent: budget!.spent,
      reserved: budget!.reserved,
      wasted: total.wasted,
      estimated: total.estimated
    }))
    return { ledger, make, provider, state }
  })

describe("a call of which the provider may bill more than its answer", () => {
  const request = ask({ max_tokens: 50 })
  const one = promptOf(request)

  const failures: ReadonlyArray<readonly [why: string, outcome: Behaviour.Outcome, attempts: number, spent: number]> = [
    ["hangs and is timed out", Behaviour.hang, 1, one],
    ["is refused as a mistake", Behaviour.error(400, { message: "no", type: "invalid_request_error" }), 1, 0],
    ["is refused for its key", Behaviour.unauthorized, 1, 0],
    [
      "is refused by a filter, which has read it",
      Behaviour.error(400, { message: "no", code: "content_filter" }),
      1,
      one
    ],
    ["is refused by a rate limit", Behaviour.rateLimited(), 1, 0],
    ["is refused by an overloaded model", Behaviour.overloaded, 1, 0],
    ["breaks in the provider", Behaviour.serverError, 1, one],
    ["breaks in the provider twice", Behaviour.serverError, 2, 2 * one],
    ["is lost before its head", Behaviour.cut("before-headers"), 1, one],
    ["is answered with half a reply, which was written whole", Behaviour.cut("mid-body"), 1, one + 50],
    ["is answered with half a reply twice", Behaviour.cut("mid-body"), 2, 2 * (one + 50)],
    ["is answered with something else", Behaviour.emptyBody, 1, one]
  ]

  it.effect.each(failures)("%s", ([, outcome, maxAttempts, spent]) =>
    Effect.gen(function*() {
      const { ledger, make, state } = yield* setting({ m: { outcome } }, { retry: { maxAttempts, baseDelay: 0 } })
      const model = ledger.protect(yield* make("m"))
      const call = yield* Effect.forkChild(Effect.exit(model.complete(request)), { startImmediately: true })
      yield* TestClock.adjust("1 minute")
      assert.strictEqual((yield* Fiber.join(call))._tag, "Failure")
      const attempts = spent === 0 ? 0 : maxAttempts
      assert.deepStrictEqual(yield* state, { spent, reserved: 0, wasted: spent, estimated: attempts })
      assert.strictEqual((yield* ledger.snapshot).models["m"]?.cost ?? 0, spent)
    }))

  const half = Behaviour.stream({ text: "y".repeat(40), chunks: 4, end: Behaviour.stallAfter(2) })
  const clocks = [
    ["all of a whole reply", "whole", Behaviour.hang, 0],
    ["the head of a stream", "streamed", Behaviour.hang, 0],
    ["the first content of a stream", "streamed", Behaviour.stream({ firstContentAfter: "1 minute" }), 0],
    ["the next content of a stream", "streamed", half, 20]
  ] as const
  it.effect.each(clocks)(
    "runs out of the client's own time for %s",
    ([, delivery, outcome, heard]) =>
      Effect.gen(function*() {
        const provider = yield* SimulatedProvider.make({ models: { m: { outcome } } })
        const own = { timeout: "1 second", firstContentTimeout: "1 second", idleTimeout: "1 second" } as const
        const client = yield* clientOf(SimulatedProvider.httpClient(provider), own)
        const made = yield* ChatModel.make({ model: "m", client, attemptTimeout: "1 hour", deadline: "1 hour" })
        const ledger = yield* CostLedger.make({ prices, primary: "m", budgets })
        const model = ledger.protect(made)
        const call: Effect.Effect<unknown, unknown> = delivery === "whole"
          ? model.complete(request)
          : Stream.runDrain(model.stream(request))
        const fiber = yield* Effect.forkChild(Effect.flip(call), { startImmediately: true })
        yield* TestClock.adjust("10 seconds")
        const error = yield* Fiber.join(fiber)
        assert.isTrue(ChatError.isChatError(error) && error._tag === "TimedOut" && error.phase !== "connect")
        const { budgets: [budget], total } = yield* ledger.snapshot
        assert.deepStrictEqual([budget!.spent, budget!.reserved, total.estimated], [one + heard, 0, 1])
      })
  )

  it.effect("spends nothing where a guard refused it, and the attempts before an answer where it had some", () =>
    Effect.gen(function*() {
      const { ledger, make, provider, state } = yield* setting({
        m: { outcome: Behaviour.hang },
        n: {
          outcome: Behaviour.respond(200, {
            model: "n",
            choices: [{ message: { content: "Hi" }, finish_reason: "stop" }],
            usage: { prompt_tokens: 20, completion_tokens: 5 }
          })
        }
      })
      const first = yield* make("m")
      const cascade = yield* ModelCascade.make({
        models: [{ model: first }, { model: yield* make("n") }],
        canned: { default: "Later, please." }
      })
      const model = ledger.protect(cascade)
      const answered = yield* Effect.forkChild(model.complete(request), { startImmediately: true })
      yield* TestClock.adjust("1 minute")
      const { bill, degradation } = yield* Fiber.join(answered)
      assert.deepStrictEqual([degradation, bill.model, bill.cost.total], ["fallback", "n", 25])
      assert.deepStrictEqual(yield* state, { spent: one + 25, reserved: 0, wasted: one, estimated: 1 })

      // The circuit is open: nothing is sent.
      yield* first.breaker.control.forceOpen
      yield* provider.set("n", { outcome: Behaviour.error(400, { message: "no", type: "invalid_request_error" }) })
      yield* Effect.exit(model.complete({ ...request, seed: 1 }))
      assert.strictEqual((yield* state).spent, one + 25)

      // All hang, and the sentence is free; what hung is not.
      yield* provider.set("n", { outcome: Behaviour.hang })
      const canned = yield* Effect.forkChild(model.complete({ ...request, seed: 2 }), { startImmediately: true })
      yield* TestClock.adjust("1 minute")
      const last = yield* Fiber.join(canned)
      assert.deepStrictEqual([last.degradation, last.bill.source, last.bill.cost.total], ["canned", "free", 0])
      assert.strictEqual((yield* state).spent, one + 25 + promptOf({ ...request, seed: 2 }))
    }))

  it.effect("spends its prompt where the caller leaves before the model speaks, and what was heard after that", () =>
    Effect.gen(function*() {
      const outcome = Behaviour.stream({
        text: "y".repeat(40),
        chunks: 4,
        firstContentAfter: "1 second",
        pause: "1 second"
      })
      for (const [left, heard] of [["500 millis", 0], ["1500 millis", 10], ["2500 millis", 20]] as const) {
        const { ledger, make, state } = yield* setting({ m: { outcome } })
        const model = ledger.protect(yield* make("m"))
        const reader = yield* Effect.forkChild(Stream.runDrain(model.stream(request)), { startImmediately: true })
        yield* TestClock.adjust(left)
        assert.strictEqual((yield* state).reserved, one + 50)
        yield* Fiber.interrupt(reader)
        const { estimated, reserved, spent } = yield* state
        assert.deepStrictEqual([spent, reserved, estimated], [one + heard, 0, 1], left)
      }
    }))

  it.effect("spends an answer that was not taken, by its usage", () =>
    Effect.gen(function*() {
      const usage = { prompt_tokens: 20, completion_tokens: 5 }
      const reply = (model: string) => ({
        model,
        usage,
        choices: [{ message: { content: "Hi" }, finish_reason: "stop" }]
      })
      const { ledger, make, state } = yield* setting({
        m: { outcome: Behaviour.respond(200, reply("m")) },
        n: { outcome: Behaviour.respond(200, reply("n")) }
      })
      const m = yield* make("m")
      const late = new ChatError.TimedOut({ provider: "test", model: "m", phase: "total" })
      const picky = ChatModel.of<ChatModel.ModelError>({
        name: "m",
        complete: (request) => Effect.andThen(m.complete(request), Effect.fail(late))
      })
      const cascade = yield* ModelCascade.make({ models: [{ model: picky }, { model: yield* make("n") }] })
      const { bill } = yield* ledger.protect(cascade).complete(request)
      assert.deepStrictEqual([bill.model, bill.cost.total], ["n", 25])
      assert.deepStrictEqual(yield* state, { spent: 50, reserved: 0, wasted: 25, estimated: 0 })
      yield* Effect.exit(ledger.protect(picky).complete(request))
      assert.deepStrictEqual(yield* state, { spent: 75, reserved: 0, wasted: 50, estimated: 0 })
    }))

  it.effect("spends what a model of one's own failed with before an answer of another", () =>
    Effect.gen(function*() {
      const { ledger, state } = yield* setting({})
      const own = (name: string, answer: ReturnType<ChatModel.ChatModel<ChatModel.ModelError>["complete"]>) =>
        ChatModel.of<ChatModel.ModelError>({ name, complete: () => answer })
      const fault = new ChatError.ProviderFault({ provider: "test", model: "m" })
      const busy = new ChatError.Overloaded({ provider: "test", model: "m" })
      for (const [error, wasted] of [[fault, one], [busy, 0]] as const) {
        const before = (yield* state).spent
        const cascade = yield* ModelCascade.make({
          models: [{ model: own("m", Effect.fail(error)) }],
          canned: { default: "Later, please." }
        })
        const { bill } = yield* ledger.protect(cascade).complete(request)
        assert.strictEqual(bill.source, "free")
        assert.strictEqual((yield* state).spent - before, wasted, error._tag)
      }
    }))

  it.effect("spends the prompt of an attempt that still runs when another one has answered", () =>
    Effect.gen(function*() {
      const { ledger, make, state } = yield* setting({
        m: { outcome: Behaviour.hang },
        n: {
          outcome: Behaviour.respond(200, {
            model: "n",
            usage: { prompt_tokens: 20, completion_tokens: 5 },
            choices: [{ message: { content: "Hi" }, finish_reason: "stop" }]
          })
        }
      })
      const [m, n] = [yield* make("m"), yield* make("n")]
      const hedged = ChatModel.of<ChatModel.ModelError>({
        name: "hedged",
        complete: (request) =>
          Effect.andThen(Effect.forkDetach(m.complete(request), { startImmediately: true }), n.complete(request))
      })
      const { bill } = yield* ledger.protect(hedged).complete(request)
      assert.deepStrictEqual([bill.model, bill.cost.total], ["n", 25])
      const now = { spent: one + 25, reserved: 0, wasted: one, estimated: 1 }
      assert.deepStrictEqual(yield* state, now)
      // What becomes of it later is not billed again.
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual(yield* state, now)
    }))

  it.effect("is billed for the model that was asked, where neither its step nor its reply names one", () =>
    Effect.gen(function*() {
      const usage = { prompt_tokens: 20, completion_tokens: 5 }
      const reply = { model: "served", usage, choices: [{ message: { content: "Hi" }, finish_reason: "stop" }] }
      const { ledger, make } = yield* setting({ m: { outcome: Behaviour.respond(200, reply) } }, { name: "first" })
      const { bill } = yield* ledger.protect(yield* make("m")).complete(request)
      assert.deepStrictEqual([bill.model, bill.cost.total, bill.source], ["m", 25, "prices"])
    }))

  it.effect("is spent at once, so that no other call takes it while it is tried again", () =>
    Effect.gen(function*() {
      const budgets = [CostLedger.overall(microDollars(2 * (one + 50) + one - 1), "day")]
      const { ledger, make, state } = yield* setting(
        { m: { outcome: Behaviour.serverError } },
        { retry: { maxAttempts: 2, baseDelay: "1 second", maxDelay: "1 second" } },
        { budgets }
      )
      const model = ledger.protect(yield* make("m"))
      const first = yield* Effect.forkChild(Effect.exit(model.complete(request)), { startImmediately: true })
      assert.deepStrictEqual([(yield* state).spent, (yield* state).reserved], [one, one + 50])
      assert.strictEqual((yield* Effect.flip(model.complete(request)))._tag, "BudgetExceeded")
      yield* TestClock.adjust("5 seconds")
      yield* Fiber.join(first)
      assert.deepStrictEqual([(yield* state).spent, (yield* state).reserved], [2 * one, 0])
    }))

  it.effect("is spent at the price of a model that the ledger does not know, as high as any", () =>
    Effect.gen(function*() {
      const { ledger, make, state } = yield* setting({ "x-1": { outcome: Behaviour.serverError } }, {
        retry: { maxAttempts: 1 }
      })
      yield* Effect.exit(ledger.protect(yield* make("x-1")).complete(request))
      assert.deepStrictEqual([(yield* state).spent, (yield* ledger.snapshot).total.unpriced], [one, 1])
    }))

  it.effect("made by other means is spent where its scope is left, and given back where it ended without a call", () =>
    Effect.gen(function*() {
      const { ledger, state } = yield* setting({})
      yield* Effect.scoped(ledger.reserve(request))
      yield* Effect.scoped(Effect.flatMap(ledger.reserve(request), ({ refund }) => refund))
      assert.strictEqual((yield* state).spent, 0)
      const call = Effect.andThen(ledger.reserve(request), Effect.never)
      yield* Fiber.interrupt(yield* Effect.forkChild(Effect.scoped(call), { startImmediately: true }))
      assert.deepStrictEqual([(yield* state).spent, (yield* state).reserved], [one, 0])
    }))

  it.live(
    "has nothing reserved after an interrupt at any step, and its prompt spent if it reached the provider",
    () =>
      Effect.gen(function*() {
        for (const how of ["complete", "stream"] as const) {
          let reached = 0
          const http = HttpClient.make((request) =>
            Effect.sync(() => {
              reached++
              return HttpServerResponse.toClientResponse(
                HttpServerResponse.text(
                  how === "complete"
                    ? JSON.stringify({ choices: [{ message: { content: "Hi" }, finish_reason: "stop" }] })
                    : "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Hi\"},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n"
                ),
                { request }
              )
            })
          )
          const model = yield* Effect.provideService(
            modelOf({ model: "m", retry: { maxAttempts: 1 } }),
            ChatClient.ChatClient,
            yield* clientOf(http)
          )
          let ledger = yield* CostLedger.make({ prices, primary: "m", budgets })
          const steps = yield* interruptAtEveryStep({
            program: () =>
              Effect.gen(function*() {
                reached = 0
                ledger = yield* CostLedger.make({ prices, primary: "m", budgets })
                const billed = ledger.protect(model)
                yield* how === "complete" ? billed.complete(request) : Stream.runDrain(billed.stream(request))
              }),
            check: (_, step) =>
              Effect.gen(function*() {
                const { budgets: [state], total } = yield* ledger.snapshot
                const at = `${how}, step ${step}, reached ${reached}`
                assert.strictEqual(state!.reserved, 0, at)
                assert.strictEqual((yield* ledger.tenant("default"))?.inFlight ?? 0, 0, at)
                assert.isAtLeast(state!.spent, reached * one, at)
                assert.isAtMost(state!.spent, one + 50, at)
                assert.strictEqual(total.cost, state!.spent, at)
              })
          })
          assert.isAbove(steps, 50)
        }
      }),
    60_000
  )
})

describe("a reply that fails", () => {
  const request = ask({ max_tokens: 50 })
  const one = promptOf(request)
  const usage = { prompt_tokens: 20, completion_tokens: 30 }

  const spentOn = (how: "complete" | "stream" | "events", body: object) =>
    Effect.gen(function*() {
      const { choices: [choice], ...rest } = body as { choices: ReadonlyArray<Record<string, any>> }
      const { message, ...ends } = choice ?? {}
      const events = [
        { choices: [{ index: 0, delta: message, finish_reason: null }] },
        { ...rest, choices: choice === undefined ? [] : [{ index: 0, delta: {}, ...ends }] }
      ]
      const text = events.map((event) => `data: ${JSON.stringify(event)}\n\n`).join("") + "data: [DONE]\n\n"
      const http = HttpClient.make((request) =>
        Effect.succeed(
          HttpServerResponse.toClientResponse(
            HttpServerResponse.text(how === "complete" ? JSON.stringify(body) : text),
            { request }
          )
        )
      )
      const model = yield* Effect.provideService(
        modelOf({ model: "m", retry: { maxAttempts: 1 } }),
        ChatClient.ChatClient,
        yield* clientOf(http)
      )
      const ledger = yield* CostLedger.make({ prices, primary: "m", budgets })
      const billed = ledger.protect(model)
      const exit = yield* Effect.exit(
        how === "stream" ? Stream.runDrain(billed.stream(request)) : billed.complete(request)
      )
      const { budgets: [budget], total } = yield* ledger.snapshot
      assert.deepStrictEqual([budget!.reserved, total.cost], [0, budget!.spent])
      return { spent: budget!.spent, failed: exit._tag === "Failure" }
    })

  const replies: ReadonlyArray<readonly [what: string, choice: object, beside?: object]> = [
    ["was withdrawn", { message: { content: "" }, finish_reason: "sensitive" }],
    ["was withdrawn after it had begun", { message: { content: "Half" }, finish_reason: "sensitive" }],
    ["was filtered", { message: { content: "" }, finish_reason: "content_filter" }],
    ["filled its window", { message: { content: "Half" }, finish_reason: "model_context_window_exceeded" }],
    ["ran out of machines", { message: { content: "Half" }, finish_reason: "insufficient_system_resource" }],
    ["broke", { message: { content: "Half" }, finish_reason: "network_error" }],
    ["is empty", { message: { content: "" }, finish_reason: "stop" }],
    ["was thought and not said", { message: { reasoning_content: "Hm" }, finish_reason: "length" }],
    ["has an error of load in it", { message: { content: "Half" } }, {
      error: { type: "overloaded_error", message: "Overloaded" }
    }],
    ["has an error of a rate in it", { message: { content: "Half" } }, {
      error: { code: "rate_limit_exceeded", message: "Slow down" }
    }],
    ["is sensitive by a code beside it", { message: { content: "Half" }, finish_reason: "stop" }, {
      base_resp: { status_code: 1027, status_msg: "output new_sensitive" }
    }]
  ]
  const ways = ["complete", "stream", "events"] as const

  it.effect.each(replies.flatMap((reply) => ways.map((how) => [how, ...reply] as const)))(
    "%s: what %s is spent as its usage tells, and without one as its prompt at least",
    ([how, , choice, beside]) =>
      Effect.gen(function*() {
        const told = yield* spentOn(how, { choices: [choice], ...beside, usage })
        assert.deepStrictEqual(told, { spent: 50, failed: true })
        const untold = yield* spentOn(how, { choices: [choice], ...beside })
        assert.isTrue(untold.failed)
        assert.isAtLeast(untold.spent, one)
        assert.isBelow(untold.spent, one + 50)
      })
  )

  it.effect.each(ways)(
    "%s: what was refused before the work costs nothing, whatever the status",
    (how) =>
      Effect.gen(function*() {
        for (
          const error of [{ type: "overloaded_error", message: "Overloaded" }, {
            code: "insufficient_quota",
            message: "x"
          }]
        )
          assert.deepStrictEqual(
            yield* spentOn(how, { choices: [], error, usage: { prompt_tokens: 0, total_tokens: 0 } }),
            { spent: 0, failed: true }
          )
      })
  )

  const Reply = Schema.Struct({
    how: Schema.Literals(ways),
    message: Schema.Struct({
      content: Schema.Literals(["", " ", "Half an answer", "世界"]),
      reasoning_content: Schema.optionalKey(Schema.Literals(["", "Hm"])),
      refusal: Schema.optionalKey(Schema.Literals(["No"]))
    }),
    finish_reason: Schema.Literals([
      "stop",
      "length",
      "content_filter",
      "sensitive",
      "SAFETY",
      "error",
      "network_error",
      "overloaded",
      "model_context_window_exceeded",
      "tool_calls",
      "anything"
    ]),
    beside: Schema.Literals([
      undefined,
      { type: "overloaded_error", message: "m" },
      { code: "rate_limit_exceeded", message: "m" },
      { code: "insufficient_quota", message: "m" },
      { code: "content_filter", message: "m" },
      { code: 400, message: "prompt is too long" },
      { code: 401, message: "m" },
      { message: "m" }
    ].map((error) => JSON.stringify(error ?? null))),
    prompt: Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 5000 })),
    completion: Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 5000 }))
  })

  it.effect.prop(
    "or does not is spent as its usage tells, whatever it says, how it ends and what error is in it",
    { reply: Reply },
    ({ reply: { beside, completion, finish_reason, how, message, prompt } }) =>
      Effect.gen(function*() {
        const { spent } = yield* spentOn(how, {
          choices: [{ message, finish_reason }],
          error: JSON.parse(beside),
          usage: { prompt_tokens: prompt, completion_tokens: completion }
        })
        assert.strictEqual(spent, prompt + completion)
      }),
    { arbitrary: { runs: 200 }, timeout: 30_000 }
  )
})

const whole = (minimum: number, maximum: number) => Schema.Int.check(Schema.isBetween({ minimum, maximum }))

/** What the provider does with one request. */
const Deed = Schema.Literals([
  "answer",
  "answer",
  "refuse",
  "busy",
  "break",
  "hang",
  "cut",
  "half",
  "silent",
  "withdraw",
  "empty"
])

const Operation = Schema.Union([
  Schema.Struct({
    _tag: Schema.tag("Begin"),
    tenant: Schema.Literals(["a", "b", "c"]),
    how: Schema.Literals(["complete", "stream", "stream"]),
    deeds: Schema.Array(Deed).check(Schema.isMinLength(1), Schema.isMaxLength(5)),
    latency: whole(0, 1500),
    output: whole(0, 40),
    /** How many parts of a stream its reader reads before it leaves. */
    reads: whole(1, 8)
  }),
  Schema.Struct({ _tag: Schema.tag("Interrupt"), index: whole(0, 30) }),
  Schema.Struct({ _tag: Schema.tag("Advance"), millis: whole(1, 3000) })
])
type Begin = Extract<typeof Operation.Type, { readonly _tag: "Begin" }>

const History = Schema.Array(Operation).check(Schema.isMinLength(20), Schema.isMaxLength(60))

const longest = 40

/** A provider that knows what it bills: the prompt of all it works on, and each token that it says. */
const billing = (
  callOf: (id: number) => Begin,
  made: Map<number, number>,
  bill: (id: number, tokens: number) => void
) =>
  HttpClient.make((request) =>
    Effect.gen(function*() {
      const { model, stream, user } = bodyOf(request)
      const id = Number(user)
      const { deeds, latency, output } = callOf(id)
      const attempt = made.get(id) ?? 0
      made.set(id, attempt + 1)
      const deed = deeds[attempt % deeds.length]!
      const respond = (status: number, body: unknown) =>
        HttpServerResponse.toClientResponse(
          HttpServerResponse.text(typeof body === "string" ? body : JSON.stringify(body), { status }),
          { request }
        )
      if (deed === "refuse") return respond(400, { error: { message: "no", type: "invalid_request_error" } })
      if (deed === "busy") return respond(429, { error: { message: "slow down", code: "rate_limit_exceeded" } })
      bill(id, 25)
      yield* Effect.sleep(latency)
      if (deed === "break") return respond(500, { error: { message: "oops", type: "server_error" } })
      if (deed === "hang") return yield* Effect.never
      const usage = deed === "silent" ? undefined : { prompt_tokens: 25, completion_tokens: output }
      if (stream === undefined) {
        bill(id, output)
        const reply = {
          model,
          usage,
          choices: [{
            message: { content: deed === "empty" ? "" : "y".repeat(output) || "-" },
            finish_reason: deed === "withdraw" ? "sensitive" : "stop"
          }]
        }
        const text = JSON.stringify(reply)
        return respond(200, deed === "half" || deed === "cut" ? text.slice(0, text.length / 2) : text)
      }
      const says = (content: string) => ({ model, choices: [{ index: 0, delta: { content } }] })
      // What is thought and not said is told at the end.
      if (deed === "empty") bill(id, output)
      const said = deed === "empty" ? 0 : Math.ceil(output / 5)
      const words = Stream.fromIterable(Array.from({ length: said }, () => says("yyyyy"))).pipe(
        Stream.rechunk(1),
        Stream.mapEffect((chunk) => Effect.as(Effect.sleep(100), chunk)),
        // What is on its way to a reader that leaves may not be heard.
        Stream.tap(() => Effect.sync(() => bill(id, 5)))
      )
      const reason = deed === "withdraw" ? "sensitive" : "stop"
      const end = [{ model, choices: [{ index: 0, delta: {}, finish_reason: reason }], ...(usage && { usage }) }]
      const chunks = deed === "half"
        ? Stream.take(words, 2)
        : deed === "cut"
        ? words
        : Stream.concat(words, Stream.fromIterable(end))
      const bytes = Stream.map(chunks, (chunk) => new TextEncoder().encode(`data: ${JSON.stringify(chunk)}\n\n`))
      return HttpServerResponse.toClientResponse(HttpServerResponse.stream(bytes, { status: 200 }), { request })
    })
  )

const bodyOf = (request: HttpClientRequest.HttpClientRequest) =>
  request.body._tag === "Uint8Array" ? JSON.parse(new TextDecoder().decode(request.body.body)) : {}

const play = (history: ReadonlyArray<typeof Operation.Type>) =>
  Effect.gen(function*() {
    const calls: Array<Begin> = []
    const made = new Map<number, number>()
    const billed = new Map<number, number>()
    const http = billing((id) => calls[id]!, made, (id, tokens) => billed.set(id, (billed.get(id) ?? 0) + tokens))
    const client = yield* clientOf(http)
    const make = (model: string) =>
      Effect.provideService(
        modelOf({
          model,
          attemptTimeout: "1 second",
          deadline: "4 seconds",
          retry: { maxAttempts: 2, baseDelay: "100 millis" }
        }),
        ChatClient.ChatClient,
        client
      )
    const cascade = yield* ModelCascade.make({
      models: [{ model: yield* make("m") }, { model: yield* make("n") }],
      canned: { default: "Later, please." }
    })
    const limits = { tenant: 1500, all: 3000 }
    const ledger = yield* CostLedger.make({
      prices,
      primary: "m",
      budgets: [
        CostLedger.perTenant(microDollars(limits.tenant), "day"),
        CostLedger.overall(microDollars(limits.all), "day")
      ]
    })
    const model = ledger.protect(cascade)
    const fibers: Array<Fiber.Fiber<unknown, unknown>> = []
    const estimated = promptOf(ask({ max_tokens: longest, user: "0" })) + longest
    /** By tenant and for all, the calls in flight when the last one was let in, and how many attempts they had had. */
    const inFlight = new Map<string, ReadonlyMap<number, number>>()

    /** What those calls can cost above their reservations: each attempt that ended since may be billed beside them. */
    const allowed = (whose: string) =>
      [...inFlight.get(whose) ?? []].reduce(
        (sum, [id, before]) => sum + ((made.get(id) ?? 0) - before + 1) * estimated,
        0
      )

    const check = Effect.gen(function*() {
      const { budgets: [all], total } = yield* ledger.snapshot
      const tenants = yield* ledger.tenants
      assert.isAtMost(all!.spent + all!.reserved, limits.all + allowed("all"), "all")
      for (const { budgets: [state], tenant } of tenants) {
        assert.isAtMost(state!.spent + state!.reserved, limits.tenant + allowed(tenant), tenant)
        assert.isAtLeast(state!.reserved, 0)
      }
      assert.strictEqual(tenants.reduce((sum, { totals }) => sum + totals.cost, 0), total.cost)
    })

    const begin = (call: Begin) =>
      Effect.suspend(() => {
        const id = calls.push(call) - 1
        const request = ask({ max_tokens: longest, user: String(id) })
        const asked = call.how === "complete"
          ? model.complete(request)
          : Stream.runDrain(Stream.take(model.stream(request), call.reads))
        return Effect.exit(CostLedger.withTenant(call.tenant)(asked as Effect.Effect<unknown, unknown>))
      })

    for (const operation of history) {
      switch (operation._tag) {
        case "Begin": {
          const { total: { refused } } = yield* ledger.snapshot
          fibers.push(yield* Effect.forkChild(begin(operation), { startImmediately: true }))
          if ((yield* ledger.snapshot).total.refused === refused) {
            for (const whose of [operation.tenant, "all"]) {
              const running = fibers.flatMap((fiber, id) =>
                fiber.pollUnsafe() === undefined && (whose === "all" || calls[id]!.tenant === whose)
                  ? [[id, made.get(id) ?? 0] as const]
                  : []
              )
              inFlight.set(whose, new Map(running))
            }
          }
          break
        }
        case "Interrupt":
          if (fibers.length > 0)
            yield* Fiber.interrupt(fibers[operation.index % fibers.length]!)
          break
        case "Advance":
          yield* TestClock.adjust(operation.millis)
      }
      yield* check
    }
    yield* TestClock.adjust("1 minute")
    yield* Effect.forEach(fibers, Fiber.interrupt)
    yield* check
    const { budgets: [all], total } = yield* ledger.snapshot
    assert.strictEqual(all!.reserved, 0)
    for (const { budgets: [state], inFlight } of yield* ledger.tenants)
      assert.deepStrictEqual([state!.reserved, inFlight], [0, 0])
    // What the provider bills is spent, but for the part of a stream that was on its way when its reader left.
    const unheard = calls.filter(({ how }) => how === "stream").length * 5
    assert.isAtLeast(all!.spent + unheard, [...billed.values()].reduce((sum, tokens) => sum + tokens, 0))
    assert.strictEqual(total.cost, all!.spent)
  })

const runs = Number(process.env.SWITCHGEAR_RUNS ?? 40)

it.effect.prop(
  "whatever callers do, what the provider may bill is spent, nothing stays reserved, and no budget is overspent by more than attempts beyond the first",
  { history: History },
  ({ history }) => play(history),
  { arbitrary: { runs, size: 100 }, timeout: 30_000 + 200 * runs }
)
