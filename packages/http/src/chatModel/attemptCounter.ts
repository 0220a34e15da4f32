/**
 * Counts the calls to providers that are made for one answer: retries, and all models of a cascade, together. The counter of
 * a cascade counts what the cascades inside of it count.
 */
import { Ending } from "@switchgear/core/runtime"
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as ChatError from "../ChatError.ts"
import { type Attempt, type AttemptObserver, CurrentAttemptObserver } from "./attemptObserver.ts"
import type { Tried } from "./model.ts"

export class AttemptCounter implements Tried {
  attempts = 0
  /** A call that has not ended may be billed, too. */
  possiblyBilledAttempts = 0
  /** The name of the model whose call was begun last. */
  asking: string | undefined
  private errors: Map<string, ChatError.ChatError> | undefined
  private readonly around: AttemptCounter | undefined

  constructor(around?: AttemptCounter | undefined) {
    this.around = around
  }

  /** Counts a call, and from its exit whether it may be billed. */
  count<A, E, R>(attempt: Attempt, call: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> {
    return Effect.withFiber((fiber) => {
      new Counted(this, attempt, fiber).enter(fiber)
      return call
    })
  }

  /** A call has begun. */
  callBegan({ name }: Attempt): void {
    this.asking = name
    this.begin()
  }

  /** A call that has begun has ended. */
  callEnded(isBilled: boolean): void {
    if (!isBilled) this.refused()
    this.end()
  }

  /** A call has failed. */
  callFailed(name: string, error: ChatError.ChatError): void {
    this.errors ??= new Map()
    this.errors.set(name, error)
    this.around?.callFailed(name, error)
  }

  /**
   * How the last call to the model of a step failed: the error of the step is another one where a guard rejects the retry. The step of a cascade inside
   * ends with the name of its model, but a name that is a step itself, one of `steps`, is that of another model.
   */
  lastErrorOf(step: string, steps: ReadonlyArray<string>): ChatError.ChatError | undefined {
    const own = this.errors?.get(step)
    if (own !== undefined) return own
    for (const [name, error] of this.errors ?? []) {
      if (step.endsWith(`/${name}`) && !steps.includes(name)) return error
    }
    return undefined
  }

  protected begin(): void {
    this.attempts++
    this.possiblyBilledAttempts++
    this.around?.begin()
  }

  /** A call has ended. */
  protected end(): void {
    this.around?.end()
  }

  /** The provider did not work on a call. */
  private refused(): void {
    this.possiblyBilledAttempts--
    this.around?.refused()
  }

  /** An answer that took more calls than were counted here: another caller's call was shared, or the model counts itself. */
  atLeast({ attempts, possiblyBilledAttempts }: Tried): void {
    this.add(attempts - this.attempts, possiblyBilledAttempts - this.possiblyBilledAttempts)
  }

  private add(attempts: number, possiblyBilled: number): void {
    this.attempts += Math.max(0, attempts)
    this.possiblyBilledAttempts += Math.max(0, possiblyBilled)
    this.around?.add(attempts, possiblyBilled)
  }

  get tried(): Tried {
    return { attempts: this.attempts, possiblyBilledAttempts: this.possiblyBilledAttempts }
  }
}

/** A call that is counted. */
class Counted extends Ending {
  private readonly counter: AttemptCounter
  private readonly name: string
  private readonly observed: ReturnType<AttemptObserver["began"]> | undefined

  constructor(counter: AttemptCounter, attempt: Attempt, fiber: Fiber.Fiber<any, any>) {
    super()
    this.counter = counter
    this.name = attempt.name
    counter.callBegan(attempt)
    this.observed = fiber.getRef(CurrentAttemptObserver)?.began(attempt)
  }

  onExit(exit: Exit.Exit<unknown, unknown>): undefined {
    const isBilled = mayBeBilled(exit)
    const error = exit._tag === "Success" ? undefined : exit.cause.reasons.find(Cause.isFailReason)?.error
    if (ChatError.isChatError(error)) this.counter.callFailed(this.name, error)
    this.counter.callEnded(isBilled)
    this.observed?.(exit, isBilled)
  }
}

/** The counter of a cascade, which asks several models for one answer. Undefined where one model is asked alone. */
export const CurrentAttemptCounter = Context.Reference<AttemptCounter | undefined>(
  "@switchgear/http/chatModel/attemptCounter/CurrentAttemptCounter",
  {
    defaultValue: () => undefined
  }
)

/** No provider was asked. */
export const untried: Tried = { attempts: 0, possiblyBilledAttempts: 0 }

// Only the provider itself can say that it did not work on a call: one that was left, or that died, it may have.
const mayBeBilled = (exit: Exit.Exit<unknown, unknown>): boolean =>
  exit._tag === "Success" ||
  !exit.cause.reasons.every((reason) =>
    Cause.isFailReason(reason) && ChatError.isChatError(reason.error) && !ChatError.possiblyBilled(reason.error)
  )
