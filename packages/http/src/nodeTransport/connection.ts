/**
 * One connection of the pool, and what happens to its requests beside what undici does with them.
 *
 * A provider, or a load balancer before it, closes connections that are idle. A request that is sent at that moment is
 * lost although nothing is wrong with the model, so it is sent once more, over a new connection. A chat request is a
 * POST and may have been worked on, so this needs all of: the connection was open before, no byte of a response
 * came, the connection was closed or reset within {@link staleWithin} of sending, and the body can be read again.
 */
import * as Undici from "@effect/platform-node/Undici"

type Dispatch = Undici.Dispatcher.DispatchOptions
type Handler = Undici.Dispatcher.DispatchHandler
type Controller = Undici.Dispatcher.DispatchController
type ResponseHeaders = Parameters<NonNullable<Handler["onResponseStart"]>>[2]

/** The reading of a clock, in milliseconds. */
export type Now = () => number

/** A client of undici, which has one connection at a time. */
export class Connection extends Undici.Client {
  /**
   * Whether the connection has just been made, for a request that begins in the same step. Later it has been idle: after
   * an answer, or because the call for which it was made was left.
   */
  isNew = false
  readonly now: Now

  private readonly around: () => Undici.Dispatcher | undefined

  /** `around` gives the agent to which the connection belongs, unless a proxy stands between. */
  constructor(origin: URL, options: Undici.Client.Options, now: Now, around: () => Undici.Dispatcher | undefined) {
    super(origin, options)
    this.now = now
    this.around = around
    this.on("connect", () => {
      this.isNew = true
      queueMicrotask(() => this.isNew = false)
    })
  }

  override dispatch(options: Dispatch, handler: Handler): boolean {
    return super.dispatch(options, new Exchange(this, options, handler))
  }

  /** Sends a request again. The connection that was lost is gone, so a new one is made for it. */
  again(options: Dispatch, exchange: Exchange): boolean {
    // undici closes a pool all of whose connections are lost in one step, also where requests run on them.
    const around = this.closed ? this.around() : undefined
    return around === undefined ? super.dispatch(options, exchange) : around.dispatch(options, exchange)
  }
}

class Exchange implements Handler {
  private readonly connection: Connection
  /** What may still have to be sent again: its body must not stay as long as the answer. */
  private options: Dispatch | undefined
  private readonly handler: Handler
  private isReused = false
  private hasBeenResent = false
  private sentAt = 0

  constructor(connection: Connection, options: Dispatch, handler: Handler) {
    this.connection = connection
    this.options = options
    this.handler = handler
  }

  onRequestStart(controller: Controller, context: unknown): void {
    this.isReused = !this.connection.isNew
    if (this.isReused) this.sentAt = this.connection.now()
    this.handler.onRequestStart?.(controller, context)
  }

  onRequestUpgrade(...args: Parameters<NonNullable<Handler["onRequestUpgrade"]>>): void {
    this.handler.onRequestUpgrade?.(...args)
  }

  onResponseStarted(): void {
    this.options = undefined
    this.handler.onResponseStarted?.()
  }

  onResponseStart(controller: Controller, status: number, headers: ResponseHeaders, message?: string): void {
    this.handler.onResponseStart?.(controller, status, headers, message)
  }

  onResponseData(controller: Controller, bytes: Buffer): void {
    this.handler.onResponseData?.(controller, bytes)
  }

  onResponseEnd(controller: Controller, trailers: ResponseHeaders): void {
    this.handler.onResponseEnd?.(controller, trailers)
  }

  onResponseError(controller: Controller, error: Error): void {
    const { options } = this
    if (options !== undefined && this.metStaleConnection(options, error)) {
      this.hasBeenResent = true
      // In this step, before the pool gives the connection to a request that waits.
      this.connection.again(options, this)
      return
    }
    this.handler.onResponseError?.(controller, error)
  }

  private metStaleConnection({ body }: Dispatch, error: Error): boolean {
    return this.isReused && !this.hasBeenResent && "code" in error &&
      closedCodes.has(error.code) && isReadable(body) &&
      this.connection.now() - this.sentAt < staleWithin
  }
}

/** A stale connection is reset within a round trip. What takes longer may be a model at work. */
const staleWithin = 1000

/** How it looks when the other side closes or resets a connection. */
const closedCodes: ReadonlySet<unknown> = new Set(["ECONNRESET", "EPIPE", "UND_ERR_SOCKET"])

/** Whether a body can be sent again: a stream was read. */
const isReadable = (body: Dispatch["body"]): boolean =>
  body === undefined || body === null || typeof body === "string" || body instanceof Uint8Array
