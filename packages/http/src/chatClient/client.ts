/** The calls of a client: each sends one request with the keys it needs, and reads what comes back. */
import * as Deadline from "@switchgear/core/Deadline"
import { withoutStack } from "@switchgear/core/runtime"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as HttpClient from "effect/http/HttpClient"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import type * as HttpClientResponse from "effect/http/HttpClientResponse"
import * as Result from "effect/Result"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as Account from "../Account.ts"
import * as ChatError from "../ChatError.ts"
import type * as ChatSchema from "../ChatSchema.ts"
import { maxErrorBytes, maxReplyBytes } from "../chatReply/limits.ts"
import * as Asked from "../chatReply/asked.ts"
import * as AccountEndpoints from "./accountEndpoints.ts"
import { afterLongWork } from "./afterLongWork.ts"
import { decodeReply } from "./decodeReply.ts"
import * as KeyRing from "./keyRing.ts"
import type { Key } from "./keys.ts"
import { type PreparedRequest, preparing } from "./preparedRequest.ts"
import { readBody, readExplanation } from "./readBody.ts"
import { readStream } from "./readStream.ts"
import { CurrentHeadersListener } from "./responseHeaders.ts"
import type * as Settings from "./settings.ts"
import * as StreamTimeouts from "./streamTimeouts.ts"
import * as TransportFailure from "./transportFailure.ts"
import { quietOf } from "./wholeBody.ts"

/** The calls of a client over an HTTP client. Settings are checked before. */
export const fromHttpClient = (
  settings: Settings.Settings,
  http: HttpClient.HttpClient.With<Parameters<typeof TransportFailure.beforeResponse>[1], Scope.Scope>
) => {
  const ring = KeyRing.make(settings.keys, {
    parkFor: Duration.toMillis(settings.parkFor),
    maxRetryAfter: Duration.toMillis(settings.maxRetryAfter)
  })
  const quiet = quietOf(Duration.toMillis(settings.timeout))
  const apiKey = settings.keys.flatMap(({ secret }) => secret ?? [])
  // An HTTP client need not undo an encoding. A stream that is packed also waits for its packer.
  const headers = { "accept-encoding": "identity", ...settings.headers, accept: "application/json" }
  const prepared = preparing({
    provider: settings.provider,
    apiKey,
    post: HttpClientRequest.post(`${settings.base}/chat/completions`, { headers, urlParams: settings.query })
  })

  /**
   * All requests leave here, and the heads of all responses arrive here. A failed status is an error, read as far as it
   * explains itself.
   */
  const send = (
    call: PreparedRequest,
    { secret }: Key
  ): Effect.Effect<HttpClientResponse.HttpClientResponse, ChatError.ChatError, Scope.Scope> => {
    const target = { provider: settings.provider, model: call.model, host: settings.host }
    const request = secret === undefined ? call.request : HttpClientRequest.bearerToken(call.request, secret)
    return http.execute(request).pipe(
      Effect.mapError((error) => TransportFailure.beforeResponse(target, error)),
      Effect.flatMap((response) =>
        Effect.flatMap(CurrentHeadersListener, (heard) => {
          const judged = response.status >= 200 && response.status <= 299
            ? Effect.succeed(response)
            : refused(call, response)
          return heard === undefined ? judged : Effect.andThen(heard(response.headers), judged)
        })
      )
    )
  }

  // The status says what happened even if its explanation broke off or does not end.
  const refused = (call: PreparedRequest, response: HttpClientResponse.HttpClientResponse) =>
    Effect.flatMap(
      readExplanation(response, maxErrorBytes, errorTime),
      (body) => Effect.flatMap(head(call, response), (head) => Effect.fail(ChatError.fromResponse({ ...head, body })))
    )

  /** Sends the request with the first key that the provider takes. */
  const open = (call: PreparedRequest) =>
    KeyRing.ask(ring, call.model, (lease) => Effect.map(send(call, lease.key), (response) => ({ lease, response })))

  const head = ({ model, secrets }: PreparedRequest, { headers, status }: HttpClientResponse.HttpClientResponse) =>
    Effect.map(
      Clock.currentTimeMillis,
      (now) => ({ provider: settings.provider, model, status, headers, now, secrets, dialects: settings.dialects })
    )

  const received = (
    call: PreparedRequest,
    response: HttpClientResponse.HttpClientResponse
  ): Effect.Effect<ChatError.FailedResponse, ChatError.ChatError> => {
    const target = { provider: settings.provider, model: call.model, host: settings.host }
    return readBody(response, maxReplyBytes, quiet).pipe(
      Effect.mapError((error) => TransportFailure.inBody(target, response.status, error)),
      Effect.flatMap(({ text, whole }) =>
        whole
          ? Effect.map(head(call, response), (head) => ({ ...head, body: text }))
          : Effect.fail(
            new ChatError.MalformedReply({
              provider: settings.provider,
              model: call.model,
              status: response.status,
              found: `more than ${maxReplyBytes / 2 ** 20} MiB`,
              isRetryable: false
            })
          )
      )
    )
  }

  const exchange = (
    call: PreparedRequest
  ): Effect.Effect<ChatSchema.ChatReply, ChatError.ChatError, Scope.Scope> =>
    Effect.flatMap(open(call), ({ lease, response }) =>
      Effect.flatMap(received(call, response), (reply) => {
        const decoded = decodeReply(reply, call.asked)
        return Result.isSuccess(decoded)
          ? Effect.succeed(decoded.success)
          : Effect.andThen(KeyRing.note(ring, lease, decoded.failure), Effect.fail(decoded.failure))
      }))

  const inTime = <A, E>(call: PreparedRequest, work: Effect.Effect<A, E, Scope.Scope>) =>
    work.pipe(
      untilAnswered,
      Deadline.timeoutOrElse({
        duration: settings.timeout,
        orElse: () => Effect.fail(timedOut(call.model, "total", settings.timeout))
      })
    )

  const timedOut = (model: string, phase: ChatError.Phase, limit: Duration.Duration) =>
    withoutStack(() => new ChatError.TimedOut({ provider: settings.provider, model, phase, limit }))

  /** Fails with the error of work that began at the given time. */
  const lost = (error: ChatError.ChatError, begun: number) =>
    Effect.flatMap(KeyRing.now, (now) => Effect.fail(afterLongWork(error, now - begun)))

  // A request is read when it is given, not when the call runs: what the caller changes later is not sent.
  const complete = (request: ChatSchema.ChatRequest) => {
    const prepare = prepared(request, "whole")
    return Effect.flatMap(
      prepare,
      (call) =>
        Effect.flatMap(
          KeyRing.now,
          (begun) => Effect.catch(inTime(call, exchange(call)), (error) => lost(error, begun))
        )
    )
  }

  const stream = (request: ChatSchema.ChatRequest) => {
    const prepare = prepared(request, "streamed")
    return Stream.unwrap(Effect.gen(function*() {
      const call = yield* prepare
      const timeouts = yield* StreamTimeouts.make(
        settings.streamTimeouts,
        (phase, limit) => timedOut(call.model, phase, limit)
      )
      const begun = yield* KeyRing.now
      const { lease, response } = yield* Effect.catch(timeouts.within(open(call)), (error) => lost(error, begun))
      return Stream.catch(
        readStream(response, { ...yield* head(call, response), asked: call.asked }, timeouts),
        (error) => Stream.fromEffect(Effect.andThen(KeyRing.note(ring, lease, error), lost(error, begun)))
      )
    }))
  }

  const balance = Effect.fnUntraced(function*(
    call: PreparedRequest,
    endpoint: AccountEndpoints.Endpoint
  ): Effect.fn.Return<Account.Account, ChatError.ChatError, Scope.Scope> {
    const key = ring.nearest(yield* KeyRing.now)
    const answer = yield* received(call, yield* send(call, key))
    const said = yield* Effect.fromResult(AccountEndpoints.decode(endpoint, answer))
    return { provider: settings.provider, key: key.secret === undefined ? undefined : key.name, ...said }
  })

  const account = Effect.suspend(() => {
    const { account: endpoint, host, provider } = settings
    const notOffered = Effect.fail(new Account.AccountNotOffered({ provider, host }))
    if (endpoint === undefined) return notOffered
    const request = HttpClientRequest.get(endpoint.url(settings.base), { headers, urlParams: settings.query })
    const call: PreparedRequest = {
      model: "the account balance",
      request,
      secrets: { apiKey, prompt: [] },
      asked: Asked.unknown
    }
    return Effect.catchTag(inTime(call, balance(call, endpoint)), "ModelNotFound", () => notOffered)
  })

  return {
    provider: settings.provider,
    complete,
    stream,
    keys: Effect.map(KeyRing.now, ring.read),
    account
  }
}

/**
 * A scope that is closed unless there is an answer: all it holds is the abort of a request, which costs more than
 * making one, and of one that was answered to its end nothing is left to abort.
 */
const untilAnswered = <A, E>(work: Effect.Effect<A, E, Scope.Scope>): Effect.Effect<A, E> =>
  Effect.suspend(() => {
    const scope = Scope.makeUnsafe()
    return Effect.onExitPrimitive(
      Effect.provideService(work, Scope.Scope, scope),
      (exit) => exit._tag === "Success" ? undefined : Scope.close(scope, exit)
    )
  })

const errorTime = Duration.seconds(1)
