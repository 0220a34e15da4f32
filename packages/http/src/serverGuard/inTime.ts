/**
 * Runs a handler in its limit, until the time of its request is over.
 *
 * Invariants. What can be interrupted is what could be without a guard: a router makes its routes so, and not those that must
 * be run to their end; a caller, who tells the time, must not change that. The waiting for either can always be interrupted,
 * so that a caller who leaves ends what can be ended. Errors of the handler pass as they are, also those that the guard itself
 * has.
 */
import * as Bulkhead from "@switchgear/core/Bulkhead"
import * as Deadline from "@switchgear/core/Deadline"
import * as ByteSize from "effect/ByteSize"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as HttpIncomingMessage from "effect/http/HttpIncomingMessage"
import type { HttpServerResponse } from "effect/http/HttpServerResponse"
import type { Asked } from "./asked.ts"
import { type Held, Refused } from "./held.ts"
import { responseOf } from "./refusals.ts"
import type { Settings } from "./settings.ts"

export const inTime = <E, R>(
  asked: Asked,
  settings: Settings,
  held: Held,
  handler: Effect.Effect<HttpServerResponse, E, R>
): Effect.Effect<HttpServerResponse, E, R> =>
  Effect.uninterruptibleMask((restore) => {
    const entered = Effect.withFiber<HttpServerResponse, E, R>((fiber) =>
      Effect.flatMap(held.enter(contextOf(asked, settings, fiber.context)), (inside) =>
        inside instanceof Refused
          ? Effect.succeed(responseOf(inside.answer))
          : Effect.onExit(
            Effect.provideContext(restore(handler), inside),
            (exit) => Effect.sync(() => held.end(told(exit)))
          ))
    )
    if (asked.left === Infinity) return entered
    return Effect.uninterruptible(Effect.exit(entered)).pipe(
      Deadline.within(Duration.millis(asked.left)),
      Effect.interruptible,
      Effect.matchEffect({
        onFailure: (error) =>
          Effect.sync(() => {
            held.timeOut()
            held.end(Exit.fail(error))
            return responseOf(error.toResponse())
          }),
        onSuccess: (exit): Exit.Exit<HttpServerResponse, E> => exit
      })
    )
  })

/** What the handler runs with. A body that does not tell its length may not be longer than what it was taken for. */
const contextOf = (
  { key, length, priority }: Asked,
  { assumedBytes }: Settings,
  context: Context.Context<never>
): Context.Context<never> => {
  let own = context
  if (priority !== undefined) own = Context.add(own, Bulkhead.CurrentPriority, priority)
  if (key !== undefined) own = Context.add(own, Bulkhead.CurrentKey, key)
  if (length !== undefined || assumedBytes === Infinity) return own
  const most = Context.get(context, HttpIncomingMessage.MaxBodySize)
  return most !== undefined && Number(most) <= assumedBytes
    ? own
    : Context.add(own, HttpIncomingMessage.MaxBodySize, ByteSize.bytes(assumedBytes))
}

/** A response that says that the server could not do it is no success to a limit that learns. */
const told = (exit: Exit.Exit<HttpServerResponse, unknown>): Exit.Exit<unknown, unknown> =>
  exit._tag === "Success" && exit.value.status >= 500 ? Exit.fail({ status: exit.value.status }) : exit
