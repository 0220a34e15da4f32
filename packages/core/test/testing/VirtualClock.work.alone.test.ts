/** Work outside of the fibers: time stands still while it is pending, and it has one order. */
import { assert, describe, it } from "@effect/vitest"
import { Deadline } from "@switchgear/core"
import { VirtualClock } from "@switchgear/core/testing"
import { Cause, Clock, Effect, Exit, Fiber, Option, Schema } from "effect"
import { HttpClientRequest, HttpClientResponse } from "effect/http"
import { TestClock } from "effect/testing"
import { randomBytes } from "node:crypto"
import { openAsBlob, promises as fs, readFile } from "node:fs"
import { resolve4 } from "node:dns"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { promisify } from "node:util"
import v8 from "node:v8"
import vm from "node:vm"
import { brotliCompress, gzip } from "node:zlib"

const immediates = async (count: number): Promise<void> => {
  for (let i = 0; i < count; i++) await new Promise((resolve) => setImmediate(resolve))
}

const messages = (count: number): Promise<void> =>
  new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel()
    port1.onmessage = ({ data }) => {
      if (data < count) return port1.postMessage(data + 1)
      port1.close()
      resolve()
    }
    port2.onmessage = ({ data }) => port2.postMessage(data)
    port2.postMessage(1)
  })

const { WebAssembly } = globalThis as unknown as {
  readonly WebAssembly: Record<"compile" | "instantiate", (bytes: Uint8Array) => Promise<unknown>>
}

const works: Readonly<Record<string, () => Promise<unknown>>> = {
  "microtasks": async () => {
    for (let i = 0; i < 100; i++) await undefined
  },
  "one immediate": () => immediates(1),
  "chained immediates": () => immediates(7),
  "a timer without a delay": () => new Promise((resolve) => setTimeout(resolve, 0)),
  "messages to and fro": () => messages(6),
  "a small hash": () => crypto.subtle.digest("SHA-256", new Uint8Array(16)),
  "a large hash": () => crypto.subtle.digest("SHA-256", new Uint8Array(2_000_000)),
  "a key and a signature": async () => {
    const key = await crypto.subtle.generateKey({ name: "HMAC", hash: "SHA-256" }, true, ["sign"])
    return crypto.subtle.sign("HMAC", key, new Uint8Array(3))
  },
  "random bytes": () => promisify(randomBytes)(16),
  "a file": () => fs.readFile(import.meta.filename),
  "a file by callback": () => new Promise((resolve) => readFile(import.meta.filename, resolve)),
  "a file as a blob": async () => (await openAsBlob(import.meta.filename)).arrayBuffer(),
  "a stream of a blob": async () => {
    for await (const _ of (await openAsBlob(import.meta.filename)).stream()) await undefined
  },
  "gzip": () => promisify(gzip)(Buffer.alloc(200_000)),
  "brotli": () => promisify(brotliCompress)("text"),
  "a compression stream": () =>
    new Response(new Blob(["hello"]).stream().pipeThrough(new CompressionStream("gzip"))).arrayBuffer(),
  "a body": () => new Response("hello").text(),
  // The smallest module that there is: a magic number and a version.
  "WebAssembly": () => WebAssembly.compile(new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0])),
  "an instance of WebAssembly": () => WebAssembly.instantiate(new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0])),
  // The question is wrong, so that no server is asked.
  "a question for a name server": () => new Promise((resolve) => resolve4(`${"a".repeat(64)}.test`, resolve))
}

const names = Object.keys(works)

const work = (name: string) => Effect.promise(works[name]!)

const dieMessage = (exit: Exit.Exit<unknown, unknown>): string =>
  Exit.isFailure(exit) ? String(exit.cause.reasons.find(Cause.isDieReason)?.defect) : ""

describe("time stands still", () => {
  it.effect.each(names)("in a play for %s", (name) =>
    Effect.gen(function*() {
      const patient = Effect.timeoutOption(Effect.andThen(work(name), Clock.currentTimeMillis), "1 hour")
      for (let run = 0; run < 16; run++) {
        assert.deepStrictEqual(Option.getOrUndefined(yield* VirtualClock.play(patient)), 0)
      }
    }))

  it.effect.each(names)("in a layer that is moved for %s", (name) =>
    Effect.gen(function*() {
      const fiber = yield* Effect.forkChild(Effect.andThen(work(name), Clock.currentTimeMillis), {
        startImmediately: true
      })
      yield* TestClock.adjust("1 hour")
      assert.strictEqual(fiber.pollUnsafe()?._tag, "Success")
      assert.strictEqual(yield* Fiber.join(fiber), 0)
    }).pipe(Effect.provide(VirtualClock.layer())))

  it.effect("for the work of a play inside of a play", () =>
    Effect.gen(function*() {
      const inner = VirtualClock.play(Effect.andThen(work("a large hash"), Effect.sleep("1 day")))
      const outer = Effect.timeoutOption(Effect.andThen(inner, Clock.currentTimeMillis), "1 hour")
      assert.deepStrictEqual(Option.getOrUndefined(yield* VirtualClock.play(outer)), 0)
    }))

  it.effect("for work that is asked for by a queue made before", () =>
    Effect.gen(function*() {
      const waiting: Array<() => void> = []
      let isOpen = true
      const loop = (async () => {
        while (isOpen) {
          const done = waiting.shift()
          if (done === undefined) await immediates(1)
          else {
            await fs.readFile(import.meta.filename)
            done()
          }
        }
      })()
      // The queue takes the order before the sleeper is due, and reads as long as it likes.
      const asked = Effect.promise(() => new Promise<void>((resolve) => waiting.push(resolve)))
      const answered = yield* VirtualClock.play(
        Effect.andThen(VirtualClock.hold(asked), Clock.currentTimeMillis).pipe(Effect.timeoutOption("1 hour"))
      )
      isOpen = false
      yield* Effect.promise(() => loop)
      assert.strictEqual(Option.getOrUndefined(answered), 0)
    }))

  it.effect("and the functions that compile WebAssembly are as before when no program is watched", () =>
    Effect.gen(function*() {
      const { compile } = WebAssembly
      yield* VirtualClock.play(Effect.sync(() => assert.notStrictEqual(WebAssembly.compile, compile)))
      assert.strictEqual(WebAssembly.compile, compile)
    }))

  it.effect("not for work that was begun at once and has no callback, nor for a timer that is cancelled", () =>
    Effect.gen(function*() {
      const nothing = Effect.sync(() => {
        randomBytes(8)
        clearImmediate(setImmediate(() => {}))
        clearTimeout(setTimeout(() => {}, 0))
      })
      yield* VirtualClock.play(Effect.andThen(nothing, Effect.sleep("1 hour")))
    }))
})

describe("memory", () => {
  v8.setFlagsFromString("--expose_gc")
  const collect = vm.runInNewContext("gc") as () => void
  const used = () => {
    collect()
    return v8.getHeapStatistics().used_heap_size
  }

  it.live.each<readonly [string, () => void]>([
    ["timers that are cancelled", () => clearTimeout(setTimeout(() => {}, 1000))],
    ["brief timers that are cancelled", () => clearTimeout(setTimeout(() => {}, 0))],
    ["immediates that are cancelled", () => clearImmediate(setImmediate(() => {}))],
    ["channels that are closed", () => new MessageChannel().port1.close()]
  ])("does not grow with %s", ([, begin]) =>
    Effect.gen(function*() {
      const program = Effect.gen(function*() {
        const grown: Array<number> = []
        for (let round = 0; round < 3; round++) {
          const before = used()
          for (let at = 0; at < 20_000; at++) {
            begin()
            if (at % 100 === 0) yield* Effect.sleep(1)
          }
          grown.push(used() - before)
        }
        return grown.at(-1)!
      })
      // A hundred bytes each would be two million.
      assert.isBelow(yield* VirtualClock.play(program), 1_000_000)
    }))
})

describe("hold", () => {
  it.live("keeps time still for what cannot be seen, such as an answer from the network", () =>
    Effect.gen(function*() {
      const server = createServer((_, response) => response.end("hello"))
      yield* Effect.promise(() => new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve)))
      const { port } = server.address() as AddressInfo
      const ask = Effect.promise(() => fetch(`http://127.0.0.1:${port}`).then((response) => response.text()))
      const answered = Effect.andThen(VirtualClock.hold(ask), Clock.currentTimeMillis)
      const times = yield* VirtualClock.play(Effect.timeoutOption(answered, "1 second"))
      yield* Effect.promise(() => new Promise((resolve) => server.close(resolve)))
      assert.strictEqual(Option.getOrUndefined(times), 0)
    }))

  it.live("lets time go on when the effect is interrupted, or fails", () =>
    Effect.gen(function*() {
      const program = Effect.gen(function*() {
        const fiber = yield* Effect.forkChild(VirtualClock.hold(Effect.never), { startImmediately: true })
        yield* Fiber.interrupt(fiber)
        yield* Effect.exit(VirtualClock.hold(Effect.fail("no")))
        yield* Effect.sleep("1 hour")
        return yield* Clock.currentTimeMillis
      })
      assert.strictEqual(yield* VirtualClock.play(program), 3_600_000)
    }))

  it.effect("does nothing outside of virtual time", () =>
    Effect.gen(function*() {
      assert.strictEqual(yield* VirtualClock.hold(Effect.succeed("answered")), "answered")
    }))
})

describe("promises \"none\"", () => {
  it.effect.each(names)("tells where the program waits for %s", (name) =>
    Effect.gen(function*() {
      const patient = Effect.timeoutOption(work(name), "1 hour")
      const exit = yield* Effect.exit(VirtualClock.play(patient, { promises: "none" }))
      assert.match(
        dieMessage(exit),
        /VirtualClock\.play: with promises "none", .* begun at .*VirtualClock\.work\.alone\.test\.ts:\d+/
      )
    }))

  it.effect("tells of a callback as well", () =>
    Effect.gen(function*() {
      const callback = Effect.callback<void>((resume) => queueMicrotask(() => resume(Effect.void)))
      const exit = yield* Effect.exit(VirtualClock.play(Effect.timeoutOption(callback, 1), { promises: "none" }))
      assert.match(dieMessage(exit), /waits for queueMicrotask, begun at .*VirtualClock\.work\.alone\.test\.ts:\d+/)
    }))

  it.effect("tells the place of the program, and not that of a guard in between", () =>
    Effect.gen(function*() {
      const guarded = work("one immediate").pipe(Deadline.within("1 hour"))
      const exit = yield* Effect.exit(VirtualClock.play(guarded, { promises: "none" }))
      assert.match(dieMessage(exit), /begun at .*VirtualClock\.work\.alone\.test\.ts:\d+/)
    }))

  it.effect("tells where in Effect, if no code of the program has led to it", () =>
    Effect.gen(function*() {
      const request = HttpClientRequest.get("http://simulated.test")
      const reading = HttpClientResponse.fromWeb(request, new Response("hello")).text
      const exit = yield* Effect.exit(VirtualClock.play(reading, { promises: "none" }))
      assert.match(dieMessage(exit), /begun at \S+:\d+:\d+\. Use/)
    }))

  it.effect("ends a move with it, in a layer", () =>
    Effect.gen(function*() {
      yield* Effect.forkChild(Effect.timeout(work("one immediate"), "1 second"), { startImmediately: true })
      const exit = yield* Effect.exit(TestClock.adjust("1 minute"))
      assert.match(dieMessage(exit), /VirtualClock\.layer: with promises "none"/)
    }).pipe(Effect.provide(VirtualClock.layer({ promises: "none" }))))

  it.effect("leaves alone promises that nobody waits for", () =>
    Effect.gen(function*() {
      const made = Effect.sync(() => new Response("never read"))
      yield* VirtualClock.play(Effect.repeat(Effect.andThen(made, Effect.sleep(1)), { times: 9 }), {
        promises: "none"
      })
    }))
})

const Step = Schema.Union([
  Schema.TaggedStruct("Work", { name: Schema.Literals(names) }),
  Schema.TaggedStruct("Sleep", { millis: Schema.Literals([0.5, 1, 2, 3]) }),
  Schema.TaggedStruct("Yield", {})
])
const Program = Schema.Array(Schema.Array(Step).check(Schema.isMaxLength(5))).check(Schema.isMaxLength(6))

it.effect.prop(
  "fibers that work and sleep beside each other have one course in sixteen runs",
  { program: Program },
  ({ program }) =>
    Effect.gen(function*() {
      const runs = new Set<string>()
      for (let run = 0; run < 16; run++) {
        const course: Array<string> = []
        const fiber = (steps: typeof program[number], id: number) =>
          Effect.forEach(steps, (step, at) =>
            Effect.andThen(
              step._tag === "Work"
                ? work(step.name)
                : step._tag === "Sleep"
                ? Effect.sleep(step.millis)
                : Effect.yieldNow,
              Effect.map(Clock.currentTimeMillis, (now) => course.push(`${now} ${id}.${at} ${JSON.stringify(step)}`))
            ), { discard: true })
        yield* VirtualClock.play(Effect.forEach(program, fiber, { concurrency: "unbounded", discard: true }))
        runs.add(course.join("\n"))
      }
      assert.strictEqual(runs.size, 1, [...runs].slice(0, 2).join("\n\n"))
    }),
  { arbitrary: { runs: 40 }, timeout: 60_000 }
)
