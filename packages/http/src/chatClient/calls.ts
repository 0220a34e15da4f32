/**
 * The calls to one provider, whatever is asked for in them: each sends a prepared request with the keys it needs, and hands
 * on what comes back.
 */
import { monotonicMillis, withoutStack } from "@switchgear/core/runtime"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import * as Result from "effect/Result"
import type * as Scope from "effect/Scope"
import * as ChatError from "../ChatError.ts"
import type { Asked } from "../chatReply/asked.ts"
import { maxReplyBytes } from "../chatReply/limits.ts"
import * as Source from "../chatStream/source.ts"
import { afterLongWork } from "./afterLongWork.ts"
import type { Decode, Decoding, ExchangeWith, Secret } from "./exchanged.ts"
import * as KeyRing from "./keyRing.ts"
import type { PreparedRequest } from "./preparedRequest.ts"
import type * as Settings from "./settings.ts"
import * as StreamTimeouts from "./streamTimeouts.ts"
import { type Head, isGood, type Late, type Lost, type Opened, type Received, type Until } from "./transport.ts"
import * as TransportFailure from "./transportFailure.ts"
import { type Parts, WholeCall } from "./wholeCall.ts"

type AnyFiber = Fiber.Fiber<unknown, unknown>

/** What is known of a response besides its body. */
export type HeadOf = Omit<ChatError.FailedResponse, "body">

/** What a response of a good status says piece by piece. */
export type Read<A> = (
  response: Opened,
  head: HeadOf,
  timeouts: StreamTimeouts.StreamTimeouts
) => Effect.Effect<Source.Source<A, ChatError.ChatError>>

export type Calls = ReturnType<typeof callsOf>

/** Settings are checked before. */
export const callsOf = (settings: Settings.Settings) => {
  const { dialects, host, provider } = settings
  const ring = KeyRing.make(settings.keys, {
    provider,
    parkFor: Duration.toMillis(settings.parkFor),
    maxRetryAfter: Duration.toMillis(settings.maxRetryAfter)
  })
  const timeoutMillis = Duration.toMillis(settings.timeout)

  const head = (call: PreparedRequest, { headers, status }: Head, clock: Clock.Clock): HeadOf => ({
    provider,
    model: call.model,
    status,
    headers,
    now: clock.currentTimeMillisUnsafe(),
    secrets: call.about().secrets,
    dialects
  })

  const responseOf = (call: PreparedRequest, response: Received, clock: Clock.Clock): ChatError.FailedResponse => ({
    ...head(call, response, clock),
    body: response.text
  })

  /** The error of a response that was not got, or not to its end. */
  const notGot = ({ model }: PreparedRequest, lost: Lost | Late | ChatError.ChatError): ChatError.ChatError => {
    switch (lost._tag) {
      case "Late":
        return timedOut(model, "total", settings.timeout)
      case "Lost":
        return lost.status === undefined
          ? TransportFailure.beforeResponse({ provider, model, host }, lost.cause)
          : TransportFailure.inBody({ provider, model }, lost.status, lost.cause)
      default:
        return lost
    }
  }

  /** What a response says that was read, if its status is good and it fits. */
  const decoded = <A>(
    call: PreparedRequest,
    response: Received,
    clock: Clock.Clock,
    decode: Decode<A>
  ): Result.Result<A, ChatError.ChatError> => {
    if (!isGood(response.status)) return Result.fail(ChatError.fromResponse(responseOf(call, response, clock)))
    if (response.isWhole) return decode(response.text, new DecodingOf(responseOf, call, response, clock))
    return Result.fail(
      new ChatError.MalformedReply({
        provider,
        model: call.model,
        status: response.status,
        found: `more than ${maxReplyBytes / 2 ** 20} MiB`,
        isRetryable: false
      })
    )
  }

  const timedOut = (model: string, phase: ChatError.Phase, limit: Duration.Duration) =>
    withoutStack(() => new ChatError.TimedOut({ provider, model, phase, limit }))

  // Functions of their own: what a stream keeps of its call are these three, and not its request.
  const timedOutOf = (model: string) => (phase: ChatError.Phase, limit: Duration.Duration) =>
    timedOut(model, phase, limit)

  const noting = (lease: KeyRing.Lease, begun: number, clock: Clock.Clock) => (error: ChatError.ChatError) => {
    KeyRing.note(ring, lease, error, monotonicMillis(clock))
    return lost(error, begun, clock)
  }

  /** Fails with the error of work that began at the given time. */
  const lost = (error: ChatError.ChatError, begun: number, clock: Clock.Clock) =>
    Effect.fail(afterLongWork(error, monotonicMillis(clock) - begun))

  const untilFrom = (begun: number): Until => ({ due: begun + timeoutMillis, millis: timeoutMillis })

  const parts: Parts = { ring, notGot, decoded, lost }

  /** A call whose response is read as a whole, as what the fiber evaluates next. */
  const whole = <A>(
    call: PreparedRequest,
    fiber: AnyFiber,
    exchange: ExchangeWith,
    decode: Decode<A>
  ): Effect.Effect<A, ChatError.ChatError> => {
    const clock = fiber.getRef(Clock.Clock)
    const begun = monotonicMillis(clock)
    const asked = { call, clock, begun, until: untilFrom(begun), exchange, decode }
    return new WholeCall<A>(parts, asked, fiber).askFirst(fiber)
  }

  /** A call whose response is read piece by piece. */
  const streamed = <A>(
    call: PreparedRequest,
    fiber: AnyFiber,
    open: (
      secret: Secret,
      timeouts: StreamTimeouts.StreamTimeouts
    ) => Effect.Effect<Received | Opened, Lost | ChatError.ChatError, Scope.Scope>,
    read: Read<A>
  ): Source.Opening<A, ChatError.ChatError> => {
    const clock = fiber.getRef(Clock.Clock)
    const made = StreamTimeouts.make(settings.streamTimeouts, timedOutOf(call.model))
    return Effect.flatMap(made, (timeouts) => {
      const begun = monotonicMillis(clock)
      const opened = KeyRing.ask(
        ring,
        call.model,
        clock,
        (lease) =>
          Effect.matchEffect(open(lease.key.secret, timeouts), {
            onFailure: (lost) => Effect.fail(notGot(call, lost)),
            onSuccess: (response) =>
              "pieces" in response
                ? Effect.succeed({ lease, response })
                : Effect.fail(ChatError.fromResponse(responseOf(call, response, clock)))
          })
      )
      return Effect.matchEffect(opened, {
        onFailure: (error) => {
          // Nothing is waited for any more.
          timeouts.stop()
          return lost(error, begun, clock)
        },
        onSuccess: ({ lease, response }) =>
          Effect.map(
            read(response, head(call, response, clock), timeouts),
            Source.catching(noting(lease, begun, clock))
          )
      })
    })
  }

  return { ring, whole, streamed, decoded, notGot, untilFrom }
}

class DecodingOf implements Decoding {
  private readonly responseOf: (
    call: PreparedRequest,
    response: Received,
    clock: Clock.Clock
  ) => ChatError.FailedResponse
  private readonly call: PreparedRequest
  private readonly received: Received
  private readonly clock: Clock.Clock

  constructor(
    responseOf: DecodingOf["responseOf"],
    call: PreparedRequest,
    received: Received,
    clock: Clock.Clock
  ) {
    this.responseOf = responseOf
    this.call = call
    this.received = received
    this.clock = clock
  }

  get response(): ChatError.FailedResponse {
    return this.responseOf(this.call, this.received, this.clock)
  }

  get asked(): Asked {
    return this.call.about().asked
  }
}
