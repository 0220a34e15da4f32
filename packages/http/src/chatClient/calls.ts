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
import { maxReplyBytes } from "../chatReply/limits.ts"
import * as Source from "../chatStream/source.ts"
import { afterLongWork } from "./afterLongWork.ts"
import * as KeyRing from "./keyRing.ts"
import type { PreparedRequest } from "./preparedRequest.ts"
import type * as Settings from "./settings.ts"
import * as StreamTimeouts from "./streamTimeouts.ts"
import { type Head, isGood, type Late, type Lost, type Opened, type Received, type Until } from "./transport.ts"
import * as TransportFailure from "./transportFailure.ts"

type AnyFiber = Fiber.Fiber<unknown, unknown>

type Secret = string | undefined

/** What is known of a response besides its body. */
export type HeadOf = Omit<ChatError.FailedResponse, "body">

/** What a response of a good status says. */
export type Decode<A> = (
  body: string,
  responseOf: () => ChatError.FailedResponse
) => Result.Result<A, ChatError.ChatError>

/** What a response of a good status says piece by piece. */
export type Read<A> = (
  response: Opened,
  head: HeadOf,
  timeouts: StreamTimeouts.StreamTimeouts
) => Effect.Effect<Source.Source<A, ChatError.ChatError>>

export type Calls = ReturnType<typeof callsOf>

const noneTried: ReadonlyArray<KeyRing.Lease> = []

/** Settings are checked before. */
export const callsOf = (settings: Settings.Settings) => {
  const { dialects, host, provider } = settings
  const ring = KeyRing.make(settings.keys, {
    provider,
    parkFor: Duration.toMillis(settings.parkFor),
    maxRetryAfter: Duration.toMillis(settings.maxRetryAfter)
  })
  const timeoutMillis = Duration.toMillis(settings.timeout)

  const head = ({ about, model }: PreparedRequest, { headers, status }: Head, clock: Clock.Clock): HeadOf => ({
    provider,
    model,
    status,
    headers,
    now: clock.currentTimeMillisUnsafe(),
    secrets: about().secrets,
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
    const whole = () => responseOf(call, response, clock)
    if (!isGood(response.status)) return Result.fail(ChatError.fromResponse(whole()))
    if (response.isWhole) return decode(response.text, whole)
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

  /** Fails with the error of work that began at the given time. */
  const lost = (error: ChatError.ChatError, begun: number, clock: Clock.Clock) =>
    Effect.fail(afterLongWork(error, monotonicMillis(clock) - begun))

  const untilFrom = (begun: number): Until => ({ due: begun + timeoutMillis, millis: timeoutMillis })

  /** A call whose response is read as a whole. */
  const whole = <A>(
    call: PreparedRequest,
    fiber: AnyFiber,
    exchange: (secret: Secret, until: Until) => Effect.Effect<Received, Lost | Late>,
    decode: Decode<A>
  ): Effect.Effect<A, ChatError.ChatError> => {
    const clock = fiber.getRef(Clock.Clock)
    const begun = monotonicMillis(clock)
    const until = untilFrom(begun)
    const failed = (
      error: ChatError.ChatError,
      lease: KeyRing.Lease,
      tried: ReadonlyArray<KeyRing.Lease>
    ): Effect.Effect<A, ChatError.ChatError> => {
      if (!KeyRing.isRefusal(error)) return lost(error, begun, clock)
      const now = monotonicMillis(clock)
      ring.refuse(lease, error, now)
      return askWith(KeyRing.keyAfter(ring, call.model, now, [...tried, lease], error), [...tried, lease])
    }
    const askWith = (
      lease: KeyRing.Lease | ChatError.ChatError,
      tried: ReadonlyArray<KeyRing.Lease>
    ): Effect.Effect<A, ChatError.ChatError> => {
      if ("_tag" in lease) return lost(lease, begun, clock)
      return Effect.matchEffect(exchange(lease.key.secret, until), {
        onFailure: (lost) => failed(notGot(call, lost), lease, tried),
        onSuccess: (response) => {
          const reply = decoded(call, response, clock, decode)
          if (Result.isSuccess(reply)) return Effect.succeed(reply.success)
          // A key that is refused in an answer is not followed by the next one: the request was worked on.
          if (!isGood(response.status)) return failed(reply.failure, lease, tried)
          KeyRing.note(ring, lease, reply.failure, monotonicMillis(clock))
          return lost(reply.failure, begun, clock)
        }
      })
    }
    return askWith(KeyRing.keyAfter(ring, call.model, begun, noneTried, undefined), noneTried)
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
    const made = StreamTimeouts.make(
      settings.streamTimeouts,
      (phase, limit) => timedOut(call.model, phase, limit)
    )
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
        onSuccess: ({ lease, response }) => {
          const failed = Source.catching((error: ChatError.ChatError) => {
            KeyRing.note(ring, lease, error, monotonicMillis(clock))
            return lost(error, begun, clock)
          })
          return Effect.map(read(response, head(call, response, clock), timeouts), failed)
        }
      })
    })
  }

  return { ring, whole, streamed, decoded, notGot, untilFrom }
}
