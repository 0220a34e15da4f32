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
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import type { Listen } from "../config/model.ts"
import type { Caller, Callers } from "../service/callers.ts"
import { CurrentAttemptCounter } from "../../chatModel/attemptCounter.ts"
import { BodyBudget, readBody } from "./body.ts"
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
import { UpstreamTime } from "./upstreamTime.ts"

type AnyFiber = Fiber.Fiber<unknown, unknown>

export class Front {
  private callers: Callers
  private readonly listen: Listen
  private readonly run: (effect: Effect.Effect<void, unknown>) => AnyFiber
  private readonly bodies: BodyBudget
  private readonly guesses: Guesses
  private readonly now: () => number
  private readonly created: number
  private readonly fibers = new Set<AnyFiber>()
  readonly counts = new Counts()
  inFlight = 0
  private isStopping = false

  constructor(callers: Callers, listen: Listen, context: Context.Context<never>) {
    this.callers = callers
    this.listen = listen
    this.run = Effect.runForkWith(context)
    this.bodies = new BodyBudget(listen.maxBodiesSize)
    const clock = Context.get(context, Clock.Clock)
    this.now = () => monotonicMillis(clock)
    this.guesses = new Guesses(this.now)
    this.created = Math.floor(clock.currentTimeMillisUnsafe() / 1000)
  }

  get isReady(): boolean {
    return !this.isStopping
  }

  readonly handle = (request: IncomingMessage, response: ServerResponse): void => {
    const exchange = new Exchange(request, response, `req_${randomUUID().replaceAll("-", "")}`, this.now)
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
    if (this.inFlight >= this.listen.maxRequests) {
      this.counts.shed.requests++
      return refuse(exchange, Refusals.overloaded)
    }
    this.inFlight++
    let bytes = 0
    exchange.whenOver(() => {
      this.inFlight--
      this.bodies.giveBack(bytes)
    })
    readBody(exchange.request, this.listen.maxBodySize, this.bodies, (body) => {
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
      this.answer(exchange, caller, asked)
    })
  }

  private answer(exchange: Exchange, caller: Caller, asked: ChatRequest.Asked): void {
    const upstream = new UpstreamTime(this.now)
    this.counts.watchOverhead(exchange, upstream)
    const answer = Effect.provideService(
      Chat.answer(asked, caller, exchange, this.listen),
      CurrentAttemptCounter,
      upstream
    )
    const fiber = this.run(logged(exchange.id, answer))
    this.fibers.add(fiber)
    exchange.whenLeft(() => fiber.interruptUnsafe())
    fiber.addObserver((exit) => {
      this.fibers.delete(fiber)
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

/** Refuses without having read the body: what is left of it is not waited for. */
const refuse = (exchange: Exchange, reply: Refusals.Reply): void => {
  const isRead = exchange.request.complete || exchange.request.headers["content-length"] === "0" ||
    (exchange.request.method !== "POST" && exchange.request.method !== "PUT")
  exchange.reply(isRead ? reply : { ...reply, headers: { ...reply.headers, connection: "close" } })
  if (!isRead) exchange.request.resume()
}

/** The bearer token. */
const tokenOf = ({ headers }: IncomingMessage): string | undefined =>
  /^Bearer +(\S+)$/i.exec(headers.authorization ?? "")?.[1]
