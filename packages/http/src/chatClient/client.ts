/** The calls of a client: each sends one request with the keys it needs, and reads what comes back. */
import { monotonicMillis, withoutStack } from "@switchgear/core/runtime"
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
import type { Key } from "./keys.ts"
import { type PreparedRequest, preparing } from "./preparedRequest.ts"
import { readStream } from "./readStream.ts"
import type * as Settings from "./settings.ts"
import * as StreamTimeouts from "./streamTimeouts.ts"
import {
  type Endpoint,
  type Exchanges,
  type Head,
  isGood,
  type Late,
  type Lost,
  type Opened,
  type Received,
  type Transport,
  type Until
} from "./transport.ts"
import * as TransportFailure from "./transportFailure.ts"

type AnyFiber = Fiber.Fiber<unknown, unknown>

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

  const head = ({ model, secrets }: PreparedRequest, { headers, status }: Head, fiber: AnyFiber) => ({
    provider,
    model,
    status,
    headers,
    now: fiber.getRef(Clock.Clock).currentTimeMillisUnsafe(),
    secrets,
    dialects
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

  /** A response of a good status; of any other, the error that it explains. */
  const judged = <A extends Head>(
    call: PreparedRequest,
    response: Received | A,
    fiber: AnyFiber
  ): Effect.Effect<A, ChatError.ChatError> => {
    if (isGood(response.status)) return Effect.succeed(response as A)
    const { text: body } = response as Received
    return Effect.fail(ChatError.fromResponse({ ...head(call, response, fiber), body }))
  }

  /** Sends the request with one key and reads the response, whose status is good. */
  const exchange = (
    exchanges: Exchanges,
    call: PreparedRequest,
    { secret }: Key,
    until: Until,
    fiber: AnyFiber
  ): Effect.Effect<Received, ChatError.ChatError> =>
    Effect.matchEffect(exchanges.exchange({ body: call.body, secret }, until, fiber), {
      onFailure: (lost) => Effect.fail(notGot(call, lost)),
      onSuccess: (response) => judged<Received>(call, response, fiber)
    })

  /** The response as it is decoded; one that is too long cannot be. */
  const received = (
    call: PreparedRequest,
    response: Received,
    fiber: AnyFiber
  ): Result.Result<ChatError.FailedResponse, ChatError.ChatError> =>
    response.isWhole
      ? Result.succeed({ ...head(call, response, fiber), body: response.text })
      : Result.fail(
        new ChatError.MalformedReply({
          provider,
          model: call.model,
          status: response.status,
          found: `more than ${maxReplyBytes / 2 ** 20} MiB`,
          isRetryable: false
        })
      )

  const untilOf = (fiber: AnyFiber): Until => ({
    due: monotonicMillis(fiber.getRef(Clock.Clock)) + timeoutMillis,
    millis: timeoutMillis
  })

  const reply = (call: PreparedRequest, fiber: AnyFiber): Effect.Effect<ChatSchema.ChatReply, ChatError.ChatError> => {
    const until = untilOf(fiber)
    const answered = KeyRing.ask(
      ring,
      call.model,
      (lease) => Effect.map(exchange(whole, call, lease.key, until, fiber), (response) => ({ lease, response }))
    )
    return Effect.matchEffect(answered, {
      onFailure: (error) => lost(error, until.due - timeoutMillis),
      onSuccess: ({ lease, response }) => {
        const decoded = Result.flatMap(received(call, response, fiber), (reply) => decodeReply(reply, call.asked))
        return Result.isSuccess(decoded)
          ? Effect.succeed(decoded.success)
          : Effect.andThen(
            KeyRing.note(ring, lease, decoded.failure),
            lost(decoded.failure, until.due - timeoutMillis)
          )
      }
    })
  }

  const timedOut = (model: string, phase: ChatError.Phase, limit: Duration.Duration) =>
    withoutStack(() => new ChatError.TimedOut({ provider, model, phase, limit }))

  /** Fails with the error of work that began at the given time. */
  const lost = (error: ChatError.ChatError, begun: number) =>
    Effect.flatMap(KeyRing.now, (now) => Effect.fail(afterLongWork(error, now - begun)))

  // A request is read when it is given, not when the call runs: what the caller changes later is not sent.
  const complete = (request: ChatSchema.ChatRequest) => {
    const prepare = prepared(request, "whole")
    return Effect.flatMap(prepare, (call) => Effect.withFiber((fiber) => reply(call, fiber)))
  }

  const stream = (request: ChatSchema.ChatRequest) => {
    const prepare = prepared(request, "streamed")
    return Stream.unwrap(
      Effect.flatMap(prepare, (call) =>
        Effect.withFiber(Effect.fnUntraced(function*(fiber: AnyFiber) {
          const timeouts = yield* StreamTimeouts.make(
            settings.streamTimeouts,
            (phase, limit) => timedOut(call.model, phase, limit)
          )
          const begun = yield* KeyRing.now
          const open = KeyRing.ask(ring, call.model, (lease) =>
            Effect.matchEffect(streamed.open({ body: call.body, secret: lease.key.secret }, timeouts, fiber), {
              onFailure: (lost) =>
                Effect.fail(notGot(call, lost)),
              onSuccess: (response) =>
                Effect.map(judged<Opened>(call, response, fiber), (response) => ({ lease, response }))
            }))
          const { lease, response } = yield* Effect.catch(open, (error) =>
            lost(error, begun))
          return Stream.catch(
            readStream(response, { ...head(call, response, fiber), asked: call.asked }, timeouts),
            (error) =>
              Stream.fromEffect(Effect.andThen(KeyRing.note(ring, lease, error), lost(error, begun)))
          )
        })))
    )
  }

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
        secrets: { apiKey, prompt: [] },
        asked: Asked.unknown
      }
      const until = untilOf(fiber)
      const key = ring.nearest(until.due - timeoutMillis)
      return exchange(balance.exchanges, call, key, until, fiber).pipe(
        Effect.flatMap((response) =>
          Effect.fromResult(
            Result.flatMap(received(call, response, fiber), (answer) => AccountEndpoints.decode(balance.read, answer))
          )
        ),
        Effect.map((said) => ({ provider, key: key.secret === undefined ? undefined : key.name, ...said })),
        Effect.catchTag("ModelNotFound", () => notOffered)
      )
    }
  )

  return { provider, complete, stream, keys: Effect.map(KeyRing.now, ring.read), account }
}

const inSmallLetters = (headers: Readonly<Record<string, string>>): Readonly<Record<string, string>> =>
  Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]))
