/** What joins a circuit with those of other nodes, as the circuit sees it. No circuit knows more of a fleet than this. */
import type * as Effect from "effect/Effect"

export interface CircuitLink {
  /** Whether the fleet decides when the target is tried again and when the circuit closes. Otherwise the circuit does. */
  readonly leads: boolean
  /** Whether the node holds a probe of the fleet that no call has taken. */
  readonly hasProbe: boolean
  /** A call takes a probe that the node holds. */
  takeProbe(): void
  /** Whether a call may ask for a probe now. */
  readonly mayAsk: boolean
  /** Asks for a probe. The effect ends with the answer, or without one in time; interrupting it asks no less. */
  readonly askProbe: Effect.Effect<void>
  /** A probe has ended with a result. `retryAfter` is the wait that the target asked for, in milliseconds. */
  probed(failed: boolean, slow: boolean, retryAfter: number | undefined): void
  /** A probe has ended without a result. */
  voided(): void
  /** The circuit has opened here, until a monotonic time: by its rates, by failures in a row, or because it has to. */
  opened(by: "tripped" | "failedInRow" | "open", until: number): void
}
