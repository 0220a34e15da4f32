/** A request whose response is read to its end. */
import { nextTick } from "node:process"
import { joinDeadline, startTimeout } from "@switchgear/core/runtime"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import { Bytes } from "../../chatClient/bytes.ts"
import { isUnpacking } from "../../chatClient/transportFailure.ts"
import * as WholeBody from "../../chatClient/wholeBody.ts"
import { isGood, type Late, type Lost, type Received, type Until } from "../../chatClient/transport.ts"
import { maxErrorBytes, maxReplyBytes } from "../../chatReply/limits.ts"
import { Handler } from "./handler.ts"
import type * as Turns from "./turns.ts"
import { utf8 } from "./utf8.ts"

type AnyFiber = Fiber.Fiber<unknown, unknown>
type Resume = (exit: Exit.Exit<Received, Lost | Late>) => void
type Joined = ReturnType<typeof joinDeadline>

export const exchange = (
  send: (handler: Handler) => void,
  until: Until,
  fiber: AnyFiber,
  tellFailure: Turns.Tell
): Effect.Effect<Received, Lost | Late> =>
  Effect.callback((resume) => {
    const exchange = new Exchange(fiber, until, resume, tellFailure)
    send(exchange)
    return exchange.interruption
  })

class Exchange extends Handler {
  private readonly bytes = new Bytes()
  private limit = maxReplyBytes
  private readonly whenDone: Resume
  /** Undefined where the deadline comes before. */
  private readonly timeout: ReturnType<typeof startTimeout> | undefined
  private readonly deadline: Joined
  private readonly quiet: number
  private watch: WholeBody.Watch | undefined
  /** The deadline of the fiber has come. */
  private isLate = false

  constructor(fiber: AnyFiber, { due, millis }: Until, whenDone: Resume, tellFailure: Turns.Tell) {
    super(fiber, tellFailure)
    this.whenDone = whenDone
    this.quiet = WholeBody.quietOf(millis)
    this.deadline = joinDeadline(fiber, () => {
      this.isLate = true
      this.quit()
      // Told before it leaves: what is further out must find the deadline dealt with when its own turn comes.
      whenDone(Exit.interrupt(fiber.id))
      this.deadline.cancel(fiber)
    })
    const clock = fiber.getRef(Clock.Clock)
    this.timeout = this.deadline.comesBefore(due, clock)
      ? undefined
      : startTimeout(fiber, clock, millis, due, () => this.tell(tooLate))
  }

  get interruption(): Effect.Effect<void> {
    return Effect.sync(() => {
      if (!this.isLate) this.finish()
    })
  }

  protected begun(): void {
    if (!isGood(this.status)) this.limit = maxErrorBytes
  }

  take(bytes: Uint8Array): void {
    this.bytes.take(bytes)
    if (this.bytes.size > this.limit) return this.end()
    if (this.watch !== undefined) this.watch.heard()
    // Nearly every body ends in the same step, and surely one that has its length.
    else if (this.bytes.count === 1 && isGood(this.status) && !this.hasLength()) queueMicrotask(() => this.watchEnd())
  }

  private hasLength(): boolean {
    return Number(this.headers["content-length"] ?? NaN) === this.bytes.size
  }

  private watchEnd(): void {
    if (this.isOver) return
    this.watch = WholeBody.watch(this.fiber, this.quiet, () => utf8(this.bytes), () => this.end())
    this.watch.heard()
  }

  end(): void {
    this.received(utf8(this.bytes))
  }

  broke(cause: unknown): void {
    if (this.status === 0) return this.tell(Exit.fail({ _tag: "Lost", status: undefined, cause }))
    // The status says what happened even if its explanation broke off.
    if (!isGood(this.status)) return this.end()
    // An answer says itself that it is whole, however its connection ends, and whatever length it told.
    const text = utf8(this.bytes)
    if (!isUnpacking(cause) && WholeBody.isWhole(text)) return this.received(text)
    this.tell(Exit.fail({ _tag: "Lost", status: this.status, cause }))
  }

  private received(text: string): void {
    const { bytes, headers, limit, status } = this
    this.tell(Exit.succeed({ status, headers, text, isWhole: !isGood(status) || bytes.size <= limit }))
  }

  private tell(exit: Exit.Exit<Received, Lost | Late>): void {
    if (this.isOver) return
    if (this.status === 0 || isGood(this.status)) {
      this.finish()
      // Cheaper than a microtask of Node, which is made an asynchronous resource of its own.
      nextTick(this.whenDone, exit)
    } else {
      this.quit()
      // Its turn may be far off, and the deadline may come before.
      this.tellFailure(() => {
        if (this.isLate) return
        this.deadline.cancel(this.fiber)
        this.whenDone(exit)
      })
    }
  }

  private finish(): void {
    this.quit()
    this.deadline.cancel(this.fiber)
  }

  private quit(): void {
    this.leave()
    this.timeout?.cancel(this.fiber)
    this.watch?.stop()
  }
}

const tooLate: Exit.Exit<never, Late> = Exit.fail({ _tag: "Late" })
