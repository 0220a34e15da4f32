/** One attempt: a request, and the body of its response piece by piece, for as long as the time-outs allow. */
import { monotonicMillis } from "@switchgear/core/runtime"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Scope from "effect/Scope"
import * as ChatError from "../ChatError.ts"
import * as StreamTimeouts from "../chatClient/streamTimeouts.ts"
import * as TransportFailure from "../chatClient/transportFailure.ts"
import type * as ChatStream from "../ChatStream.ts"
import type * as Source from "../chatStream/source.ts"
import type { Attempting } from "./attempting.ts"
import { Exchange } from "./exchange.ts"
import { Failure } from "./failure.ts"
import { judgeOf } from "./judge.ts"
import { type BytesPiece, sourceOf } from "./reading.ts"
import { waiting } from "./waiting.ts"

const none: StreamTimeouts.Limits = {
  firstContent: Duration.infinity,
  idle: Duration.infinity,
  total: Duration.infinity
}

/** Sends the request, and opens the body of a good response. A bad one is read, as far as that says what is wrong. */
export const opening = (call: Attempting): Source.Opening<BytesPiece, Failure> =>
  Effect.flatMap(Effect.scope, (scope) =>
    Effect.gen(function*() {
      const { asked, settings, where } = call
      const exchange = new Exchange()
      call.attempts++
      call.taken?.abort()
      call.taken = undefined
      yield* Scope.addFinalizer(scope, Effect.sync(() => exchange.leave()))
      const expired = (phase: ChatError.Phase, limit: Duration.Duration) =>
        new ChatError.TimedOut({ ...where, phase, limit })
      const streamed = { ...none, firstContent: settings.firstContentTimeout, idle: settings.idleTimeout }
      const clock = yield* Clock.Clock
      const begun = monotonicMillis(clock)
      const ofHead = yield* StreamTimeouts.make(asked.isStream ? streamed : none, expired)
      const response = yield* waiting(
        ofHead,
        () => sent(call, exchange),
        (error) => {
          const told = call.request!.isFaulty()
            ? new ChatError.InvalidRequest(where)
            : TransportFailure.beforeResponse({ ...where, host: where.provider }, error)
          return new Failure(told, { isRepeatable: asked.isRepeatable, thrown: { error } })
        }
      )
      call.response = response
      const headers = fieldsIn(response)
      yield* call.heard(headers)
      const now = clock.currentTimeMillisUnsafe()
      const measured = /event-stream/i.test(headers["content-type"] ?? "") ? call.request!.measure() : undefined
      const head = { ...where, status: response.status, headers, now, asked: measured }
      if (isReadable(response)) exchange.opened(response.body)
      call.isRead = exchange.isOpen
      if (response.status >= 400) return yield* refused(call, exchange, response, head)
      const judge = exchange.isOpen ? judgeOf(asked.route, head, asked.isStream) : undefined
      const passed = monotonicMillis(clock) - begun
      const timeouts = judge?.of !== "events"
        ? yield* StreamTimeouts.make({ ...none, idle: settings.silence }, expired)
        : asked.isStream
        ? ofHead
        : yield* StreamTimeouts.make({ ...streamed, firstContent: less(streamed.firstContent, passed) }, expired)
      return sourceOf({ call, exchange, response, timeouts, judge, head })
    }))

/** What a stub answers may have no more than what its test reads, and its headers as plain fields. */
const fieldsIn = ({ headers }: Response): Readonly<Record<string, string>> =>
  headers === undefined || headers === null || Symbol.iterator in headers
    ? Object.fromEntries(headers ?? [])
    : { ...headers as Readonly<Record<string, string>> }

const less = (limit: Duration.Duration, millis: number): Duration.Duration =>
  Duration.millis(Math.max(1, Duration.toMillis(limit) - millis))

/** A response of the platform has a stream, or no body. Of anything else only its head is known. */
const isReadable = (response: Response): response is Response & { readonly body: ReadableStream<Uint8Array> } =>
  typeof (response?.body as ReadableStream | null | undefined)?.getReader === "function" && !response.body!.locked

const sent = async ({ fetch, request }: Attempting, exchange: Exchange): Promise<Response> => {
  const response = await request!.send(fetch, exchange.signal)
  if (response === undefined || response === null) {
    throw new TypeError(`guardedFetch: fetch must give a Response, and gave ${response}`)
  }
  // Nobody may wait for it any more.
  if (exchange.signal.aborted) response.body?.cancel().then(noop, noop)
  return response
}

const noop = () => {}

/** More is not needed to see what is wrong, and a body that drips is not waited for. */
const mostRead = 65_536
const longestReading = "1 second"

/** What a bad response means. It is the caller's if no other comes. */
const refused = (
  call: Attempting,
  exchange: Exchange,
  response: Response,
  head: ChatStream.Head
): Effect.Effect<never, Failure> =>
  Effect.gen(function*() {
    const pieces: Array<Uint8Array> = []
    let size = 0
    let end: { readonly error: unknown } | "ended" | undefined = exchange.isOpen ? undefined : "ended"
    const reading = Effect.gen(function*() {
      while (end === undefined && size < mostRead) {
        const next = yield* Effect.promise(() =>
          exchange.read().then((read) => ({ read }), (error: unknown) => ({ error }))
        )
        exchange.taken()
        if ("error" in next) end = { error: next.error }
        else if (next.read.done) end = "ended"
        else {
          pieces.push(next.read.value!)
          size += next.read.value!.length
        }
      }
    })
    yield* Effect.raceFirst(reading, Effect.sleep(longestReading))
    const decoder = new TextDecoder()
    const body = pieces.map((piece) => decoder.decode(piece, { stream: true })).join("")
    exchange.takeOver()
    call.taken = exchange
    return yield* Effect.fail(
      new Failure(ChatError.fromResponse({ ...head, body }), {
        isRepeatable: call.asked.isRepeatable,
        answered: { pieces, end, exchange, response }
      })
    )
  })
