/**
 * The address for clients: finds who calls, what they ask for, and answers.
 *
 * The order of checks: the path, the token, then the body. Nothing of a body is read for somebody without a token, and no
 * path is passed on that is not listed here.
 */
import { monotonicMillis } from "@switchgear/core/runtime"
import type { IncomingMessage, ServerResponse } from "node:http"
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import type { Admin, Listen } from "../config/model.ts"
import type { Words } from "../dialects/model.ts"
import * as Dialects from "../dialects/route.ts"
import { inLanguage, inNameOf } from "../service/asking.ts"
import { limiterName } from "../config/clients.ts"
import type { Caller, Callers } from "../service/callers.ts"
import { CurrentHeadersListener } from "../../chatClient/responseHeaders.ts"
import { CurrentAttemptCounter } from "../../chatModel/attemptCounter.ts"
import type { Tracing } from "../otlp/tracing.ts"
import { Admission } from "../../serverGuard/admission.ts"
import { type Budget, readBody } from "./body.ts"
import * as Chat from "./chat.ts"
import { Cors, isForeign } from "./cors.ts"
import { Counts, type Route as CountedRoute, type Shed } from "./counts.ts"
import { failedHeaders } from "./answerHeaders.ts"
import { ConnectionExchange } from "./connectionExchange.ts"
import type { Exchange } from "./exchange.ts"
import * as Failure from "./failure.ts"
import { Guesses } from "./guesses.ts"
import { isHostOf } from "./host.ts"
import { limitHeaders } from "./limitHeaders.ts"
import * as Models from "./models.ts"
import { mostParts, partsIn, partSize } from "./parts.ts"
import { requestId } from "./requestId.ts"
import * as Refusals from "./refusals.ts"
import type { Answering, Route } from "./route.ts"
import { InFlight } from "./inFlight.ts"
import { refuseUnread } from "./refuseUnread.ts"
import { KeyedAnswers } from "./keyedAnswers.ts"
import { Upstream } from "./upstream.ts"

/** How closely requests are looked at. */
export interface Watching {
  readonly tracing: Tracing | undefined
  readonly exemplars: Admin["exemplars"]
}

export class Front {
  private callers: Callers
  private readonly listen: Listen
  private readonly context: Context.Context<never>
  private readonly bodies: Admission
  private readonly guesses: Guesses
  /** Tells milliseconds. */
  readonly now: () => number
  private readonly created: number
  private readonly calls = new InFlight()
  /** Requests whose bodies are not there yet, each with what ends the reading. */
  private readonly reading = new Map<Exchange, () => void>()
  readonly counts: Counts
  private readonly requests: Admission
  private readonly keyed: KeyedAnswers
  private readonly cors: Cors | undefined
  private readonly longestPause: number
  private usualHost: string | undefined
  private readonly budgets = new WeakMap<Caller, Budget>()
  private readonly contexts = new WeakMap<Caller, Context.Context<never>>()
  private readonly stopped: Refusals.Reply
  private isStopping = false
  private taken = 1
  private onTaken: (() => void) | undefined

  private readonly tracing: Tracing | undefined

  /** `stopped` is what new calls are told once it is stopped. */
  constructor(
    callers: Callers,
    listen: Listen,
    context: Context.Context<never>,
    { exemplars, tracing }: Watching,
    stopped = Refusals.stopping
  ) {
    this.tracing = tracing
    this.stopped = stopped
    this.callers = callers
    this.listen = listen
    this.context = context
    this.keyed = new KeyedAnswers(context)
    this.bodies = new Admission(listen.maxBodiesSize)
    this.requests = new Admission(listen.maxRequests)
    this.longestPause = Duration.toMillis(listen.writeTimeout)
    this.cors = listen.origins.length === 0 ? undefined : new Cors(listen.origins)
    const clock = Context.get(context, Clock.Clock)
    this.now = () => monotonicMillis(clock)
    this.guesses = new Guesses(this.now)
    this.counts = new Counts(exemplars === "on" ? () => clock.currentTimeMillisUnsafe() : undefined)
    this.created = Math.floor(clock.currentTimeMillisUnsafe() / 1000)
  }

  /** How often callers were taken over, those of the start included. */
  get generation(): number {
    return this.taken
  }

  get isReady(): boolean {
    return !this.isStopping
  }

  /** Requests that are being answered. */
  get inFlight(): number {
    return this.requests.inFlight
  }

  readonly handle = (request: IncomingMessage, response: ServerResponse): void => {
    this.begin(new ConnectionExchange(request, response, requestId(), this.now, this.longestPause))
  }

  /** Answers a request, however it has come. */
  begin(exchange: Exchange): void {
    const { request } = exchange
    const { url = "" } = request
    const query = url.indexOf("?")
    const path = query < 0 ? url : url.slice(0, query)
    const { method = "" } = request
    this.counts.watch(exchange, method === "OPTIONS" ? "other" : routeOf(path))
    if (!this.isOurs(request.headers.host)) return refuse(exchange, Refusals.wrongHost)
    const preflight = this.cors?.head(exchange)
    if (preflight !== undefined) return exchange.reply(preflight)
    const route = routes.get(path)
    if (route !== undefined) {
      if (method !== "POST") return refuse(exchange, Refusals.wrongMethod(method, "POST"), route.words)
      return this.withCaller(exchange, route, (caller) => this.ask(exchange, caller, route))
    }
    const isHealth = path === "/health/live" || path === "/health/ready"
    if (isHealth || path === "/v1/models" || path.startsWith(modelPath)) {
      if (method !== "GET" && method !== "HEAD") return refuse(exchange, Refusals.wrongMethod(method, "GET, HEAD"))
      if (isHealth) return this.health(exchange, path === "/health/live")
      return this.withCaller(exchange, asOpenAi, (caller) =>
        exchange.reply(limited(
          path === "/v1/models"
            ? Models.list(caller, this.created)
            : Models.one(caller, path.slice(modelPath.length), this.created),
          caller
        )))
    }
    refuse(exchange, Refusals.unknownPath(method, path.slice(0, 200)))
  }

  /** New calls find these callers. The effect ends when the calls that are in flight now have ended. */
  serve(callers: Callers): Effect.Effect<void> {
    this.callers = callers
    this.taken++
    return Effect.asVoid(Fiber.awaitAll(this.calls.fibers))
  }

  /** New calls are refused. Ends when all answers have been taken, or after the time for that with the others cut off. */
  readonly stop: Effect.Effect<void> = Effect.suspend(() => {
    this.isStopping = true
    return Effect.timeoutOption(this.untilTaken, this.listen.drainTimeout).pipe(
      // Each tells its client.
      Effect.andThen(Effect.suspend(() => {
        for (const endReading of this.reading.values()) endReading()
        return Fiber.interruptAll(this.calls.fibers)
      })),
      Effect.andThen(Effect.timeoutOption(this.untilTaken, "1 second")),
      Effect.asVoid
    )
  })

  /** Ends when no request is in flight: Node closes a connection on which an answer is still being read. */
  private readonly untilTaken: Effect.Effect<void> = Effect.callback((resume) => {
    if (this.requests.inFlight === 0) return resume(Effect.void)
    this.onTaken = () => resume(Effect.void)
  })

  private health(exchange: Exchange, isLive: boolean): void {
    const status = isLive || this.isReady ? 200 : 503
    exchange.reply({
      status,
      headers: { "content-type": "application/json" },
      body: JSON.stringify({
        status: status === 200 ? "UP" : "OUT_OF_SERVICE",
        // Who has changed the file sees whether it is in force. That the process lives is told without any detail.
        ...!isLive && { generation: this.generation }
      })
    })
  }

  /** Whether the gateway answers under a name. Nearly all requests have the same, which is looked at once. */
  private isOurs(host: string | undefined): boolean {
    if (host === this.usualHost && host !== undefined) return true
    const isOurs = isHostOf(host, this.listen.host)
    if (isOurs) this.usualHost = host
    return isOurs
  }

  private withCaller(exchange: Exchange, guard: Guard, go: (caller: Caller) => void): void {
    const found = this.find(exchange, guard)
    if ("targets" in found) go(found)
    else refuse(exchange, found, guard.words)
  }

  /** Who calls, by the file of this moment; or why they are refused. */
  private find(exchange: Exchange, { tokenOf }: Guard): Caller | Refusals.Reply {
    const token = tokenOf(exchange.request)
    const caller = this.callers.find(token)
    // A right token passes whatever else comes from its address, which may be that of a balancer in front of all clients.
    if (caller !== undefined) {
      const isOpen = token === undefined
      return isOpen && isForeign(exchange.request, this.cors) ? Refusals.wrongOrigin : caller
    }
    const { address } = exchange
    if (this.guesses.isTooMany(address)) return Refusals.tooManyGuesses
    if (token === undefined) return Refusals.noToken
    if (this.callers.hasExpired(token)) return Refusals.expiredToken
    this.guesses.note(address)
    return Refusals.wrongToken
  }

  private ask(exchange: Exchange, caller: Caller, route: Route): void {
    const { words } = route
    const { callers } = this
    this.counts.told(exchange.request.headers)
    const { name, priority, share } = caller
    const counts = this.counts.of(name)
    counts.requests++
    const shed = (why: Shed) => {
      this.counts.shed[why]++
      counts.shed++
      refuse(exchange, limited(why === "stopping" ? this.stopped : Refusals.overloaded, caller), words)
    }
    if (this.isStopping) return shed("stopping")
    if (!this.requests.take(name, priority, 1, share)) return shed("requests")
    let bytes = 0
    const budget = this.budgetOf(caller)
    exchange.whenOver(() => {
      this.requests.giveBack(name, priority, 1)
      if (this.requests.inFlight === 0) this.onTaken?.()
      budget.giveBack(bytes)
    })
    let isRead = false
    const endReading = readBody(exchange, this.listen.maxBodySize, budget, (body) => {
      isRead = true
      this.reading.delete(exchange)
      switch (body._tag) {
        case "Late":
          return shed("stopping")
        case "TooLarge":
          return refuse(exchange, limited(Refusals.tooLarge(this.listen.maxBodySize), caller), words)
        case "Overloaded":
          return shed("bytes")
        case "Broken":
          return exchange.cut()
      }
      bytes = body.bytes
      const parts = partsIn(body.text)
      if (parts > mostParts) return refuse(exchange, limited(Refusals.tooManyParts(mostParts), caller), words)
      if (!budget.take(parts * partSize)) return shed("bytes")
      bytes += parts * partSize
      // The body may have taken its time, and another file may have been taken over meanwhile.
      const found = this.callers === callers ? caller : this.find(exchange, route)
      if (!("targets" in found)) return refuse(exchange, found, words)
      const prepare = () => route.prepare(body.text, found, exchange, this.listen)
      const prepared = prepare()
      if (!("send" in prepared)) return exchange.reply(words.reply(limited(prepared, found), exchange.id))
      const key = prepared.delivery === "stream" ? undefined : exchange.request.headers["idempotency-key"]
      if (typeof key !== "string") return this.answer(exchange, found, prepared, words)
      const named = {
        name: JSON.stringify([found.name, key]),
        body: `${exchange.request.url} ${JSON.stringify(prepared.headers)} ${body.text}`,
        language: exchange.request.headers["accept-language"]
      }
      const reply = (reply: Refusals.Reply) => exchange.reply(words.reply(limited(reply, found), exchange.id))
      const answer = (prepared: Answering, ended?: () => void) => this.answer(exchange, found, prepared, words, ended)
      this.keyed.begin({ exchange, prepare, answer, reply }, named, prepared)
    })
    if (!isRead) this.reading.set(exchange, endReading)
  }

  /** Of the bodies of a client. */
  private budgetOf(caller: Caller): Budget {
    const { name, priority, share } = caller
    let budget = this.budgets.get(caller)
    if (budget === undefined) {
      budget = {
        take: (bytes) => this.bodies.take(name, priority, bytes, share),
        giveBack: (bytes) => this.bodies.giveBack(name, priority, bytes)
      }
      this.budgets.set(caller, budget)
    }
    return budget
  }

  /** That of the calls of a client. */
  private contextOf(caller: Caller): Context.Context<never> {
    let context = this.contexts.get(caller)
    if (context === undefined) {
      // A call adds a dozen references to it. With fewer places for them, the whole map would be copied in each call.
      const named = inNameOf(caller, this.context).mapUnsafe
      this.contexts.set(caller, context = Context.makeUnsafe<never>(new Map(named), { maxDepth: 16 }))
    }
    return context
  }

  /** `ended` is called when the answer is there, or nobody waits for it. */
  private answer(
    exchange: Exchange,
    caller: Caller,
    { failed, model, send }: Answering,
    words: Words,
    ended?: () => void
  ): void {
    const upstream = new Upstream(this.now)
    exchange.upstream = upstream
    this.counts.watchOverhead(exchange, upstream)
    const context = inLanguage(exchange.request.headers["accept-language"], this.contextOf(caller))
    const counted = Context.add(
      Context.add(context, CurrentAttemptCounter, upstream),
      CurrentHeadersListener,
      upstream
    )
    const trace = this.tracing?.request(exchange, caller.name, model)
    const fiber = Effect.runForkWith(trace === undefined ? counted : trace.within(counted))(send)
    trace?.watch(fiber)
    const call = this.calls.add(fiber)
    let isLeft = false
    exchange.whenLeft(() => {
      isLeft = true
      ended?.()
      fiber.interruptUnsafe()
    })
    fiber.addObserver((exit) => {
      this.calls.remove(call)
      ended?.()
      if (exit._tag === "Success") return
      if (Failure.isFault(exit, isLeft || this.isStopping)) {
        Effect.runForkWith(this.context)(logged(exchange.id, exit.cause))
      }
      if (Failure.isLimited(exit, limiterName(caller.name))) this.counts.of(caller.name).limited++
      const told = Failure.replyOf(exit, this.listen.exhaustedStatus, this.isStopping ? this.stopped : undefined)
      const reply = limited({ ...told, headers: { ...failedHeaders(model, upstream), ...told.headers } }, caller)
      if (!exchange.isHeadSent) return exchange.reply(words.reply(reply, exchange.id))
      exchange.hasFailedInBand = !exchange.hasLeft
      exchange.end(failed(exchange.isAnswered ? Refusals.notAgain(reply) : reply))
    })
  }
}

/** A reply to a client that is known: it has the limits of that client. */
const limited = (reply: Refusals.Reply, caller: Caller): Refusals.Reply =>
  caller.limiter === undefined ? reply : { ...reply, headers: { ...limitHeaders(caller), ...reply.headers } }

/** How a caller is found, and how they are refused. */
type Guard = Pick<Route, "tokenOf" | "words">

const asOpenAi: Guard = Chat.route

const routes: ReadonlyMap<string, Route> = new Map([["/v1/chat/completions", Chat.route], ...Dialects.routes])

/** The log has a fault of the gateway with the id that the client was given. */
const logged = (id: string, cause: Cause.Cause<unknown>): Effect.Effect<void> =>
  Effect.logError("A request died. Please report this.", { request: id }, cause)

const modelPath = "/v1/models/"

const fixed: ReadonlySet<string> = new Set<CountedRoute>([
  "/v1/chat/completions",
  "/v1/embeddings",
  "/v1/messages",
  "/v1/messages/count_tokens",
  "/v1/responses",
  "/v1/models",
  "/health/live",
  "/health/ready"
])

const routeOf = (path: string): CountedRoute =>
  fixed.has(path) ? path as CountedRoute : path.startsWith(modelPath) ? "/v1/models/{id}" : "other"

const refuse = (exchange: Exchange, refused: Refusals.Reply, words = asOpenAi.words): void =>
  refuseUnread(exchange, words.reply(refused, exchange.id))
