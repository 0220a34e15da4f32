/** A request whose response is read to its end. */
import { joinDeadline, startTimeout, startTimer } from "@switchgear/core/runtime"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import { isWholeJson, saysItFits } from "../../chatClient/readBody.ts"
import { CurrentHeadersListener } from "../../chatClient/responseHeaders.ts"
import {
  explanationMillis,
  isGood,
  type Late,
  type Lost,
  type Received,
  type Until
} from "../../chatClient/transport.ts"
import { maxErrorBytes, maxReplyBytes } from "../../chatReply/limits.ts"
import { Bytes } from "./bytes.ts"
import { Handler } from "./handler.ts"

type AnyFiber = Fiber.Fiber<unknown, unknown>
type Resume = (exit: Exit.Exit<Received, Lost | Late>) => void
type Joined = ReturnType<typeof joinDeadline>

export const exchange = (
  send: (handler: Handler) => void,
  until: Until,
  fiber: AnyFiber
): Effect.Effect<Received, Lost | Late> =>
  Effect.callback((resume) => {
    const exchange = new Exchange(fiber, until, resume)
    send(exchange)
    return exchange.interruption
  })

class Exchange extends Handler {
  private readonly bytes = new Bytes()
  private limit = maxReplyBytes
  private readonly fiber: AnyFiber
  private readonly whenDone: Resume
  private readonly timeout: ReturnType<typeof startTimeout>
  private readonly deadline: Joined
  private stopExplanation: (() => void) | undefined
  /** The deadline of the fiber has come. */
  private isLate = false

  constructor(fiber: AnyFiber, { due, millis }: Until, whenDone: Resume) {
    super()
    this.fiber = fiber
    this.whenDone = whenDone
    this.timeout = startTimeout(fiber, fiber.getRef(Clock.Clock), millis, due, () => this.tell(tooLate))
    this.deadline = joinDeadline(fiber, () => {
      this.isLate = true
      this.quit()
      // Told before it leaves: what is further out must find the deadline dealt with when its own turn comes.
      whenDone(Exit.interrupt(fiber.id))
      this.deadline.cancel(fiber)
    })
  }

  get interruption(): Effect.Effect<void> {
    return Effect.sync(() => {
      if (!this.isLate) this.finish()
    })
  }

  protected begun(): void {
    const { fiber, headers } = this
    fiber.getRef(CurrentHeadersListener)?.(headers, fiber)
    if (isGood(this.status)) return
    this.limit = maxErrorBytes
    this.stopExplanation = startTimer(
      fiber.getRef(Clock.Clock),
      fiber.cache.scheduler,
      explanationMillis,
      () => this.end()
    )
  }

  take(bytes: Uint8Array): void {
    this.bytes.take(bytes)
    if (this.bytes.size > this.limit) this.end()
  }

  end(): void {
    this.received(this.bytes.text)
  }

  broke(cause: unknown): void {
    if (this.status === 0) return this.tell(Exit.fail({ _tag: "Lost", status: undefined, cause }))
    // The status says what happened even if its explanation broke off.
    if (!isGood(this.status)) return this.end()
    if (!saysItFits(this.headers, this.limit)) {
      const { text } = this.bytes
      // Where no length is told, an answer ends with its connection, however that ends: JSON says itself that it is whole.
      if (isWholeJson(text)) return this.received(text)
    }
    this.tell(Exit.fail({ _tag: "Lost", status: this.status, cause }))
  }

  private received(text: string): void {
    const { bytes, headers, limit, status } = this
    this.tell(Exit.succeed({ status, headers, text, isWhole: !isGood(status) || bytes.size <= limit }))
  }

  private tell(exit: Exit.Exit<Received, Lost | Late>): void {
    if (this.isOver) return
    this.finish()
    queueMicrotask(() => this.whenDone(exit))
  }

  private finish(): void {
    this.quit()
    this.deadline.cancel(this.fiber)
  }

  private quit(): void {
    this.leave()
    this.timeout.cancel(this.fiber)
    this.stopExplanation?.()
  }
}

const tooLate: Exit.Exit<never, Late> = Exit.fail({ _tag: "Late" })
