/**
 * What every request has that goes straight to undici: it is sent, left, resent over a new connection, or lost, its
 * response begins, and the explanation of a failed status is not waited for longer than its time. Everything arrives in undici's parser, in which nothing may run that uses another connection: so
 * whoever waits is told in a microtask.
 */
import * as Undici from "@effect/platform-node/Undici"
import { startTimer } from "@switchgear/core/runtime"
import * as Clock from "effect/Clock"
import type * as Fiber from "effect/Fiber"
import { CurrentHeadersListener } from "../../chatClient/responseHeaders.ts"
import { explanationMillis, type Headers, isGood } from "../../chatClient/transport.ts"
import { decodersOf } from "../contentEncoding.ts"
import type * as Turns from "./turns.ts"
import { type Sink, Unpacked } from "./unpacked.ts"

type DispatchHandler = Undici.Dispatcher.DispatchHandler
type Controller = Undici.Dispatcher.DispatchController
type Incoming = Parameters<NonNullable<DispatchHandler["onResponseStart"]>>[2]

/** The reason for which a connection is closed on our side. It is told to nobody, so one serves for all. */
const left = new Error("The call was left.")

export abstract class Handler implements DispatchHandler, Sink {
  /** 0 until a response has begun. */
  protected status = 0
  protected headers: Headers = {}
  /** Nothing that comes is of use any more. */
  protected isOver = false
  /** The other side has said all, or the connection is gone. */
  private isEnded = false
  /** What is to be sent, until it is. */
  private unsent: Undici.Dispatcher.DispatchOptions | undefined
  private controller: Controller | undefined
  private unpacked: Unpacked | undefined
  private stopExplanation: (() => void) | undefined
  protected fiber: Fiber.Fiber<unknown, unknown>
  /** Tells whoever waits that the status is a failure. */
  protected readonly tellFailure: Turns.Tell

  constructor(fiber: Fiber.Fiber<unknown, unknown>, tellFailure: Turns.Tell) {
    this.fiber = fiber
    this.tellFailure = tellFailure
  }

  /** The head of the response is there. */
  protected abstract begun(): void
  /** The bytes of the body, without its content encoding. */
  abstract take(bytes: Uint8Array): void
  abstract end(): void
  /** The connection or the body broke off. */
  abstract broke(cause: unknown): void

  dispatchTo(dispatcher: Undici.Dispatcher, options: Undici.Dispatcher.DispatchOptions): void {
    this.unsent = options
    try {
      dispatcher.dispatch(options, this)
    } catch (cause) {
      this.onResponseError(undefined, cause)
    }
  }

  onRequestStart(controller: Controller): void {
    // A request that waits for a connection cannot be taken back before. An abort would close the connection, and this
    // only keeps the request from being sent.
    if (this.isOver) throw left
    this.unsent = undefined
    this.controller = controller
  }

  // undici calls none of the requests of this library an upgrade.
  onRequestUpgrade(): void {}

  onResponseStart(controller: Controller, status: number, incoming: Incoming): void {
    if (status < 200 || this.isOver) return
    this.status = status
    // A dozen objects for as long as the response lasts, and they are not read again.
    controller.rawHeaders = null
    const headers = headersOf(incoming)
    const encoding = headers["content-encoding"]
    const decoders = encoding === undefined ? undefined : decodersOf(encoding)
    if (decoders !== undefined) {
      this.unpacked = new Unpacked(decoders(), this, controller)
      delete incoming["content-encoding"]
      delete incoming["content-length"]
    }
    this.headers = headers
    const { fiber } = this
    fiber.getRef(CurrentHeadersListener)?.heard(headers, fiber)
    if (!isGood(status)) {
      const clock = fiber.getRef(Clock.Clock)
      this.stopExplanation = startTimer(clock, fiber.cache.scheduler, explanationMillis, () => this.end())
    }
    this.begun()
  }

  onResponseData(_: Controller, bytes: Uint8Array): void {
    if (this.isOver) return
    if (this.unpacked === undefined) this.take(bytes)
    else this.unpacked.write(bytes)
  }

  onResponseEnd(): void {
    this.isEnded = true
    if (this.isOver) return
    if (this.unpacked === undefined) this.end()
    else this.unpacked.end()
  }

  onResponseError(_: unknown, cause: unknown): void {
    this.isEnded = true
    if (this.isOver) return
    // What came instead of HTTP may be anything, and must not be shown.
    if (typeof cause === "object" && cause !== null && "data" in cause) delete cause.data
    if (this.unpacked === undefined || this.status === 0) this.broke(cause)
    else this.unpacked.broke(cause)
  }

  /** Nothing more is needed: closes the connection unless the response is at its end. */
  leave(): void {
    if (this.isOver) return
    this.isOver = true
    this.unpacked?.destroy()
    this.stopExplanation?.()
    // It may wait for a connection for long after this, and would keep its body in memory.
    if (this.unsent !== undefined) this.unsent.body = null
    if (!this.isEnded) this.controller?.abort(left)
  }

  protected pause(): void {
    if (this.unpacked === undefined) this.controller?.pause()
    else this.unpacked.pause()
  }

  /** Not at once: another connection may be in the parser, which serves one at a time. */
  protected resume(): void {
    queueMicrotask(() => {
      if (this.unpacked !== undefined) this.unpacked.resume()
      else if (!this.isEnded) this.controller?.resume()
    })
  }
}

/** Headers that came more than once are one, as `HttpClient` has them. */
const headersOf = (incoming: Incoming): Headers => {
  for (const name in incoming) {
    const value = incoming[name]
    if (Array.isArray(value)) incoming[name] = value.join(", ")
  }
  return incoming as Headers
}
