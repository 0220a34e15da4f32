/**
 * The attempts of a pipeline that wait for a rate limiter or a bulkhead. When the circuit opens, they are rejected at
 * once instead of after their wait.
 */
import type { OnOpening } from "../circuitBreaker/openingListeners.ts"
import type { Admission, AnyFiber, Check } from "../internal/runtime/guard.ts"

export interface WaitingAttempt {
  readonly fiber: AnyFiber
  /** The admission of the guard that makes the attempt wait. */
  readonly admission: Admission
}

export class WaitingAttempts {
  private readonly refuse: Check
  private readonly onOpening: OnOpening
  /** Made when one waits: most calls never do. */
  private attempts: Set<WaitingAttempt> | undefined
  private stopListening: (() => void) | undefined

  constructor(refuse: Check, onOpening: OnOpening) {
    this.refuse = refuse
    this.onOpening = onOpening
  }

  add(attempt: WaitingAttempt): void {
    ;(this.attempts ??= new Set()).add(attempt)
    this.stopListening ??= this.onOpening(() => this.sendAway())
  }

  delete(attempt: WaitingAttempt): void {
    this.attempts?.delete(attempt)
    if (this.attempts !== undefined && this.attempts.size > 0) return
    this.stopListening?.()
    this.stopListening = undefined
  }

  private sendAway(): void {
    for (const { admission, fiber } of this.attempts ?? []) admission.sendAway(() => this.refuse(fiber))
  }
}
