/** The pieces of a body that goes straight to its reader, who may leave a wait and read on at any moment. */
import { assert, it } from "@effect/vitest"
import { Cause, Effect, type Exit, Fiber, Schema, type Scope } from "effect"
import { vi } from "vitest"

type Pull = Effect.Effect<ReadonlyArray<Uint8Array>, unknown>
type Listen = (hearing: {
  readonly pieces: (pieces: ReadonlyArray<Uint8Array>) => Effect.Effect<void> | undefined
  readonly stopped: (error: unknown) => Effect.Effect<void>
}) => Effect.Effect<void>
interface Handler {
  readonly onRequestStart: (controller: object) => void
  readonly onResponseStart: (controller: object, status: number, headers: object) => void
  readonly onResponseData: (controller: object, bytes: Uint8Array) => void
  readonly onResponseEnd: () => void
}
const { open } = await vi.importActual<{
  readonly open: (
    send: (handler: Handler) => void,
    waits: object,
    fiber: Fiber.Fiber<any, any>,
    tellFailure: (told: () => void) => void
  ) => Effect.Effect<{ readonly pieces: Pull; readonly listen: Listen }, unknown, Scope.Scope>
}>("../src/nodeTransport/direct/open.ts")

const runs = Number(process.env.SWITCHGEAR_RUNS ?? 300)

/** `turn` lets the microtasks run that are due. */
const Steps = Schema.Array(Schema.Literals(["arrive", "arrive", "pull", "pull", "pull", "leave", "leave", "turn"]))
  .check(Schema.isMinLength(40), Schema.isMaxLength(60))

const waits = { begin: () => undefined, goOn: () => undefined, end: () => {}, stop: () => {} }
const controller = { pause: () => {}, resume: () => {}, abort: () => {} }
const turn = Effect.promise(async () => {
  for (let i = 0; i < 10; i++) await Promise.resolve()
})

it.live.prop("a reader that leaves waits and reads on gets each piece once, in their order, and the end", {
  steps: Steps
}, ({ steps }) =>
  Effect.gen(function*() {
    let handler!: Handler
    const opening = yield* Effect.forkChild(Effect.withFiber((fiber) =>
      open(
        (sent) => {
          handler = sent
          sent.onRequestStart(controller)
          sent.onResponseStart(controller, 200, {})
        },
        waits,
        fiber,
        queueMicrotask
      )
    ))
    const { pieces } = yield* Fiber.join(opening)
    const got: Array<number> = []
    let sent = 0
    let reader: Fiber.Fiber<ReadonlyArray<Uint8Array>, unknown> | undefined
    const isWaiting = () => reader !== undefined && reader.pollUnsafe() === undefined
    const pull = () => {
      if (isWaiting()) return
      reader = Effect.runFork(pieces)
      reader.addObserver((exit: Exit.Exit<ReadonlyArray<Uint8Array>, unknown>) => {
        if (exit._tag === "Success") got.push(...exit.value.flatMap((piece) => [...piece]))
      })
    }
    for (const step of steps) {
      if (step === "arrive") handler.onResponseData(controller, new Uint8Array([sent++]))
      else if (step === "pull") pull()
      else if (step === "leave") reader?.interruptUnsafe()
      else yield* turn
    }
    handler.onResponseEnd()
    yield* turn
    for (let i = 0; i < 3; i++) {
      pull()
      yield* turn
    }
    assert.deepStrictEqual(got, Array.from({ length: sent }, (_, i) => i))
    const last = reader!.pollUnsafe()
    assert.isTrue(
      last?._tag === "Failure" &&
        last.cause.reasons.some((reason) => Cause.isFailReason(reason) && Cause.isDone(reason.error))
    )
  }).pipe(Effect.scoped), { arbitrary: { runs } })

it.live.prop(
  "a listener that is left, or has enough, and listens on hears each piece once, in their order, and the end",
  {
    steps: Schema.Array(
      Schema.Literals(["arrive", "arrive", "arrive", "listen", "listen", "leave", "enough", "turn", "pull"])
    )
      .check(Schema.isMinLength(40), Schema.isMaxLength(60))
  },
  ({ steps }) =>
    Effect.gen(function*() {
      let handler!: Handler
      const opened = yield* Fiber.join(
        yield* Effect.forkChild(Effect.withFiber((fiber) =>
          open(
            (sent) => {
              handler = sent
              sent.onRequestStart(controller)
              sent.onResponseStart(controller, 200, {})
            },
            waits,
            fiber,
            queueMicrotask
          )
        ))
      )
      const got: Array<number> = []
      const ends: Array<unknown> = []
      let sent = 0
      let hasEnough = false
      let reader: Fiber.Fiber<unknown, unknown> | undefined
      const isFree = () => reader === undefined || reader.pollUnsafe() !== undefined
      const go = () => {
        if (!isFree()) return
        reader = Effect.runFork(opened.listen({
          pieces: (pieces) => {
            got.push(...pieces.flatMap((piece) => [...piece]))
            return hasEnough ? Effect.void : undefined
          },
          stopped: (error) => Effect.sync(() => ends.push(error))
        }))
      }
      for (const step of steps) {
        if (step === "arrive") handler.onResponseData(controller, new Uint8Array([sent++]))
        else if (step === "listen") go()
        else if (step === "leave") reader?.interruptUnsafe()
        else if (step === "enough") hasEnough = !hasEnough
        else if (step === "turn") yield* turn
        else if (isFree()) {
          // What was not heard can be pulled.
          const pulled = reader = Effect.runFork(opened.pieces)
          pulled.addObserver((exit) => {
            if (exit._tag === "Success") got.push(...exit.value.flatMap((piece) => [...piece]))
          })
        }
      }
      yield* turn
      handler.onResponseEnd()
      yield* turn
      hasEnough = false
      for (let i = 0; i < 3 && ends.length === 0; i++) {
        go()
        yield* turn
      }
      assert.deepStrictEqual(got, Array.from({ length: sent }, (_, i) => i))
      assert.isTrue(ends.length > 0 && ends.every(Cause.isDone))
    }).pipe(Effect.scoped),
  { arbitrary: { runs } }
)
