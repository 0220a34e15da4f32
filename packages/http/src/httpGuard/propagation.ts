/**
 * What a request takes along, and what its response gives back: the attempts that its server has not spent.
 *
 * A server that has told once what is left is known to spend attempts. When its next answer does not come, all that were
 * given to it count as spent, since they may be.
 */
import type * as Attempts from "@switchgear/core/Attempts"
import * as Bulkhead from "@switchgear/core/Bulkhead"
import * as Deadline from "@switchgear/core/Deadline"
import * as Effect from "effect/Effect"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import type * as HttpClientResponse from "effect/http/HttpClientResponse"
import { attemptsHeader, attemptsIn } from "../propagation/attempts.ts"
import { withTold } from "../propagation/baggage.ts"
import type { Propagated } from "./model.ts"

type Request = HttpClientRequest.HttpClientRequest
type Response = HttpClientResponse.HttpClientResponse

/** Keys that are remembered to have told what is left. */
const mostTelling = 10_000

export class Propagation {
  private readonly propagatedBy: (request: Request) => Propagated
  private readonly telling = new Set<string>()

  constructor(propagatedBy: (request: Request) => Propagated) {
    this.propagatedBy = propagatedBy
  }

  /** Sends the request with what it takes along, which is what is left in this step. */
  sending<E, R>(
    key: string,
    request: Request,
    budget: Attempts.Budget | undefined,
    ask: (request: Request) => Effect.Effect<Response, E, R>
  ): Effect.Effect<Response, E, R> {
    const propagated = this.propagatedBy(request)
    if (propagated === "nothing") return ask(request)
    return Effect.withFiber((fiber) => {
      const given = budget?.left ?? Infinity
      const told = propagated === "everything"
        ? withTold(request.headers["baggage"], {
          priority: fiber.getRef(Bulkhead.CurrentPriority),
          key: fiber.getRef(Bulkhead.CurrentKey)
        })
        : undefined
      const own = {
        ...given < Infinity && { [attemptsHeader]: String(given) },
        ...told !== undefined && { baggage: told }
      }
      let isAnswered = false
      return Effect.flatMap(
        Deadline.toHeader,
        (deadline) => ask(HttpClientRequest.setHeaders(request, { ...deadline, ...own }))
      ).pipe(
        Effect.tap((response) =>
          Effect.sync(() => {
            isAnswered = true
            if (budget !== undefined) this.answered(key, response, given, budget)
          })
        ),
        Effect.onError(() =>
          Effect.sync(() => {
            if (!isAnswered && budget !== undefined && this.telling.has(key)) spend(budget, given)
          })
        )
      )
    })
  }

  private answered(key: string, response: Response, given: number, budget: Attempts.Budget): void {
    const left = attemptsIn(response.headers)
    if (left === undefined || given === Infinity) return
    if (this.telling.size < mostTelling) this.telling.add(key)
    spend(budget, given - left)
  }
}

const spend = (budget: Attempts.Budget, attempts: number): void => {
  for (let i = 0; i < attempts && budget.take(); i++);
}
