/** The calls of a client: each sends one request with the keys it needs, and reads what comes back. */
import { keepingDeadline, monotonicMillis, withoutStack } from "@switchgear/core/runtime"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import * as Result from "effect/Result"
import * as Stream from "effect/Stream"
import * as Account from "../Account.ts"
import * as ChatError from "../ChatError.ts"
import type * as ChatSchema from "../ChatSchema.ts"
import * as Asked from "../chatReply/asked.ts"
import { maxReplyBytes } from "../chatReply/limits.ts"
import * as AccountEndpoints from "./accountEndpoints.ts"
import { afterLongWork } from "./afterLongWork.ts"
import { decodeReply } from "./decodeReply.ts"
import * as KeyRing from "./keyRing.ts"
import { type PreparedRequest, preparing } from "./preparedRequest.ts"
import { readStream } from "./readStream.ts"
import type * as Settings from "./settings.ts"
import * as StreamTimeouts from "./streamTimeouts.ts"
import { type Endpoint, type Head, isGood, type Late, type Lost, type Received, type Transport } from "./transport.ts"
import * as TransportFailure from "./transportFailure.ts"

type AnyFiber = Fiber.Fiber<unknown, unknown>

type Decoded = Result.Result<ChatSchema.ChatReply, ChatError.ChatError>

/** The calls of a client over a transport. Settings are checked before. */
export const fromTransport = (settings: Settings.Settings, transport: Transport) => {
  const { dialects, host, provider } = settings
  const ring = KeyRing.make(settings.keys, {
    parkFor: Duration.toMillis(settings.parkFor),
    maxRetryAfter: Duration.toMillis(settings.maxRetryAfter)
  })
  const apiKey = settings.keys.flatMap(({ secret }) => secret ?? [])
  const prepared = preparing({ provider, apiKey })
  const to = (method: Endpoint["method"], url: string, accept: string) =>
    // An HTTP client need not undo an encoding. A stream that is packed also waits for its packer.
    transport.to({
      method,
      url,
      query: settings.query,
      headers: { "accept-encoding": "identity", ...inSmallLetters(settings.headers), accept }
    })
  const completions = `${settings.base}/chat/completions`
  const whole = to("POST", completions, "application/json")
  // What goes wrong before a stream is told in JSON.
  const streamed = to("POST", completions, "text/event-stream, application/json")
  const timeoutMillis = Duration.toMillis(settings.timeout)

  const head = ({ about, model }: PreparedRequest, { headers, status }: Head, clock: Clock.Clock) => ({
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
    decode: (body: string, responseOf: () => ChatError.FailedResponse) => Result.Result<A, ChatError.ChatError>
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

  const reply = (call: PreparedRequest, fiber: AnyFiber): Effect.Effect<ChatSchema.ChatReply, ChatError.ChatError> => {
    const clock = fiber.getRef(Clock.Clock)
    const begun = monotonicMillis(clock)
    const until = { due: begun + timeoutMillis, millis: timeoutMillis }
    const decode = (body: string, responseOf: () => ChatError.FailedResponse) =>
      decodeReply(body, () => call.about().asked, responseOf)
    const answered = KeyRing.ask(
      ring,
      call.model,
      clock,
      (lease) =>
        Effect.matchEffect(whole.exchange({ body: call.body, secret: lease.key.secret }, until, fiber), {
          onFailure: (lost) => Effect.fail(notGot(call, lost)),
          onSuccess: (response): Effect.Effect<Decoded, ChatError.ChatError> => {
            const reply = decoded(call, response, clock, decode)
            if (Result.isSuccess(reply)) return Effect.succeed(reply)
            // A key that is refused in an answer is not followed by the next one: the request was worked on.
            if (!isGood(response.status)) return Effect.fail(reply.failure)
            KeyRing.note(ring, lease, reply.failure, monotonicMillis(clock))
            return Effect.succeed(reply)
          }
        })
    )
    return Effect.matchEffect(answered, {
      onFailure: (error) => lost(error, begun, clock),
      onSuccess: (reply) => Result.isSuccess(reply) ? Effect.succeed(reply.success) : lost(reply.failure, begun, clock)
    })
  }

  // A request is read when it is given, not when the call runs: what the caller changes later is not sent.
  const complete = (request: ChatSchema.ChatRequest) => {
    const prepare = prepared(request, "whole")
    return keepingDeadline(
      Effect.flatMap(prepare, (call) => Effect.withFiber((fiber) => reply(call, fiber))),
      whole.keepsDeadline
    )
  }

  const stream = (request: ChatSchema.ChatRequest) => {
    const prepare = prepared(request, "streamed")
    return Stream.unwrap(Effect.flatMap(prepare, (call) => Effect.withFiber((fiber) => opened(call, fiber))))
  }

  const opened = Effect.fnUntraced(function*(call: PreparedRequest, fiber: AnyFiber) {
    const clock = fiber.getRef(Clock.Clock)
    const timeouts = yield* StreamTimeouts.make(
      settings.streamTimeouts,
      (phase, limit) => timedOut(call.model, phase, limit)
    )
    const begun = monotonicMillis(clock)
    const open = KeyRing.ask(
      ring,
      call.model,
      clock,
      (lease) =>
        Effect.matchEffect(streamed.open({ body: call.body, secret: lease.key.secret }, timeouts, fiber), {
          onFailure: (lost) => Effect.fail(notGot(call, lost)),
          onSuccess: (response) =>
            "pieces" in response
              ? Effect.succeed({ lease, response })
              : Effect.fail(ChatError.fromResponse(responseOf(call, response, clock)))
        })
    )
    const { lease, response } = yield* Effect.catch(open, (error) => {
      // Nothing is waited for any more.
      timeouts.stop()
      return lost(error, begun, clock)
    })
    return Stream.catch(
      readStream(response, { ...head(call, response, clock), asked: call.about().asked }, timeouts),
      (error) =>
        Stream.fromEffect(Effect.suspend(() => {
          KeyRing.note(ring, lease, error, monotonicMillis(clock))
          return lost(error, begun, clock)
        }))
    )
  })

  const { account: endpoint } = settings
  const balance = endpoint && {
    read: endpoint,
    exchanges: to("GET", endpoint.url(settings.base), "application/json")
  }

  const account: Effect.Effect<Account.Account, Account.AccountNotOffered | ChatError.ChatError> = Effect.withFiber(
    (fiber) => {
      const notOffered = Effect.fail(new Account.AccountNotOffered({ provider, host }))
      if (balance === undefined) return notOffered
      const call: PreparedRequest = {
        model: "the account balance",
        body: undefined,
        about: () => ({ secrets: { apiKey, prompt: [] }, asked: Asked.unknown })
      }
      const clock = fiber.getRef(Clock.Clock)
      const begun = monotonicMillis(clock)
      const key = ring.nearest(begun)
      const outgoing = { body: undefined, secret: key.secret }
      const until = { due: begun + timeoutMillis, millis: timeoutMillis }
      return Effect.matchEffect(balance.exchanges.exchange(outgoing, until, fiber), {
        onFailure: (lost) => Effect.fail(notGot(call, lost)),
        onSuccess: (response): typeof account => {
          const said = decoded(
            call,
            response,
            clock,
            (_, responseOf) => AccountEndpoints.decode(balance.read, responseOf())
          )
          if (Result.isFailure(said))
            return said.failure._tag === "ModelNotFound"
              ? notOffered
              : Effect.fail(said.failure)
          return Effect.succeed({ provider, key: key.secret === undefined ? undefined : key.name, ...said.success })
        }
      })
    }
  )

  return { provider, complete, stream, keys: Effect.map(KeyRing.now, ring.read), account }
}

const inSmallLetters = (headers: Readonly<Record<string, string>>): Readonly<Record<string, string>> =>
  Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]))
