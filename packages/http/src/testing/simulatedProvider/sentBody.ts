/**
 * The body of a response in memory. The provider sends it whether it is read or not, as over a connection: pieces that
 * nobody has read wait for their reader, and when there are too many of them, the provider waits.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import * as Metric from "effect/Metric"
import * as Queue from "effect/Queue"
import * as Stream from "effect/Stream"
import type { Call, Wire } from "./wire.ts"

type Answer = Extract<Wire, { _tag: "Answer" }>

/** About as much as the buffers between two sockets hold. */
const mostUnread = 512

/** Starts to send. The call ends with the last piece, or when its client leaves before. */
export const sentBody = (wire: Answer, call: Call, client: Fiber.Fiber<any, any>): Effect.Effect<
  Stream.Stream<Uint8Array, Error>
> =>
  Effect.map(Queue.bounded<Uint8Array, Error | Cause.Done>(mostUnread), (unread) => {
    // The provider's own fiber, which is none of the program.
    const run = Effect.runForkWith(client.context)
    const sender = run(Effect.provideService(sending(wire, call, unread), Metric.FiberRuntimeMetrics, undefined))
    call.whenClientLeaves(() => {
      Queue.shutdownUnsafe(unread)
      // What never ends keeps its slot, and needs no fiber for it.
      if (call.goesOn && wire.end !== "silent") return
      if (!call.goesOn) call.end("aborted")
      sender.interruptUnsafe()
    })
    return Stream.fromQueue(unread).pipe(
      // One piece at a time, as it is read from a connection.
      Stream.rechunk(1),
      Stream.onExit(() => Effect.sync(() => call.clientLeaves()))
    )
  })

const sending = Effect.fnUntraced(function*(
  { end, pieces }: Answer,
  call: Call,
  unread: Queue.Queue<Uint8Array, Error | Cause.Done>
) {
  for (const { bytes, pause } of pieces) {
    if (pause > 0) yield* call.work(pause)
    if (!call.clientLeft) yield* Queue.offer(unread, bytes)
  }
  if (end === "silent") return
  call.end(call.clientLeft ? "aborted" : end === "cut" ? "cut" : "answered")
  yield* end === "cut" ? Queue.fail(unread, closed()) : Queue.end(unread)
})

/** The failure of a connection that is closed, as undici shows it. */
export const closed = (): Error => Object.assign(new Error("other side closed"), { code: "UND_ERR_SOCKET" })
