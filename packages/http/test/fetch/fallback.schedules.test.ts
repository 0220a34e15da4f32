/** Whatever models, callers and time do: a call of a fallback ends in time, and nothing of it is left. */
import { assert, describe, it } from "@effect/vitest"
import { fallback } from "@switchgear/http/fetch"
import { Effect, Schema } from "effect"
import { inControlledTime, sleep } from "./controlledTime.ts"

const small = (maximum: number) => Schema.Int.check(Schema.isBetween({ minimum: 0, maximum }))

const Outcome = Schema.Struct({
  is: Schema.Literals([
    "answers",
    "answers",
    "overloaded",
    "at fault",
    "filtered",
    "throws",
    "no answer",
    "hangs",
    "is cut",
    "tells an error",
    "falls silent"
  ]),
  /** Of a stream: how many parts with content come before it. */
  after: Schema.Literals([0, 0, 1, 3]),
  seconds: small(20),
  heeds: Schema.Literals(["aborts", "nothing"])
})

const Program = Schema.Struct({
  models: Schema.Array(Schema.Array(Outcome).check(Schema.isMinLength(1), Schema.isMaxLength(3)))
    .check(Schema.isMinLength(1), Schema.isMaxLength(4)),
  canned: Schema.Literals(["We are sorry.", ""]),
  concurrency: Schema.Literals([1, 2, 10]),
  queue: Schema.Literals([0, 1, 10]),
  maxAttempts: Schema.Literals([1, 1, 2]),
  minimumCalls: Schema.Literals([1, 3, 100]),
  deadline: Schema.Literals([7, 30, 300]),
  modelTimeout: Schema.Literals([0, 0, 4]),
  firstContentTimeout: Schema.Literals([5, 120]),
  disposedAt: Schema.Literals([15, 10_000, 10_000, 10_000]),
  calls: Schema.Array(Schema.Struct({
    at: small(30),
    how: Schema.Literals(["generate", "stream"]),
    aborts: Schema.Literals([0, 3, 11, 10_000, 10_000, 10_000]),
    reader: Schema.Literals(["reads", "reads", "cancels", "reads one and cancels", "stands still"])
  })).check(Schema.isMinLength(1), Schema.isMaxLength(6))
})

interface Asked {
  readonly abortSignal?: AbortSignal | undefined
  readonly call: Seen
}

/** What was seen of a call. */
interface Seen {
  readonly asked: Array<{
    readonly model: number
    readonly outcome: typeof Outcome.Type
    readonly spoke: () => boolean
  }>
  /** A model has told in time that the request is at fault. */
  isAtFault: boolean
  hasEnded: boolean
}

interface Told {
  readonly degradation: string
  readonly model: string | null
  readonly failures: ReadonlyArray<{ readonly model: string }>
}

const finish = (unified: string, raw: string | undefined) => ({ type: "finish", finishReason: { unified, raw } })
const stop = finish("stop", "stop")

const failure = (statusCode: number) => {
  const error = { message: "Invalid value", type: statusCode === 400 ? "invalid_request_error" : undefined }
  return Object.assign(new Error("no"), { statusCode, responseBody: JSON.stringify({ error }), isRetryable: true })
}

/** Models that keep what they were asked, and the signals that they were given. */
const modelsOf = (program: typeof Program.Type) => {
  const signals: Array<AbortSignal> = []
  const wrong: Array<string> = []
  const active = program.models.map(() => 0)
  const most = program.models.map(() => 0)
  const models = program.models.map((outcomes, i) => {
    let turn = 0
    const begin = ({ abortSignal, call }: Asked) => {
      const outcome = outcomes[turn++ % outcomes.length]!
      let spoke = false
      const signal = abortSignal!
      signals.push(signal)
      if (call.isAtFault) wrong.push(`model ${i} is asked after another has told that the request is at fault`)
      if (call.hasEnded) wrong.push(`model ${i} is asked after the end of its call`)
      if (signal.aborted) wrong.push(`model ${i} is asked with a signal that is aborted`)
      call.asked.push({ model: i, outcome, spoke: () => spoke })
      most[i] = Math.max(most[i]!, ++active[i]!)
      signal.addEventListener("abort", () => active[i]!--)
      const aborted = new Promise<never>((_, reject) => {
        if (outcome.heeds === "aborts") signal.addEventListener("abort", () => reject(signal.reason))
      })
      aborted.catch(() => {})
      const wait = () => Promise.race([aborted, sleep(outcome.seconds)])
      const never = () => Promise.race([aborted, new Promise<never>(() => {})])
      const blames = () => (call.isAtFault ||= !signal.aborted)
      return { outcome, wait, never, blames, speaks: () => (spoke ||= !signal.aborted) }
    }
    const failed = async ({ blames, never, outcome }: ReturnType<typeof begin>): Promise<undefined> => {
      switch (outcome.is) {
        case "overloaded":
          throw failure(503)
        case "at fault":
          blames()
          throw failure(400)
        case "throws":
          throw null
        case "hangs":
          return never()
        default:
          return undefined
      }
    }
    return {
      specificationVersion: "v4" as const,
      provider: "mock",
      modelId: String(i),
      supportedUrls: {},
      doGenerate: async (options: Asked) => {
        const begun = begin(options)
        await begun.wait()
        await failed(begun)
        const { is } = begun.outcome
        if (is === "no answer") return undefined as never
        if (is === "filtered")
          return { content: [], finishReason: finish("content-filter", "content_filter").finishReason }
        begun.speaks()
        return { content: [{ type: "text", text: String(i) }], finishReason: stop.finishReason }
      },
      doStream: async (options: Asked) => {
        const begun = begin(options)
        await begun.wait()
        const { outcome: { after, is }, never, wait } = begun
        if (after === 0) await failed(begun)
        if (is === "no answer") return undefined as never
        let said = 0
        const stream = new ReadableStream<unknown>({
          start: (controller) => controller.enqueue({ type: "stream-start", warnings: [] }),
          pull: async (controller) => {
            if (said++ < (is === "answers" ? 1 + after : after)) {
              begun.speaks()
              return controller.enqueue({ type: "text-delta", id: "1", delta: String(i) })
            }
            await wait()
            if (is === "falls silent" || is === "hangs") return await never()
            if (is === "throws") return controller.error(null)
            if (is === "tells an error" || is === "overloaded")
              controller.enqueue({ type: "error", error: failure(503) })
            else if (is === "at fault") controller.enqueue({ type: "error", error: failure(400) })
            else if (is !== "is cut") {
              controller.enqueue(is === "filtered" ? finish("content-filter", "content_filter") : stop)
            }
            controller.close()
          }
        })
        return { stream }
      }
    }
  })
  return { models, signals, wrong, active, most }
}

const toldOf = (part: unknown): Told | undefined =>
  (part as { readonly providerMetadata?: { readonly switchgear?: Told } } | undefined)?.providerMetadata?.switchgear

const play = async (program: typeof Program.Type): Promise<void> => {
  const { active, models, most, signals, wrong } = modelsOf(program)
  const { canned, concurrency, deadline, disposedAt, maxAttempts, minimumCalls, modelTimeout, queue } = program
  const model = fallback(models, {
    ...canned !== "" && { canned },
    ...modelTimeout > 0 && { modelTimeout: modelTimeout * 1000 },
    bulkhead: { concurrency, queue },
    breaker: { minimumCalls },
    retry: { maxAttempts, baseDelay: 10 },
    deadline: deadline * 1000,
    firstContentTimeout: program.firstContentTimeout * 1000
  })

  let isDisposed = false

  const read = async (stream: ReadableStream<unknown>, reader: string): Promise<Told | undefined> => {
    let told: Told | undefined
    let said = false
    const reading = stream.getReader()
    for (let parts = 0; reader !== "stands still"; parts++) {
      if (reader === "cancels" || reader === "reads one and cancels" && parts === 1) {
        await reading.cancel()
        break
      }
      const { done, value } = await reading.read()
      if (done) break
      const { type } = value as { readonly type: string }
      said ||= type === "text-delta"
      if (type === "error") assert.isTrue(said, "what fails before its first content is another model's turn")
      told ??= toldOf(value)
    }
    return told
  }

  const ask = async ({ aborts, at, how, reader }: typeof Program.Type["calls"][number]): Promise<void> => {
    const caller = new AbortController()
    await sleep(at)
    const seen: Seen = { asked: [], isAtFault: false, hasEnded: false }
    const began = performance.now()
    const passed = () => performance.now() - began
    if (aborts < 10_000) void sleep(aborts).then(() => caller.abort("enough"))
    const options = { abortSignal: caller.signal, call: seen }
    const spoke = () => seen.asked.some(({ spoke }) => spoke())
    const inTime = () => assert.isAtMost(passed(), Math.min(deadline, aborts) * 1000)
    let told: Told | undefined
    try {
      const answer = how === "generate" ? await model.doGenerate(options) : await model.doStream(options)
      inTime()
      assert.isFalse(isDisposed, "nobody is answered after the end")
      const isSilent = !spoke()
      if ("stream" in answer) told = await read(answer.stream, reader)
      else told = toldOf(answer)
      seen.hasEnded = true
      if (told !== undefined) assert.strictEqual(told.degradation === "canned", isSilent)
    } catch (error) {
      seen.hasEnded = true
      if (error instanceof Error && error.name === "AssertionError") throw error
      // What was said may break off long after the deadline.
      if (!spoke()) inTime()
      const isAtFault = seen.asked.some(({ outcome: { is } }) => is === "at fault")
      const isRight = canned === "" || caller.signal.aborted || isDisposed || spoke() || isAtFault
      assert.isTrue(isRight, "with a canned answer nothing else fails")
    }
    const order = seen.asked.map(({ model }) => model)
    assert.deepStrictEqual(order, order.toSorted((a, b) => a - b), "models are asked in their order")
    for (const i of models.keys()) {
      assert.isAtMost(order.filter((other) => other === i).length, maxAttempts, "no more attempts than promised")
    }
    if (told?.degradation === "canned") {
      const isLate = modelTimeout > 0 && passed() >= deadline * 1000
      assert.isTrue(isLate || told.failures.length === models.length, "the canned answer is the last resort")
      assert.isFalse(seen.isAtFault, "a request at fault is no reason for the canned answer")
    } else if (told !== undefined) {
      assert.strictEqual(told.model, `mock/${order.at(-1)}`)
      assert.strictEqual(told.failures.length, order.at(-1), "every model before it has failed")
    }
  }

  if (disposedAt < 10_000) {
    void sleep(disposedAt).then(() => {
      isDisposed = true
      return model[Symbol.asyncDispose]()
    })
  }
  const asked = program.calls.map(ask)
  const ended = await Promise.allSettled(asked)
  await sleep(1800)
  for (const one of ended) if (one.status === "rejected") throw one.reason
  assert.deepStrictEqual(wrong, [])
  assert.deepStrictEqual(active, active.map(() => 0), "all work has ended")
  assert.isTrue(signals.every(({ aborted }) => aborted), "every signal is aborted in the end")
  for (const n of most) assert.isAtMost(n, concurrency)
  for (const { inFlight, waiting } of Object.values(model.health().targets)) {
    assert.deepStrictEqual({ inFlight, waiting }, { inFlight: 0, waiting: 0 })
  }
  for (const [line, value] of model.metrics().matchAll(/^switchgear_bulkhead_(?:in_flight|queued)\S* (\S+)/gm)) {
    assert.strictEqual(Number(value), 0, line)
  }
  await model[Symbol.asyncDispose]()
}

describe("a fallback under any schedule", () => {
  it.live.prop(
    "ends each call in time, asks each model in its turn, and leaves no slot, no work and no signal behind",
    { program: Program },
    ({ program }) => Effect.promise(() => inControlledTime(() => play(program))),
    { timeout: 120_000, arbitrary: { runs: Number(process.env["SWITCHGEAR_RUNS"] ?? 100) } }
  )
})
