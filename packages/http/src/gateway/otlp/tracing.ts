/**
 * The spans of requests. A span holds names of the file, numbers and kinds of errors: nothing of a prompt, an answer or a token.
 *
 * The trace of a client is continued by its `traceparent`, and whether it is traced is then its decision.
 */
import type { IncomingHttpHeaders } from "node:http"
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as Headers from "effect/http/Headers"
import * as HttpTraceContext from "effect/http/HttpTraceContext"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import * as Tracer from "effect/Tracer"
import type { Exchange } from "../server/exchange.ts"

type AnyFiber = Fiber.Fiber<unknown, unknown>

export interface Begun {
  readonly name: string
  readonly kind: Tracer.SpanKind
  readonly parent: Tracer.AnySpan | undefined
}

export class Tracing {
  private readonly tracer: Tracer.Tracer
  private readonly clock: Clock.Clock
  private readonly sampleRatio: number
  /** From 0 to 1. */
  private readonly random: () => number

  constructor(tracer: Tracer.Tracer, clock: Clock.Clock, sampleRatio: number, random: () => number) {
    this.tracer = tracer
    this.clock = clock
    this.sampleRatio = sampleRatio
    this.random = random
  }

  begin({ kind, name, parent }: Begun): Tracer.Span {
    return this.tracer.span({
      name,
      kind,
      parent: Option.fromUndefinedOr(parent),
      annotations: Context.empty(),
      links: [],
      startTime: this.clock.currentTimeNanosUnsafe(),
      root: parent === undefined,
      sampled: parent?.sampled ?? this.random() < this.sampleRatio
    })
  }

  end(span: Tracer.Span, exit: Exit.Exit<unknown, unknown>): void {
    span.end(this.clock.currentTimeNanosUnsafe(), toldExit(exit))
  }

  /** Traces the request of an exchange until nothing more is sent. */
  request(exchange: Exchange, client: string, model: string): RequestTrace {
    const { headers, method = "", url = "" } = exchange.request
    const [path = ""] = url.split("?", 1)
    const span = this.begin({ name: `${method} ${path}`, kind: "server", parent: parentOf(headers) })
    if (span.sampled) {
      span.attribute("http.request.method", method)
      span.attribute("http.route", path)
      span.attribute("url.path", path)
      span.attribute("url.scheme", "http")
      span.attribute("switchgear.request_id", exchange.id)
      span.attribute("switchgear.client", client)
      span.attribute("switchgear.model", model)
      exchange.traceId = span.traceId.padStart(32, "0")
    }
    return new RequestTrace(this, span, exchange)
  }
}

/** One request of a client. It ends with its connection's answer and its fiber, whichever comes last. */
export class RequestTrace {
  private readonly tracing: Tracing
  private readonly span: Tracer.Span
  private readonly exchange: Exchange
  private exit: Exit.Exit<unknown, unknown> | undefined
  private isOver = false

  constructor(tracing: Tracing, span: Tracer.Span, exchange: Exchange) {
    this.tracing = tracing
    this.span = span
    this.exchange = exchange
    exchange.whenOver(() => {
      this.isOver = true
      this.end()
    })
  }

  /** What is run in this context belongs to it. */
  within(context: Context.Context<never>): Context.Context<never> {
    return Context.add(context, Tracer.ParentSpan, this.span)
  }

  watch(fiber: AnyFiber): void {
    fiber.addObserver((exit) => {
      this.exit = exit
      this.end()
    })
  }

  private end(): void {
    if (this.exit === undefined || !this.isOver) return
    const { exchange, span } = this
    const error = errorTypeOf(this.exit)
    if (span.sampled) {
      span.attribute("http.response.status_code", exchange.status)
      for (const [name, value] of Object.entries({ ...exchange.told, ...exchange.overhead })) {
        // What was asked for is told already, and as it is written: a header cannot have all names.
        if (name === "x-switchgear-model") continue
        span.attribute(
          name.replace(/^x-/, "").replaceAll("-", "_").replace("_", "."),
          isNumber.test(name) ? Number(value) : value
        )
      }
      if (error !== undefined) span.attribute("error.type", error)
    }
    this.tracing.end(span, isOfClient(exchange.status, error) ? Exit.void : this.exit)
  }
}

/** A name that is made of digits stays a text: an attribute of two types is lost where spans are kept. */
const isNumber = /-(attempts|ms|usd)$/

/** Whether it is up to the client that it got no answer: then nothing is wrong with the span. */
const isOfClient = (status: number, error: string | undefined): boolean =>
  status >= 400 && status <= 499 && (error === undefined || !ofOthers.has(error))

/** What is not up to the client, though its status may be one of those: the account at the provider is the gateway's. */
const ofOthers: ReadonlySet<string> = new Set([
  "CascadeExhausted",
  "Unauthorized",
  "Forbidden",
  "ModelNotFound",
  "QuotaExhausted",
  "ProviderRateLimited",
  "interrupted"
])

/** As W3C has it, and no other form. */
const parentOf = ({ traceparent }: IncomingHttpHeaders): Tracer.ExternalSpan | undefined =>
  typeof traceparent === "string"
    ? Option.getOrUndefined(HttpTraceContext.w3c(Headers.fromRecordUnsafe({ traceparent })))
    : undefined

/** What went wrong, by its tag: a message may have words of a provider in it. */
export const errorTypeOf = (exit: Exit.Exit<unknown, unknown>): string | undefined => {
  if (exit._tag === "Success") return undefined
  const failure = exit.cause.reasons.find(Cause.isFailReason)?.error
  if (failure !== undefined) {
    return Predicate.hasProperty(failure, "_tag") && typeof failure._tag === "string" ? failure._tag : "Error"
  }
  return Cause.hasInterruptsOnly(exit.cause) ? "interrupted" : "defect"
}

const toldExit = (exit: Exit.Exit<unknown, unknown>): Exit.Exit<unknown, unknown> => {
  const error = errorTypeOf(exit)
  return error === undefined ? Exit.void : error === "interrupted" ? exit : Exit.fail(error)
}
