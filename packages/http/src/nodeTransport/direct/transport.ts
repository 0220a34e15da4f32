/**
 * The transport that hands requests straight to undici: one object a call takes what comes, where an `HttpClient` makes a
 * span, an `AbortSignal`, a stream of Node and several promises.
 *
 * It serves calls that nobody traces. Of a call within a span the headers still say so, as those of an `HttpClient` do.
 */
import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import type * as Undici from "@effect/platform-node/Undici"
import * as Context from "effect/Context"
import type * as Fiber from "effect/Fiber"
import * as HttpClient from "effect/http/HttpClient"
import * as HttpTraceContext from "effect/http/HttpTraceContext"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Tracer from "effect/Tracer"
import type { Endpoint, Exchanges, Outgoing, Transport } from "../../chatClient/transport.ts"
import { exchange } from "./exchange.ts"
import type { Handler } from "./handler.ts"
import { open } from "./open.ts"
import * as Turns from "./turns.ts"

type AnyFiber = Fiber.Fiber<unknown, unknown>

export const make = (dispatcherOf: (origin: string) => Undici.Dispatcher): Transport => ({
  serves: (fiber) => {
    const { tracer } = fiber.cache
    return (tracer === undefined || tracer === Tracer.nativeTracer) &&
      fiber.getRef(NodeHttpClient.UndiciOptions) === noOptions
  },
  to: (endpoint) => exchangesOf(endpoint, dispatcherOf)
})

const noOptions = Context.get(Context.empty(), NodeHttpClient.UndiciOptions)

const exchangesOf = (
  { headers, method, query, url }: Endpoint,
  dispatcherOf: (origin: string) => Undici.Dispatcher
): Exchanges => {
  const target = new URL(url)
  for (const [name, value] of query) target.searchParams.append(name, Redacted.value(value))
  const { origin } = target
  const dispatcher = dispatcherOf(origin)
  const path = target.pathname + target.search
  const plain = Object.entries(headers).flat()
  const withBody = Object.entries({ ...headers, "content-type": "application/json" }).flat()
  /** By key: there are few, and each serves many calls. */
  const bySecret = new Map<string, ReadonlyArray<string>>()

  const headersOf = ({ body, secret }: Outgoing): ReadonlyArray<string> => {
    const all = body === undefined ? plain : withBody
    if (secret === undefined) return all
    let known = bySecret.get(secret)
    if (known === undefined) bySecret.set(secret, known = [...all, "authorization", `Bearer ${secret}`])
    return known
  }

  const send = (outgoing: Outgoing, fiber: AnyFiber) => (handler: Handler): void => {
    const { span } = fiber.cache
    const own = headersOf(outgoing)
    handler.dispatchTo(dispatcher, {
      origin,
      path,
      method,
      headers: (span === undefined ? own : [...own, ...traceHeaders(span, fiber)]) as Array<string>,
      body: outgoing.body ?? null,
      // The time-outs of the call are kept by its handler.
      headersTimeout: 0,
      bodyTimeout: 0
    })
  }

  return {
    keepsDeadline: () => true,
    exchange: (outgoing, until, fiber) =>
      exchange(send(outgoing, fiber), until, fiber, Turns.tellFailureOf(outgoing.body)),
    open: (outgoing, waits, fiber) => open(send(outgoing, fiber), waits, fiber, Turns.tellFailureOf(outgoing.body))
  }
}

/** In the form of W3C alone: a provider is told no more of a trace than it needs. */
const traceHeaders = (span: Tracer.AnySpan, fiber: AnyFiber): ReadonlyArray<string> =>
  fiber.getRef(Tracer.DisablePropagation) || !fiber.getRef(HttpClient.TracerPropagationEnabled)
    ? []
    : [
      "traceparent",
      HttpTraceContext.toHeaders(
        (span._tag === "Span" ? span : { ...span, parent: Option.none() }) as Tracer.Span
      )["traceparent"]!
    ]
