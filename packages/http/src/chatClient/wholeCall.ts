/** One call whose response is read as a whole: with one key after another, while the provider refuses them. */
import { Handler, monotonicMillis } from "@switchgear/core/runtime"
import * as Cause from "effect/Cause"
import type * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import * as Result from "effect/Result"
import type * as ChatError from "../ChatError.ts"
import type { Decode, ExchangeWith } from "./exchanged.ts"
import * as KeyRing from "./keyRing.ts"
import type { PreparedRequest } from "./preparedRequest.ts"
import { isGood, type Late, type Lost, type Received, type Until } from "./transport.ts"

type AnyFiber = Fiber.Fiber<any, any>

/** What all calls of a client share. */
export interface Parts {
  readonly ring: KeyRing.KeyRing
  /** The error of a response that was not got. */
  readonly notGot: (call: PreparedRequest, lost: Lost | Late) => ChatError.ChatError
  /** What a response says. */
  readonly decoded: <A>(
    call: PreparedRequest,
    response: Received,
    clock: Clock.Clock,
    decode: Decode<A>
  ) => Result.Result<A, ChatError.ChatError>
  /** Fails with the error of work that began at the given time. */
  readonly lost: (
    error: ChatError.ChatError,
    begun: number,
    clock: Clock.Clock
  ) => Effect.Effect<never, ChatError.ChatError>
}

/** What is called. Times are monotonic milliseconds of the clock. */
interface Asked<A> {
  readonly call: PreparedRequest
  readonly clock: Clock.Clock
  readonly begun: number
  readonly until: Until
  readonly exchange: ExchangeWith
  readonly decode: Decode<A>
}

export class WholeCall<A> extends Handler {
  private readonly parts: Parts
  private readonly asked: Asked<A>
  private tried: ReadonlyArray<KeyRing.Lease> = none
  private lease: KeyRing.Lease | undefined

  constructor(parts: Parts, asked: Asked<A>, fiber: AnyFiber) {
    super(fiber)
    this.parts = parts
    this.asked = asked
  }

  /** Asks with the first key, as what the fiber evaluates next. */
  askFirst(fiber: AnyFiber): Effect.Effect<A, ChatError.ChatError> {
    return this.askAt(this.asked.begun, undefined, fiber)
  }

  succeeded(response: Received, fiber: AnyFiber): Effect.Effect<A, ChatError.ChatError> {
    const { asked: { begun, call, clock, decode }, parts } = this
    const reply = parts.decoded(call, response, clock, decode)
    if (Result.isSuccess(reply)) return Effect.succeed(reply.success)
    // A key that is refused in an answer is not followed by the next one: the request was worked on.
    if (!isGood(response.status)) return this.refused(reply.failure, fiber)
    KeyRing.note(parts.ring, this.lease!, reply.failure, monotonicMillis(clock))
    return parts.lost(reply.failure, begun, clock)
  }

  failed(cause: Cause.Cause<Lost | Late>, fiber: AnyFiber): Effect.Effect<A, ChatError.ChatError> {
    const lost = Cause.findError(cause)
    return Result.isFailure(lost)
      ? Effect.failCause(lost.failure)
      : this.refused(this.parts.notGot(this.asked.call, lost.success), fiber)
  }

  /** The call has failed: with another key, where this one was refused. */
  private refused(error: ChatError.ChatError, fiber: AnyFiber): Effect.Effect<A, ChatError.ChatError> {
    const { asked: { begun, clock }, parts } = this
    if (!KeyRing.isRefusal(error)) return parts.lost(error, begun, clock)
    const now = monotonicMillis(clock)
    parts.ring.refuse(this.lease!, error, now)
    this.tried = [...this.tried, this.lease!]
    return this.askAt(now, error, fiber)
  }

  private askAt(
    now: number,
    last: ChatError.ChatError | undefined,
    fiber: AnyFiber
  ): Effect.Effect<A, ChatError.ChatError> {
    const { asked: { begun, call, clock, exchange, until }, parts, tried } = this
    const lease = KeyRing.keyAfter(parts.ring, call.model, now, tried, last)
    if ("_tag" in lease) return parts.lost(lease, begun, clock)
    this.lease = lease
    const sent = exchange(lease.key.secret, until, call, fiber)
    this.enter(fiber)
    return sent as Effect.Effect<any, any>
  }
}

const none: ReadonlyArray<KeyRing.Lease> = []
