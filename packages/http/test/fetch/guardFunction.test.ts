/** Any function behind guards, and the state of guards in another process. */
import { assert, describe, expectTypeOf, it } from "vitest"
import { guard, guardedFetch, GuardedFetchError } from "@switchgear/http/fetch"

const rejected = (promise: PromiseLike<unknown>): Promise<unknown> =>
  Promise.resolve(promise).then(() => assert.fail("it did not reject"), (error: unknown) => error)

const codeOf = async (promise: PromiseLike<unknown>) => {
  const error = await rejected(promise)
  return error instanceof GuardedFetchError ? error.code : error
}

describe("guard", () => {
  it("gives and throws what the function does, with its arguments and its this", async () => {
    const error = new Error("mine")
    const service = {
      factor: 2,
      twice: guard(async function(this: { readonly factor: number }, n: number) {
        return this.factor * n
      }),
      fails: guard(() => Promise.reject(error)),
      throws: guard((): Promise<string> => {
        throw error
      })
    }
    assert.strictEqual(await service.twice(21), 42)
    assert.strictEqual(await rejected(service.fails()), error)
    assert.strictEqual(await rejected(service.throws()), error)
  })

  it("keeps the type of the function, also where it is overloaded or generic", () => {
    const overloaded = guard(
      (async (value: string | number) => value) as {
        (value: string): Promise<string>
        (value: number): Promise<number>
      }
    )
    const generic = guard(async <A>(value: A): Promise<A> => value)
    expectTypeOf(overloaded("a")).toEqualTypeOf<Promise<string>>()
    expectTypeOf(overloaded(1)).toEqualTypeOf<Promise<number>>()
    expectTypeOf(generic(true as boolean)).toEqualTypeOf<Promise<boolean>>()
    // @ts-expect-error it gives no promise
    guard((n: number) => n)
  })

  it("makes no call while the circuit is open", async () => {
    let calls = 0
    const search = guard(async (query: string) => {
      calls++
      throw new Error(query)
    }, { breaker: { minimumCalls: 2 } })
    for (let i = 0; i < 5; i++) await rejected(search("tea"))
    assert.strictEqual(calls, 2)
    assert.strictEqual(await codeOf(search("tea")), "circuit_open")
    assert.strictEqual(search.health().status, "down")
    assert.include(search.metrics(), "switchgear_circuitbreaker_not_permitted_total")
    await search[Symbol.asyncDispose]()
    assert.strictEqual(await codeOf(search("tea")), "closed")
  })

  it("counts no error that is the caller's, and tries none again that is final", async () => {
    class NotFound extends Error {}
    let calls = 0
    const find = guard(async (id: number) => {
      calls++
      throw id === 0 ? new NotFound() : Object.assign(new Error(), { isRetryable: id === 1 })
    }, {
      breaker: { minimumCalls: 1 },
      retry: { maxAttempts: 3, baseDelay: 1 },
      name: (id) => `target ${id}`,
      isFailure: (error) => !(error instanceof NotFound)
    })
    for (const id of [0, 0, 2, 1]) await rejected(find(id))
    // Twice the caller's, once final, and a second attempt finds the circuit open.
    assert.strictEqual(calls, 4)
    const { targets } = find.health()
    assert.deepStrictEqual(
      [targets["target 0"]?.failed, targets["target 1"]?.state, targets["target 2"]?.state],
      [0, "Open", "Open"]
    )
  })

  it("a time-out is a failure, and aborts the signal of its attempt", async () => {
    const signals: Array<AbortSignal> = []
    const hang = guard((_signal?: AbortSignal) => new Promise<string>(() => {}), {
      attemptTimeout: 5,
      breaker: { minimumCalls: 1 },
      withSignal: (signal) => {
        signals.push(signal)
        return [signal]
      }
    })
    assert.strictEqual(await codeOf(hang()), "deadline_exceeded")
    assert.deepStrictEqual(signals.map(({ aborted }) => aborted), [true])
    assert.strictEqual(await codeOf(hang()), "circuit_open")
  })

  it("a caller who leaves is neither a success nor a failure, and frees the slot", async () => {
    let inner: AbortSignal | undefined
    const ask = guard((_options: { readonly signal?: AbortSignal }) => new Promise<string>(() => {}), {
      bulkhead: { concurrency: 1, queue: 0 },
      signal: ({ signal }) => signal,
      withSignal: (signal, options) => {
        inner = signal
        return [{ ...options, signal }]
      },
      name: "ask"
    })
    const caller = new AbortController()
    const first = rejected(ask({ signal: caller.signal }))
    assert.strictEqual(await codeOf(ask({})), "bulkhead_full")
    const reason = new Error("enough")
    caller.abort(reason)
    assert.strictEqual(await first, reason)
    const before = ask.health().targets["ask"]
    assert.deepStrictEqual([before?.calls, before?.inFlight, inner?.aborted], [0, 0, true])
    assert.strictEqual(await rejected(ask({ signal: AbortSignal.abort(reason) })), reason)
    await ask[Symbol.asyncDispose]()
  })

  it("a 429 with a wait pauses the target", async () => {
    const ask = guard(() =>
      Promise.reject(Object.assign(new Error(), { status: 429, headers: new Headers({ "retry-after": "30" }) }))
    )
    await rejected(ask())
    assert.strictEqual(await codeOf(ask()), "rate_limit_exceeded")
  })

  it("says what is wrong with its options", () => {
    const f = async () => "ok"
    assert.throws(() => guard(f, { deadline: 0 }), /guard: .*deadline/s)
    assert.throws(() => guard("f" as never), RangeError, "a function that gives a promise")
    assert.throws(() => guard(f, { idleTimeout: 1 } as never), RangeError, "idleTimeout")
    assert.throws(() => guard(f, { isFailure: true as never }), RangeError, "isFailure")
    assert.throws(() => guard(f, { name: "" }), RangeError, "name")
  })
})

describe("the state of guards", () => {
  const options = {
    breaker: { minimumCalls: 1 },
    rateLimiter: { limits: [{ resource: "requests", limit: 10, per: "1 minute" }] }
  } as const

  it("goes on in another process: serverless functions share an opening and a limit", async () => {
    let requests = 0
    const fetch = async () => {
      requests++
      return new Response("", { status: 503 })
    }
    let stored: string | null = null
    const invoke = async () => {
      await using guarded = guardedFetch({ ...options, fetch })
      const { ignored, restored } = guarded.restoreState(stored)
      assert.deepStrictEqual(ignored, [])
      const { status } = await guarded("https://api.example.com/v1/models")
      stored = JSON.stringify(guarded.exportState())
      return { status, outcomes: restored.map(({ kind }) => kind) }
    }
    const restored = ["CircuitBreaker", "RateLimiter"]
    assert.deepStrictEqual(await invoke(), { status: 503, outcomes: [] })
    assert.deepStrictEqual(await invoke(), { status: 503, outcomes: restored })
    assert.deepStrictEqual(await invoke(), { status: 503, outcomes: restored })
    assert.strictEqual(requests, 1)
  })

  it("is that of each target of a function, and leaves alone a target that has seen a call", async () => {
    const fails = async (_key: string) => {
      throw new Error()
    }
    const make = () => guard(fails, { ...options, name: (key: string) => key })
    const old = make()
    await rejected(old("a"))
    await rejected(old("b"))
    const young = make()
    await rejected(young("b"))
    young.control("b").reset()
    const { ignored, restored } = young.restoreState(JSON.stringify(old.exportState()))
    const circuits = (guards: ReadonlyArray<{ readonly kind: string; readonly id: string }>) =>
      guards.filter(({ kind }) => kind === "CircuitBreaker").map(({ id }) => id)
    assert.deepStrictEqual([circuits(restored), circuits(ignored)], [["a"], ["b"]])
    assert.deepStrictEqual([young.health().targets["a"]?.state, young.health().targets["b"]?.state], ["Open", "Closed"])
  })

  it("that is none is refused, and nothing changes", () => {
    const young = guardedFetch()
    for (const state of ["{", 7, { version: 9 }, []]) {
      assert.throws(() => young.restoreState(state), TypeError, "restoreState: ")
    }
    assert.deepStrictEqual(young.restoreState(undefined), { age: 0, restored: [], ignored: [] })
    assert.deepStrictEqual(young.health().targets, {})
  })

  it("of a target that is not used meanwhile is exported again", async () => {
    const make = () => guard((_key: string) => Promise.reject(new Error()), { ...options, name: (key) => key })
    const first = make()
    await rejected(first("a"))
    const second = make()
    second.restoreState(first.exportState())
    await rejected(second("b"))
    const third = make()
    third.restoreState(JSON.stringify(second.exportState()))
    assert.deepStrictEqual(Object.values(third.health().targets).map(({ state }) => state), ["Open", "Open"])
  })

  it("with more targets than are kept makes no more than those", () => {
    const guards = Array.from({ length: 5000 }, (_, i) => ({ kind: "CircuitBreaker", id: `host ${i}`, state: {} }))
    const young = guardedFetch({ capacity: 3 })
    young.restoreState({ version: 1, savedAt: Date.now(), guards, leftOut: [] })
    assert.deepStrictEqual(Object.keys(young.health().targets), ["host 4997", "host 4998", "host 4999"])
  })
})
