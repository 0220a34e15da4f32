/**
 * The address for clients: finds who calls, what they ask for, and answers.
 *
 * The order of checks: the path, the token, then the body. Nothing of a body is read for somebody without a token, and no
 * path is passed on that is not listed here.
 */
import { monotonicMillis } from "@switchgear/core/runtime"
import { randomUUID } from "node:crypto"
import type { IncomingMessage, ServerResponse } from "node:http"
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import type { Listen } from "../config/model.ts"
import type { Caller, Callers } from "../service/callers.ts"
import { CurrentAttemptCounter } from "../../chatModel/attemptCounter.ts"
import { Admission } from "./admission.ts"
import { type Budget, readBody } from "./body.ts"
import * as Chat from "./chat.ts"
import * as ChatRequest from "./chatRequest.ts"
import { Counts, type Route } from "./counts.ts"
import { Exchange } from "./exchange.ts"
import * as Failure from "./failure.ts"
import { Guesses } from "./guesses.ts"
import { isHostOf } from "./host.ts"
import { limitHeadersOf } from "./limitHeaders.ts"
import * as Models from "./models.ts"
import * as Refusals from "./refusals.ts"
import { SingleFlight } from "./singleFlight.ts"
import { UpstreamTime } from "./upstreamTime.ts"

type AnyFiber = Fiber.Fiber<unknown, unknown>

export class Front {
  private callers: Callers
  private readonly listen: Listen
  private readonly run: (effect: Effect.Effect<void, unknown>) => AnyFiber
  private readonly bodies: Admission
  private readonly guesses: Guesses
  private readonly now: () => number
  private readonly created: number
  private readonly fibers = new Set<AnyFiber>()
  readonly counts = new Counts()
  private readonly requests: Admission
  private readonly flights = new SingleFlight()
  private isStopping = false

  constructor(callers: Callers, listen: Listen, context: Context.Context<never>) {
    this.callers = callers
    this.listen = listen
    this.run = Effect.runForkWith(context)
    this.bodies = new Admission(listen.maxBodiesSize)
    this.requests = new Admission(listen.maxRequests)
    const clock = Context.get(context, Clock.Clock)
    this.now = () => monotonicMillis(clock)
    this.guesses = new Guesses(this.now)
    this.created = Math.floor(clock.currentTimeMillisUnsafe() / 1000)
  }

  get isReady(): boolean {
    return !this.isStopping
  }

  /** Requests that are being answered. */
  get inFlight(): number {
    return this.requests.inFlight
  }

  readonly handle = (request: IncomingMessage, response: ServerResponse): void => {
    const id = `req_${randomUUID().replaceAll("-", "")}`
    const exchange = new Exchange(request, response, id, this.now, Duration.toMillis(this.listen.writeTimeout))
    const [path = ""] = (request.url ?? "").split("?", 1)
    const { method = "" } = request
    this.counts.watch(exchange, routeOf(path))
    if (!isHostOf(request.headers.host, this.listen.host)) return refuse(exchange, Refusals.wrongHost)
    if (path === "/health/live" || path === "/health/ready") return this.health(exchange, path === "/health/live")
    if (path === "/v1/chat/completions") {
      if (method !== "POST") return refuse(exchange, Refusals.wrongMethod(method, "POST"))
      return this.withCaller(exchange, (caller) => this.chat(exchange, caller))
    }
    if (path === "/v1/models" || path.startsWith(modelPath)) {
      if (method !== "GET" && method !== "HEAD") return refuse(exchange, Refusals.wrongMethod(method, "GET, HEAD"))
      return this.withCaller(exchange, (caller) =>
        exchange.reply(
          path === "/v1/models"
            ? Models.list(caller, this.created)
            : Models.one(caller, path.slice(modelPath.length), this.created)
        ))
    }
    refuse(exchange, Refusals.unknownPath(method, path.slice(0, 200)))
  }

  /** New calls find these callers. The effect ends when the calls that are in flight now have ended. */
  serve(callers: Callers): Effect.Effect<void> {
    this.callers = callers
    return untilEnded(new Set(this.fibers))
  }

  /** New calls are refused. Ends when no call is in flight, or after the time for that with the others cut off. */
  readonly stop: Effect.Effect<void> = Effect.suspend(() => {
    this.isStopping = true
    return Effect.andThen(
      Effect.timeoutOption(untilEnded(this.fibers), this.listen.drainTimeout),
      // Each tells its client.
      Fiber.interruptAll(this.fibers)
    )
  })

  private health(exchange: Exchange, isLive: boolean): void {
    const status = isLive || this.isReady ? 200 : 503
    exchange.reply({
      status,
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ status: status === 200 ? "UP" : "OUT_OF_SERVICE" })
    })
  }

  private withCaller(exchange: Exchange, go: (caller: Caller) => void): void {
    const token = tokenOf(exchange.request)
    const address = exchange.request.socket.remoteAddress ?? ""
    const caller = this.callers.find(token)
    // A right token passes whatever else comes from its address, which may be that of a balancer in front of all clients.
    if (caller !== undefined) return go(caller)
    if (this.guesses.isTooMany(address)) return refuse(exchange, Refusals.tooManyGuesses)
    if (token === undefined) return refuse(exchange, Refusals.noToken)
    this.guesses.note(address)
    refuse(exchange, Refusals.wrongToken)
  }

  private chat(exchange: Exchange, caller: Caller): void {
    this.counts.told(exchange.request.headers)
    if (this.isStopping) {
      this.counts.shed.stopping++
      return refuse(exchange, Refusals.stopping)
    }
    const { name, priority } = caller
    if (!this.requests.take(name, priority, 1)) {
      this.counts.shed.requests++
      return refuse(exchange, Refusals.overloaded)
    }
    let bytes = 0
    const budget: Budget = {
      take: (bytes) => this.bodies.take(name, priority, bytes),
      giveBack: (bytes) => this.bodies.giveBack(name, priority, bytes)
    }
    exchange.whenOver(() => {
      this.requests.giveBack(name, priority, 1)
      budget.giveBack(bytes)
    })
    readBody(exchange.request, this.listen.maxBodySize, budget, (body) => {
      switch (body._tag) {
        case "TooLarge":
          return refuse(exchange, Refusals.tooLarge(this.listen.maxBodySize))
        case "Overloaded":
          this.counts.shed.bytes++
          return refuse(exchange, Refusals.overloaded)
        case "Broken":
          return exchange.cut()
      }
      bytes = body.bytes
      const asked = ChatRequest.read(body.text, caller)
      if (!("target" in asked)) return exchange.reply(asked)
      const key = asked.isStream ? undefined : exchange.request.headers["idempotency-key"]
      if (typeof key !== "string") return this.answer(exchange, caller, asked)
      const joined = this.flights.join(caller.name, key, body.text, exchange)
      if (joined._tag === "OtherBody") exchange.reply(Refusals.otherBodyOfKey)
      else if (joined._tag === "First") this.answer(exchange, caller, asked, joined.end)
    })
  }

  /** `ended` is called when the answer is there, or nobody waits for it. */
  private answer(exchange: Exchange, caller: Caller, asked: ChatRequest.Asked, ended?: () => void): void {
    const upstream = new UpstreamTime(this.now)
    this.counts.watchOverhead(exchange, upstream)
    const answer = Effect.provideService(
      Chat.answer(asked, caller, exchange, this.listen),
      CurrentAttemptCounter,
      upstream
    )
    const fiber = this.run(logged(exchange.id, answer))
    this.fibers.add(fiber)
    exchange.whenLeft(() => {
      ended?.()
      fiber.interruptUnsafe()
    })
    fiber.addObserver((exit) => {
      this.fibers.delete(fiber)
      ended?.()
      if (exit._tag === "Success") return
      const failed = Failure.replyOf(exit, this.listen.exhaustedStatus)
      const reply = { ...failed, headers: { ...Effect.runSync(limitHeadersOf(caller)), ...failed.headers } }
      if (!exchange.isHeadSent) return exchange.reply(reply)
      if (!exchange.hasLeft) this.counts.failedInBand++
      exchange.end(Failure.eventOf(reply))
    })
  }
}

const untilEnded = (fibers: ReadonlySet<AnyFiber>): Effect.Effect<void> => Effect.asVoid(Fiber.awaitAll(fibers))

/** A defect is a fault of the gateway: the log has it, with the id that the client was given. */
const logged = <A, E>(id: string, answer: Effect.Effect<A, E>): Effect.Effect<A, E> =>
  Effect.tapCause(answer, (cause) =>
    Cause.hasDies(cause)
      ? Effect.logError("A request died. Please report this.", { request: id }, cause)
      : Effect.void)

const modelPath = "/v1/models/"

const fixed: ReadonlySet<string> = new Set<Route>([
  "/v1/chat/completions",
  "/v1/models",
  "/health/live",
  "/health/ready"
])

const routeOf = (path: string): Route =>
  fixed.has(path) ? path as Route : path.startsWith(modelPath) ? "/v1/models/{id}" : "other"

/**
 * Refuses without having read the body. A small one that is on its way is let pass, so that the connection can be used again:
 * a new one costs both sides more. Otherwise the connection is closed, and what is left of the body is not waited for.
 */
const refuse = (exchange: Exchange, reply: Refusals.Reply): void => {
  const { request } = exchange
  const isShort = request.complete || Number(request.headers["content-length"] ?? NaN) <= shortBody ||
    (request.method !== "POST" && request.method !== "PUT")
  exchange.reply(isShort ? reply : { ...reply, headers: { ...reply.headers, connection: "close" } })
  if (!request.complete) request.resume()
}

const shortBody = 256 * 1024

/** The bearer token. */
const tokenOf = ({ headers }: IncomingMessage): string | undefined =>
  /^Bearer +(\S+)$/i.exec(headers.authorization ?? "")?.[1]
