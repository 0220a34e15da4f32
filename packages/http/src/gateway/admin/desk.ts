/**
 * The address for operators. It is there only where the file has a token for it.
 *
 * The order of checks: the host, the path with its method, the token and its scope, then the body. Every path has its
 * scope in the record of its handler, so none can be without a check.
 */
import { randomUUID, timingSafeEqual } from "node:crypto"
import type { IncomingMessage, ServerResponse } from "node:http"
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Redacted from "effect/Redacted"
import * as Stream from "effect/Stream"
import type { Admin } from "../config/model.ts"
import { digestOf, digestOfWritten } from "../config/token.ts"
import { BodyBudget, readBody } from "../server/body.ts"
import { ConnectionExchange } from "../server/connectionExchange.ts"
import type { Exchange } from "../server/exchange.ts"
import { Guesses } from "../server/guesses.ts"
import { isHostOfOperators } from "../server/host.ts"
import * as Refusals from "../server/refusals.ts"
import type { Reply } from "../server/refusals.ts"
import { refuseUnread } from "../server/refuseUnread.ts"
import type { AdminRequest, Route, Running, Scope, Streamed } from "./model.ts"

const mostBody = 2 ** 20

export class Desk {
  private readonly admin: Admin
  private readonly running: Running
  private readonly routes: ReadonlyArray<Route>
  private readonly run: ReturnType<typeof Effect.runForkWith<never>>
  private readonly now: () => number
  private readonly bodies = new BodyBudget(8 * mostBody)
  private readonly guesses: Guesses

  constructor(
    admin: Admin,
    running: Running,
    routes: ReadonlyArray<Route>,
    context: Context.Context<never>,
    now: () => number
  ) {
    this.admin = admin
    this.running = running
    this.routes = routes
    this.run = Effect.runForkWith(context)
    this.now = now
    this.guesses = new Guesses(now)
  }

  readonly handle = (request: IncomingMessage, response: ServerResponse): void => {
    const exchange = new ConnectionExchange(request, response, `req_${randomUUID().replaceAll("-", "")}`, this.now)
    if (!isHostOfOperators(request.headers.host, this.admin))
      return refuseUnread(exchange, Refusals.wrongHostOfOperators)
    // As it was sent: what would be put in order here, the platform might put in another one.
    const [sent = "", query = ""] = (request.url ?? "").split(/\?(.*)/s, 2)
    const path = sent.split("/").slice(1)
    const { method = "" } = request
    const there = this.routes.filter((route) => matches(route, path))
    const route = there.find((route) => route.method === method)
    if (there.length === 0) return refuseUnread(exchange, Refusals.unknownPath(method, sent.slice(0, 200)))
    if (route === undefined) {
      return refuseUnread(exchange, Refusals.wrongMethod(method, there.map(({ method }) => method).join(", ")))
    }
    if (route.scope === "open") return this.answer(route.page, exchange)
    const scope = this.scopeOf(request)
    if (scope === undefined) return refuseUnread(exchange, this.refusalOf(request))
    if (route.scope === "control" && scope === "read") return refuseUnread(exchange, Refusals.readOnly)
    if ("hand" in route) {
      for (const [name, value] of Object.entries(forNobodyElse)) response.setHeader(name, value)
      exchange.goOn()
      return route.hand(request, response, scope)
    }
    readBody(exchange, mostBody, this.bodies, (body) => {
      if (body._tag === "TooLarge") return refuseUnread(exchange, Refusals.tooLarge(mostBody))
      if (body._tag === "Overloaded") return exchange.reply(Refusals.overloaded)
      if (body._tag !== "Whole") return exchange.cut()
      exchange.whenOver(() => this.bodies.giveBack(body.bytes))
      const asked: AdminRequest = {
        method,
        path: path.map(decoded),
        query: new URLSearchParams(query),
        headers: request.headers,
        body: body.text,
        scope
      }
      this.answer(route.answer(asked, this.running), exchange)
    })
  }

  private answer(answer: Effect.Effect<Reply | Streamed>, exchange: Exchange): void {
    const fiber = this.run(Effect.flatMap(answer, (answer) => this.sent(answer, exchange)))
    exchange.whenLeft(() => fiber.interruptUnsafe())
    fiber.addObserver((exit) => {
      if (exit._tag === "Success") return
      if (exchange.isHeadSent) exchange.cut()
      else exchange.reply(Refusals.fault)
    })
  }

  private sent(answer: Reply | Streamed, exchange: Exchange): Effect.Effect<void> {
    if (!("events" in answer)) return Effect.sync(() => exchange.reply(withoutCache(answer)))
    exchange.beginStream({})
    exchange.flushHead()
    const { writeTimeout } = this.running.config.listen
    return Effect.andThen(
      Stream.runForEach(answer.events, (event) => exchange.write(event, writeTimeout)),
      Effect.sync(() => exchange.end())
    )
  }

  /** Without a right token. */
  private refusalOf({ headers, socket: { remoteAddress = "" } }: IncomingMessage): Reply {
    if (this.guesses.isTooMany(remoteAddress)) return Refusals.tooManyGuesses
    if (headers.authorization === undefined) return Refusals.noToken
    this.guesses.note(remoteAddress)
    return Refusals.wrongToken
  }

  private scopeOf({ headers }: IncomingMessage): Scope | undefined {
    const token = /^Bearer +(\S+)$/i.exec(headers.authorization ?? "")?.[1]
    if (token === undefined) return undefined
    const { readToken, token: control } = this.admin
    if (isSame(token, control)) return "control"
    return readToken !== undefined && isSame(token, readToken) ? "read" : undefined
  }
}

/** What operators see is of this moment and for nobody else. */
const withoutCache = (reply: Reply): Reply => ({
  ...reply,
  headers: { ...forNobodyElse, ...reply.headers }
})

const forNobodyElse = { "cache-control": "no-store", "x-content-type-options": "nosniff" }

const matches = ({ path }: Route, parts: ReadonlyArray<string>): boolean => {
  const wanted = path.split("/").slice(1)
  return wanted.length === parts.length && wanted.every((part, i) => part.startsWith(":") || part === parts[i])
}

/** Takes as long whatever is the same. */
const isSame = (given: string, token: Redacted.Redacted): boolean =>
  timingSafeEqual(Buffer.from(digestOf(given)), Buffer.from(digestOfWritten(token)))

const decoded = (part: string): string => {
  try {
    return decodeURIComponent(part)
  } catch {
    return part
  }
}
