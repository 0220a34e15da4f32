/** Virtual time that stands still for long is told, and ends what waits for it. */
import { assert, describe, it } from "@effect/vitest"
import { VirtualClock } from "@switchgear/core/testing"
import { Cause, Clock, Deferred, Effect, Exit, Fiber, Layer, Logger, Random } from "effect"
import { TestClock } from "effect/testing"
import { execFile } from "node:child_process"
import { createSocket } from "node:dgram"
import { mkdtempSync, watch, writeFileSync } from "node:fs"
import { createServer, get, type Server } from "node:http"
import { type AddressInfo, connect, createServer as createRawServer, type Socket } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { connect as connectTls } from "node:tls"
import { Worker } from "node:worker_threads"

const stuckAfter = "40 millis"

const dieMessage = (exit: Exit.Exit<unknown, unknown>): string =>
  Exit.isFailure(exit) ? String(exit.cause.reasons.find(Cause.isDieReason)?.defect) : ""

/** The warnings that are logged meanwhile. */
const warnings = () => {
  const all: Array<string> = []
  return { all, layer: Logger.layer([Logger.make(({ message }) => void all.push(String(message)))]) }
}

const spin = Effect.forever(Effect.yieldNow)

const hangs: ReadonlyArray<{
  readonly name: string
  readonly effect: Effect.Effect<unknown>
  readonly told: ReadonlyArray<RegExp>
}> = [
  {
    name: "a loop that yields beside a fiber that sleeps",
    effect: Effect.race(Effect.sleep("1 second"), Effect.withSpan(spin, "poll")),
    told: [/Ran last: fiber #\d+ in span "poll"/, /Asleep: fiber #\d+ until 1000 ms/, /must sleep instead/]
  },
  {
    name: "a runtime of its own that sleeps",
    effect: Effect.promise(() => Effect.runPromise(Effect.sleep("2 seconds"))),
    told: [/Waits: fiber #\d+/, /is not waited for: setTimeout of 2000 ms, begun at .*stuck\.test\.ts/]
  },
  {
    name: "an effect that never ends",
    effect: Effect.withSpan(Effect.never, "call"),
    told: [/Waits: fiber #\d+ in span "call"/]
  },
  { name: "a sleep without an end", effect: Effect.sleep("Infinity"), told: [/until Infinity ms/] },
  {
    name: "a sleep under hold",
    effect: VirtualClock.hold(Effect.sleep("1 second")),
    told: [/Has not ended: VirtualClock\.hold, begun at .*stuck\.test\.ts/, /must not sleep in virtual time/]
  },
  {
    name: "a call that cannot be interrupted",
    effect: Effect.uninterruptible(Effect.never),
    told: [/time stands still/]
  }
]

describe("play", () => {
  it.live.each(hangs)("ends with what waits: $name", ({ effect, told }) =>
    Effect.gen(function*() {
      const { all, layer } = warnings()
      const message = dieMessage(
        yield* Effect.exit(VirtualClock.play(effect, { stuckAfter })).pipe(Effect.provide(layer))
      )
      for (const one of told) assert.match(message, one)
      assert.match(message, /VirtualClock\.play: time stands still for \d+ms of real time, at 0 ms/)
      assert.match(all[0] ?? "", /VirtualClock\.play: time stands still/)
    }))

  it.live("gives the finalizers of what it ends their time", () =>
    Effect.gen(function*() {
      let releasedAt = -1
      const release = Effect.map(Effect.delay(Clock.currentTimeMillis, "1 hour"), (now) => {
        releasedAt = now
      })
      yield* Effect.exit(VirtualClock.play(Effect.ensuring(Effect.never, release), { stuckAfter }))
      assert.strictEqual(releasedAt, 3_600_000)
    }))

  it.live("waits as long as it takes with stuckAfter Infinity", () =>
    Effect.gen(function*() {
      const gate = yield* Deferred.make<string>()
      const fiber = yield* Effect.forkChild(VirtualClock.play(Deferred.await(gate), { stuckAfter: "Infinity" }))
      yield* Effect.sleep("60 millis")
      yield* Deferred.succeed(gate, "came")
      assert.strictEqual(yield* Fiber.join(fiber), "came")
    }))

  it.live("warns of a fiber that outlives it and sleeps", () =>
    Effect.gen(function*() {
      const { all, layer } = warnings()
      yield* Effect.gen(function*() {
        const detached = Effect.forkDetach(Effect.ensuring(Effect.never, Effect.sleep("1 second")))
        const fiber = yield* VirtualClock.play(Effect.tap(detached, Effect.sleep(1)), { stuckAfter })
        yield* Effect.forkDetach(Fiber.interrupt(fiber))
        while (all.length === 0) yield* Effect.sleep("1 millis")
      }).pipe(Effect.provide(layer))
      assert.match(all[0] ?? "", /The effect has ended, and its time stands still/)
    }))

  it.effect("ends a loop of sleeps too short for the reading of its time", () =>
    Effect.gen(function*() {
      const loop = Effect.forever(Effect.sleep("100 nanos"))
      const race = Effect.race(Effect.as(Effect.sleep("1 millis"), "slept"), loop)
      assert.strictEqual(yield* VirtualClock.play(race, { start: "2026-11-28" }), "slept")
    }))
})

describe("layer", () => {
  it.live("warns of a fiber that sleeps while nobody moves the clock, as Effect's test clock does", () =>
    Effect.gen(function*() {
      const { all, layer } = warnings()
      yield* Effect.gen(function*() {
        yield* Effect.forkChild(Effect.sleep("1 minute"), { startImmediately: true })
        while (all.length === 0) yield* TestClock.withLive(Effect.sleep("1 millis"))
      }).pipe(Effect.provide(Layer.provideMerge(VirtualClock.layer({ stuckAfter }), layer)))
      assert.strictEqual(all.length, 1)
      assert.match(all[0]!, /VirtualClock\.layer: a fiber sleeps, and nobody moves the clock.*until 60000 ms.*adjust/s)
    }))

  it.live("does not warn of a clock that is moved", () =>
    Effect.gen(function*() {
      const { all, layer } = warnings()
      yield* Effect.gen(function*() {
        const fiber = yield* Effect.forkChild(Effect.sleep("1 minute"), { startImmediately: true })
        yield* TestClock.adjust("1 minute")
        yield* Fiber.join(fiber)
        yield* TestClock.withLive(Effect.sleep("30 millis"))
      }).pipe(Effect.provide(Layer.provideMerge(VirtualClock.layer({ stuckAfter }), layer)))
      assert.deepStrictEqual(all, [])
    }))

  it.live("ends a move beside a loop that yields", () =>
    Effect.gen(function*() {
      const { layer } = warnings()
      const exit = yield* Effect.gen(function*() {
        yield* Effect.forkChild(spin)
        return yield* Effect.exit(TestClock.adjust("1 second"))
      }).pipe(Effect.provide(Layer.provideMerge(VirtualClock.layer({ stuckAfter }), layer)))
      assert.match(dieMessage(exit), /VirtualClock\.layer: time stands still .*must sleep instead/s)
    }))
})

describe("time that moves for ever", () => {
  const poll = Effect.forever(Effect.sleep("1 second"))

  it.live.each<readonly [string, Effect.Effect<unknown>, RegExp]>([
    ["an effect that never ends, beside a poller", Effect.race(Effect.never, poll), /VirtualClock\.play: the effect/],
    [
      "sleeps so short that a second takes for ever",
      Effect.race(Effect.sleep("1 hour"), Effect.forever(Effect.sleep("1 nanos"))),
      /VirtualClock\.play: the effect/
    ],
    [
      "a move past such sleeps",
      Effect.gen(function*() {
        yield* Effect.forkChild(Effect.forever(Effect.sleep("1 nanos")))
        yield* TestClock.adjust("1 hour")
      }).pipe(Effect.provide(VirtualClock.layer({ stuckAfter }))),
      /VirtualClock\.layer: TestClock\.adjust/
    ]
  ])("is told: %s", ([, effect, said]) =>
    Effect.gen(function*() {
      const { all, layer } = warnings()
      const played = said.source.includes("play") ? VirtualClock.play(effect, { stuckAfter }) : effect
      yield* Effect.gen(function*() {
        const fiber = yield* Effect.forkChild(played)
        while (all.length === 0) yield* Effect.sleep("1 millis")
        yield* Fiber.interrupt(fiber)
      }).pipe(Effect.provide(layer))
      assert.match(all[0]!, said)
      assert.match(all[0]!, /has waited for \d+ms of real time, while time has moved on to/)
    }))

  it.live("is not one in which the effect goes on, alone or beside others", () =>
    Effect.gen(function*() {
      const { all, layer } = warnings()
      const until = Date.now() + 200
      const goOn = Effect.whileLoop({
        while: () => Date.now() < until,
        body: () => Effect.sleep("1 second"),
        step: () => {}
      })
      const beside = Effect.andThen(Effect.forkChild(poll), goOn)
      for (const effect of [goOn, beside]) yield* VirtualClock.play(effect, { stuckAfter }).pipe(Effect.provide(layer))
      assert.deepStrictEqual(all, [])
    }))
})

describe("a timer of real time", () => {
  const timer = (millis: number) =>
    Effect.callback<void>((resume) => {
      const started = setTimeout(() => resume(Effect.void), millis)
      return Effect.sync(() => clearTimeout(started))
    })
  const told = (effect: Effect.Effect<unknown>) => {
    const { all, layer } = warnings()
    return Effect.as(VirtualClock.play(effect).pipe(Effect.provide(layer)), all)
  }

  it.live.each<readonly [string, Effect.Effect<unknown>]>([
    ["that is late by virtual time", Effect.timeoutOption(timer(60_000), "2 minutes")],
    ["that comes after virtual time has moved", Effect.all([timer(20), Effect.sleep("1 millis")], { concurrency: 2 })]
  ])("is told, with its place, when it comes at another time: %s", ([, effect]) =>
    Effect.gen(function*() {
      const [first, ...others] = yield* told(Effect.andThen(effect, effect))
      assert.match(
        first ?? "",
        /does not wait for setTimeout of \d+ ms, begun at .*stuck\.test\.ts:\d+:\d+\. It runs in real time/
      )
      assert.deepStrictEqual(others, [])
    }))

  it.live.each<readonly [string, Effect.Effect<unknown>]>([
    ["under hold", Effect.all([VirtualClock.hold(timer(20)), Effect.sleep("1 millis")], { concurrency: 2 })],
    ["in time", Effect.timeoutOption(timer(60_000), "30 seconds")],
    ["alone", timer(20)]
  ])("is not told when time waits for it or it is cancelled: %s", ([, effect]) =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* told(effect), [])
    }))
})

describe("what goes on outside of the thread", () => {
  const asks: Readonly<Record<string, (url: string) => Promise<unknown>>> = {
    "a request over the network": (url) => fetch(url).then((response) => response.text()),
    "a request of node:http": (url) =>
      new Promise((resolve) => get(url, { agent: false }, (response) => response.resume().on("end", resolve))),
    "a worker": () =>
      new Promise((resolve) =>
        new Worker("require('node:worker_threads').parentPort.postMessage(1)", { eval: true }).once("exit", resolve)
      ),
    "a child process": () => new Promise((resolve) => execFile(process.execPath, ["--version"], resolve)),
    "a connection over TCP": (url) => talk(connect(Number(new URL(url).port), "127.0.0.1")),
    "a connection over TLS": (url) =>
      new Promise((resolve) => connectTls(Number(new URL(url).port), "127.0.0.1").on("error", resolve)),
    "a connection over a local socket": () =>
      new Promise<void>((resolve) => {
        const path = join(mkdtempSync(join(tmpdir(), "socket-")), "s")
        const server = createRawServer((socket) => socket.resume().end("hello")).listen(path, () =>
          talk(connect(path)).then(() => server.close(() => resolve())))
      }),
    "a UDP socket": () =>
      new Promise<void>((resolve) => {
        const socket = createSocket("udp4", () => socket.close(() => resolve()))
        const send = () => socket.send("hello", socket.address().port, "127.0.0.1")
        socket.bind(0, "127.0.0.1", () => setTimeout(send, 20))
      }),
    "fs.watch": () =>
      new Promise<void>((resolve) => {
        const folder = mkdtempSync(join(tmpdir(), "watched-"))
        const watcher = watch(folder, () => {
          watcher.close()
          resolve()
        })
        setTimeout(() => writeFileSync(join(folder, "file"), ""), 20)
      }),
    "Atomics.waitAsync": () => {
      const wait = Atomics.waitAsync(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 20)
      return wait.async ? wait.value : Promise.resolve()
    }
  }

  const talk = (socket: Socket) =>
    new Promise<void>((resolve) =>
      socket.on("connect", () => socket.end("GET / HTTP/1.0\r\n\r\n")).on("error", () => {}).resume().once(
        "close",
        () => resolve()
      )
    )

  const served = <A>(use: (url: string) => Effect.Effect<A>) =>
    Effect.acquireUseRelease(
      Effect.promise(() =>
        new Promise<Server>((resolve) => {
          const server: Server = createServer((_, response) => response.end("hello"))
          server.listen(0, "127.0.0.1", () => resolve(server))
        })
      ),
      (server) => use(`http://127.0.0.1:${(server.address() as AddressInfo).port}`),
      (server) =>
        Effect.promise(() => {
          server.closeAllConnections()
          return new Promise<void>((resolve) => server.close(() => resolve()))
        })
    )

  it.live.each(Object.keys(asks))(
    "is told, once, when virtual time does not wait for it: %s",
    (name) =>
      served((url) =>
        Effect.gen(function*() {
          let ended: Promise<unknown> = Promise.resolve()
          const ask = Effect.promise(() => ended = asks[name]!(url))
          const { all, layer } = warnings()
          const played = (effect: Effect.Effect<unknown>) => VirtualClock.play(effect).pipe(Effect.provide(layer))
          yield* played(Effect.timeoutOption(VirtualClock.hold(ask), "1 second"))
          assert.deepStrictEqual(all, [])
          // It comes while a fiber sleeps again and again; on a busy machine also before that has slept.
          const beside = Effect.forever(Effect.andThen(Effect.sleep("1 second"), Effect.yieldNow))
          const told = () => all.filter((line) => !line.includes("setTimeout of"))
          for (let run = 0; run < 20 && told().length === 0; run++) {
            yield* played(Effect.raceFirst(ask, beside))
            yield* Effect.promise(() => ended)
          }
          const [line, ...others] = told()
          assert.deepStrictEqual(others, [])
          assert.include(line, `does not wait for ${name}`)
          assert.include(line, "runs in real time")
          // Node begins a request in a turn of its own.
          if (!name.includes("request")) assert.match(line!, /begun at .*stuck\.test\.ts:\d+/)
        })
      )
  )

  it.live("is told as soon as time moves past an answer that the program waits for", () =>
    served((url) =>
      Effect.gen(function*() {
        const { all, layer } = warnings()
        const ask = Effect.promise(() => asks["a connection over TCP"]!(url))
        yield* VirtualClock.play(Effect.timeoutOption(ask, "1 second")).pipe(Effect.provide(layer))
        assert.strictEqual(all.length, 1)
        assert.include(all[0], "a connection over TCP, begun at ")
      })
    ))

  it.live("is not told of a connection that is used under hold again and again, nor of its end", () =>
    Effect.gen(function*() {
      const { all, layer } = warnings()
      const server = createRawServer((socket) => socket.on("data", (data) => socket.write(data)))
      yield* Effect.promise(() => new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve)))
      const program = Effect.gen(function*() {
        const socket = connect((server.address() as AddressInfo).port, "127.0.0.1")
        const echo = Effect.promise(() =>
          new Promise((resolve) => {
            socket.once("data", resolve)
            socket.write("hello")
          })
        )
        for (let time = 0; time < 3; time++) {
          yield* VirtualClock.hold(echo)
          yield* Effect.sleep("1 hour")
        }
        const ended = new Promise<void>((resolve) => socket.once("close", () => resolve()))
        server.close()
        socket.end()
        yield* Effect.sleep("1 hour")
        yield* Effect.promise(() => ended)
      })
      yield* VirtualClock.play(program).pipe(Effect.provide(layer))
      assert.deepStrictEqual(all, [])
    }))

  it.live("is not told of what the process prints", () =>
    Effect.gen(function*() {
      // The output of a process is opened when it prints for the first time, here in the program.
      const program = `
        import { VirtualClock } from "@switchgear/core/testing"
        import { Effect } from "effect"
        const print = Effect.sync(() => console.log("printed"))
        await Effect.runPromise(VirtualClock.play(Effect.repeat(Effect.andThen(print, Effect.sleep(1000)), { times: 9 })))
      `
      const args = ["--input-type", "module", "--eval", program]
      const printed = yield* Effect.promise(() =>
        new Promise<string>((resolve) =>
          execFile(process.execPath, args, { cwd: import.meta.dirname }, (_, out, err) => resolve(out + err))
        )
      )
      assert.strictEqual(printed, "printed\n".repeat(10))
    }))

  it.effect("is an error with its place with promises \"none\": a connection over TCP", () =>
    served((url) =>
      Effect.gen(function*() {
        const ask = Effect.promise(() => asks["a connection over TCP"]!(url))
        const beside = Effect.forever(Effect.sleep("1 second"))
        const message = dieMessage(
          yield* Effect.exit(VirtualClock.play(Effect.raceFirst(ask, beside), { promises: "none" }))
        )
        assert.match(message, /with promises "none", .*begun at .*stuck\.test\.ts:\d+/)
      })
    ))
})

describe("the option trap", () => {
  const trap = ["Math.random", "Date.now", "setTimeout", "Clock"] as const
  const played = (effect: Effect.Effect<unknown>) => Effect.exit(VirtualClock.play(effect, { trap }))

  it.effect.each<readonly [string, Effect.Effect<unknown>]>([
    ["Math.random", Effect.sync(() => Math.random())],
    ["new Date()", Effect.sync(() => new Date())],
    ["setTimeout", Effect.sync(() => clearTimeout(setTimeout(() => {})))],
    ["Clock", Effect.promise(() => Effect.runPromise(Clock.currentTimeMillis))]
  ])("says what was called and where: %s", ([name, effect]) =>
    Effect.gen(function*() {
      const message = dieMessage(yield* played(Effect.andThen(Effect.sleep("1 second"), effect)))
      assert.include(
        message,
        `VirtualClock.play: the effect is not of its seed and its clock alone: it called ${name} at `
      )
    }))

  it.effect("leaves an effect alone that is of its seed and its clock", () =>
    Effect.gen(function*() {
      const tame = Effect.andThen(Effect.sleep("1 second"), Effect.all([Clock.currentTimeMillis, Random.nextBoolean]))
      assert.strictEqual((yield* played(tame))._tag, "Success")
      assert.include(
        dieMessage(yield* Effect.exit(VirtualClock.play(tame, { trap: ["Maths"] as never }))),
        "VirtualClock.play: trap[0] must be one of Math.random"
      )
    }))
})

describe("the watch over a clock", () => {
  it.live("makes no fiber, so that real time changes no number of a fiber", () =>
    Effect.gen(function*() {
      const newest = Effect.map(Effect.forkChild(Effect.void), (fiber) => fiber.id)
      const fibersOver = (millis: number) =>
        Effect.gen(function*() {
          const before = yield* newest
          const real = Effect.promise(() => new Promise((resolve) => setTimeout(resolve, millis)))
          // It is looked at every 400 ms, and a warning, which is a fiber, comes at the fourth look.
          yield* VirtualClock.play(Effect.andThen(real, Effect.sleep(1)), { stuckAfter: "16 seconds" })
          return (yield* newest) - before
        })
      assert.strictEqual(yield* fibersOver(450), yield* fibersOver(5))
    }))
})
