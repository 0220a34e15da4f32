/** Functions that do what no function should, behind guards. */
import { assert, describe, it } from "vitest"
import { guard, GuardedFetchError } from "@switchgear/http/fetch"
import { thenable } from "./thenable.ts"

const rejected = (promise: PromiseLike<unknown>): Promise<unknown> =>
  Promise.resolve(promise).then(() => assert.fail("it did not reject"), (error: unknown) => error)

const codeOf = async (promise: PromiseLike<unknown>) => {
  const error = await rejected(promise)
  return error instanceof GuardedFetchError ? error.code : error
}

/** Whose method `then` throws as soon as it is looked for. */
const withGetter = (get: () => never): object =>
  new Proxy({}, { get: (_, name) => name === "then" ? get() : undefined })

/** As where nothing checks its type. */
const guarded = (f: () => unknown, options?: object) => guard(f as () => Promise<unknown>, options)

const readIt = () => {
  throw new Error("it was read")
}

describe("a function behind guards", () => {
  it("may reject with anything, also at once: it is thrown as it is", async () => {
    const things = [
      null,
      undefined,
      0,
      "no",
      Symbol("no"),
      Object.freeze({ status: 503 }),
      { status: 503, message: { toString: readIt } },
      { status: Number.NaN },
      Object.defineProperty(new Error("no"), "status", { get: readIt }),
      new Proxy({}, { get: readIt, has: readIt, getPrototypeOf: readIt })
    ]
    for (const thing of things) {
      const ways = [
        () => Promise.reject(thing),
        () => {
          throw thing
        },
        () => thenable((_, reject) => reject(thing)),
        () =>
          withGetter(() => {
            throw thing
          })
      ]
      for (const way of ways) {
        await using f = guarded(way, { breaker: { minimumCalls: 5 }, name: "f" })
        // An async function would look for a method `then` in it.
        assert.isTrue(await f().then(() => false, (error: unknown) => error === thing))
        const { calls, failed, inFlight } = f.health().targets["f"]!
        assert.deepStrictEqual([calls, failed, inFlight], [1, 1, 0])
      }
    }
  })

  it("may give what is settled twice, or what is no promise", async () => {
    const twice = guarded(() =>
      thenable((resolve, reject) => {
        resolve("first")
        resolve("second")
        reject(new Error("no"))
        throw new Error("no")
      }), { name: "twice" })
    assert.strictEqual(await twice(), "first")
    assert.deepInclude(twice.health().targets["twice"], { calls: 1, failed: 0, inFlight: 0 })
    assert.strictEqual(await guarded(() => 42)(), 42)
    assert.strictEqual(await guarded(() => undefined)(), undefined)
  })

  it("ends by the deadline where it never settles and heeds no signal", async () => {
    for (const never of [() => thenable(() => {}), () => new Promise(() => {})]) {
      await using f = guarded(never, { deadline: 5, name: "f", bulkhead: { concurrency: 1, queue: 0 } })
      for (let call = 0; call < 2; call++) assert.strictEqual(await codeOf(f()), "deadline_exceeded")
      assert.strictEqual(f.health().targets["f"]!.inFlight, 0)
    }
  })

  it("is not called when its caller leaves before its turn", async () => {
    let calls = 0
    const caller = new AbortController()
    const f = guarded(() => calls++, {
      signal: () => caller.signal,
      name: () => {
        caller.abort("enough")
        return "f"
      }
    })
    assert.strictEqual(await rejected(f()), "enough")
    assert.strictEqual(calls, 0)
    assert.deepInclude(f.health().targets["f"], { calls: 0, inFlight: 0 })
  })

  it("may end its own call", async () => {
    const caller = new AbortController()
    const f = guarded(() => {
      caller.abort("enough")
      return "late"
    }, { signal: () => caller.signal, name: "f" })
    assert.strictEqual(await rejected(f()), "enough")
    await f[Symbol.asyncDispose]()
    assert.strictEqual(f.health().targets["f"]?.inFlight ?? 0, 0)
  })

  it("has an option that throws in its own call, which counts for nothing and is made once", async () => {
    const mine = new Error("mine")
    const fails = () => {
      throw mine
    }
    let calls = 0
    const lost = () => {
      calls++
      return Promise.reject(new Error("lost"))
    }
    const options = { retry: { maxAttempts: 3, baseDelay: 1 }, name: "f" }
    for (const option of ["isFailure", "isRetryable", "signal", "withSignal"]) {
      const f = guarded(lost, { ...options, [option]: fails })
      assert.strictEqual(await rejected(f()), mine, option)
      assert.strictEqual(f.health().targets["f"]?.inFlight ?? 0, 0)
      if (option.startsWith("is")) assert.strictEqual(f.health().targets["f"]!.failed, 0)
    }
    assert.strictEqual(calls, 2)
    assert.strictEqual(await rejected(guarded(lost, { name: fails })()), mine)
    assert.instanceOf(await rejected(guarded(lost, { name: () => "" })()), TypeError)
  })

  it("keeps this, its arguments, its name, its length and its properties", async () => {
    const seen: Array<unknown> = []
    const original = Object.assign(function find(this: unknown, a: number, b: string) {
      seen.push(this, a, b)
      return Promise.resolve(a + b)
    }, { apply: undefined, version: 2 })
    const f = guard(original)
    const owner = { f }
    assert.strictEqual(await owner.f(1, "b"), "1b")
    assert.strictEqual(await Reflect.apply(f, seen, [2, "c"]), "2c")
    assert.deepStrictEqual(seen, [owner, 1, "b", seen, 2, "c"])
    assert.deepStrictEqual([f.name, f.length, f.version], ["find", 2, 2])
    assert.deepStrictEqual(Object.keys(f.health().targets), ["find"])
  })
})
