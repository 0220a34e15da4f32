/** The calls of a client: each sends one request with the keys it needs, and reads what comes back. */
import { keepingDeadline, monotonicMillis } from "@switchgear/core/runtime"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Account from "../Account.ts"
import * as ChatError from "../ChatError.ts"
import type { SealedRequest } from "../chatRequest/sealedRequest.ts"
import type * as ChatSchema from "../ChatSchema.ts"
import * as Asked from "../chatReply/asked.ts"
import * as Source from "../chatStream/source.ts"
import * as AccountEndpoints from "./accountEndpoints.ts"
import { type Calls, callsOf } from "./calls.ts"
import { decodeReply } from "./decodeReply.ts"
import type { ExchangeWith } from "./exchanged.ts"
import * as KeyRing from "./keyRing.ts"
import { made, preparedOf, type PreparedRequest, preparing } from "./preparedRequest.ts"
import { readStream } from "./readStream.ts"
import type * as Settings from "./settings.ts"
import type { Endpoint, Transport } from "./transport.ts"

/** The calls of a client over a transport. Settings are checked before. */
export const fromTransport = (settings: Settings.Settings, transport: Transport) => {
  const { host, provider } = settings
  const calls = callsOf(settings)
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
  const exchange: ExchangeWith = (secret, until, { body }, fiber) => whole.exchange({ body, secret }, until, fiber)
  /** Asks by a call that is made when it begins. */
  const asking = (prepare: () => PreparedRequest) =>
    keepingDeadline(
      Effect.withFiber((fiber): Effect.Effect<ChatSchema.ChatReply, ChatError.ChatError> =>
        calls.whole(prepare(), fiber, exchange, decodeReply)
      ),
      whole.keepsDeadline
    )
  // A request is read when it is given, not when the call runs: what the caller changes later is not sent.
  const complete = (request: ChatSchema.ChatRequest) => {
    const prepare = prepared(request, "whole")
    return Result.isSuccess(prepare)
      ? asking(prepare.success)
      : Effect.suspend(() => Effect.fail(prepare.failure()))
  }
  const completeSealed = (request: SealedRequest, model: string) => {
    const body = request.wholeFor(model)
    return body === undefined || !request.hasMessages || model === ""
      ? complete(request.plainFor(provider, model))
      : asking(() => preparedOf(request, model, body, apiKey, "several"))
  }

  const stream = (request: ChatSchema.ChatRequest) => {
    const prepare = prepared(request, "streamed")
    return Source.streamOf(Effect.flatMap(made(prepare), (call) =>
      Effect.withFiber((fiber) =>
        calls.streamed(
          call,
          fiber,
          (secret, timeouts) => streamed.open({ body: call.body, secret }, timeouts, fiber),
          (response, head, timeouts) => readStream(response, { ...head, asked: call.about().asked }, timeouts)
        )
      )))
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
        about: () => ({ secrets: { apiKey, prompt: [] }, asked: Asked.unknown })
      }
      const clock = fiber.getRef(Clock.Clock)
      const begun = monotonicMillis(clock)
      const key = calls.ring.nearest(begun)
      const outgoing = { body: undefined, secret: key.secret }
      const until = calls.untilFrom(begun)
      return Effect.matchEffect(balance.exchanges.exchange(outgoing, until, fiber), {
        onFailure: (lost) => Effect.fail(calls.notGot(call, lost)),
        onSuccess: (response): typeof account => {
          const said = calls.decoded(
            call,
            response,
            clock,
            (_, { response }) => AccountEndpoints.decode(balance.read, response)
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

  const client = { provider, complete, stream, keys: Effect.map(KeyRing.now, calls.ring.read), account }
  connections.set(client, { settings, transport, calls, complete, completeSealed })
  return client
}

/** What a client asks its provider through. */
export interface Connection {
  readonly settings: Settings.Settings
  readonly transport: Transport
  readonly calls: Calls
  readonly complete: (request: ChatSchema.ChatRequest) => Effect.Effect<ChatSchema.ChatReply, ChatError.ChatError>
  /** `complete` for a model, of a request that is sealed: nothing is copied. */
  readonly completeSealed: (
    request: SealedRequest,
    model: string
  ) => Effect.Effect<ChatSchema.ChatReply, ChatError.ChatError>
}

const connections = new WeakMap<object, Connection>()

/** That of a client, for other calls with its keys; undefined where the client was made or wrapped elsewhere. */
export const connectionOf = (client: object): Connection | undefined => connections.get(client)

const inSmallLetters = (headers: Readonly<Record<string, string>>): Readonly<Record<string, string>> =>
  Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]))
