/** Random histories of a fleet: what its nodes tell of one circuit, and when. */
import { Effect } from "effect"
import { vi } from "vitest"
import { Chance } from "./chance.ts"

export const { MemoryTable } = await vi.importActual<typeof import("../../src/clusterStore/memoryTable.ts")>(
  "../../src/clusterStore/memoryTable.ts"
)
export type CircuitCall = import("../../src/clusterStore/circuitCall.ts").CircuitCall
export type CircuitMessage = import("../../src/clusterStore/circuitModel.ts").CircuitMessage
export type CircuitReply = import("../../src/clusterStore/circuitCall.ts").CircuitReply
export type CircuitEvent = import("../../src/clusterStore/circuitModel.ts").CircuitEvent

export interface Step {
  /** When it arrives at the store, in microseconds. */
  readonly micros: number
  readonly call: CircuitCall
}

const termsOf = ({ choice }: Chance) =>
  ({
    size: choice(100, 100, 20, 1, 0),
    span: choice(1000, 1000, 10_000, 250),
    minimumCalls: choice(10, 10, 1, 3),
    failureRate: choice(0.5, 0.5, 0.1, 1, 2),
    slowCallRate: choice(1, 0.3, 2),
    probes: choice(5, 5, 1, 3),
    probeFailureRate: choice(0.5, 0.5, 5e-324),
    probeFailuresInRow: choice(1e9, 2),
    spread: choice("agreed", "agreed", "any")
  }) as const

const countsUpTo = ({ choice, upTo }: Chance, most: number) => {
  const calls = upTo(choice(0, 1, most))
  // Of calls that were slow before.
  if (upTo(9) === 0) return { calls: upTo(1), failures: upTo(5), slow: 0 }
  const isBad = choice(true, false)
  const failures = isBad ? calls : upTo(calls)
  return { calls, failures, slow: upTo(calls) }
}

/** What a node that was answered so would believe, or something else. */
export class Node {
  readonly name: string
  private epoch = 0
  private state: CircuitMessage["state"] = "Closed"
  private remaining = 0
  private openings = 0
  private held = 0

  constructor(name: string) {
    this.name = name
  }

  /** What it tells: mostly what it believes, and sometimes something else. */
  message(chance: Chance, terms: CircuitMessage["terms"]): CircuitMessage {
    const { between, choice, upTo } = chance
    const isConfused = upTo(19) === 0
    const counts = countsUpTo(chance, 30)
    const results = upTo(this.held)
    const failures = choice(0, 0, results)
    const wish = choice<CircuitMessage["wish"]>(
      ...(this.state === "Closed"
        ? ["nothing", "nothing", "nothing"] as const
        : ["probe", "probe", "probe"] as const),
      "nothing",
      "nothing",
      "probe",
      "tripped",
      "failedInRow",
      ...(upTo(9) === 0 ? ["open", "forceOpen", "close"] as const : [])
    )
    const message: CircuitMessage = {
      epoch: isConfused ? Math.max(0, this.epoch + between(-2, 3)) : this.epoch,
      state: isConfused ? choice("Closed", "Open", "HalfOpen", "ForcedOpen") : this.state,
      remaining: this.remaining,
      openings: this.openings,
      counts,
      own: { calls: counts.calls + upTo(20), failures: counts.failures, slow: counts.slow },
      wish,
      openFor: choice(1000, 1000, 100, 30_000, 0),
      terms,
      probes: {
        results,
        failures,
        slow: choice(0, 0, results),
        failuresInRow: failures,
        voided: upTo(this.held - results),
        retryAfter: choice(0, 0, 5000),
        held: choice(this.held, this.held, 0, 1, 100)
      }
    }
    this.held -= message.probes.results + message.probes.voided
    return message
  }

  hear(answer: CircuitReply["circuits"][number]): void {
    if (answer._tag === "Closed") return
    if (answer.epoch !== this.epoch) this.held = 0
    this.epoch = answer.epoch
    this.state = answer.state
    this.remaining = answer.remaining
    this.openings = answer.openings
    if (answer.isGranted) this.held++
  }
}

/** Plays a history. `answer` gives what the store says to each step; it is heard by the node, unless that is lost. */
export const play = <E>(
  circuit: string,
  answer: (step: Step) => Effect.Effect<CircuitReply, E>
): Effect.Effect<void, E> =>
  Effect.gen(function*() {
    const chance = yield* Chance
    const { between, choice, upTo } = chance
    const nodes = Array.from({ length: between(1, 5) }, (_, i) => new Node(`node ${i}`))
    const usual = termsOf(chance)
    let micros = 1_300_000_000_000_000 + upTo(999_999)
    const steps = between(5, 30)
    for (let step = 0; step < steps; step++) {
      // A clock that is set may go back.
      const passed = choice(0, 0, 1, 20, 99, 100, 101, 250, 1000, 1001, 10_000, 30_000, 300_000, -1, -60_000)
      micros += 1000 * passed + upTo(1)
      const node = choice(...nodes)
      const message = node.message(chance, upTo(9) === 0 ? termsOf(chance) : usual)
      const now = Math.floor(micros / 1000)
      const call: CircuitCall = {
        node: node.name,
        said: choice(0, now, now - 100, now - 2000, now - 2001),
        longestWay: 2000,
        goneAfter: 15_000,
        holdFor: choice(10_000, 1000),
        circuits: [[circuit, message]]
      }
      const reply = yield* answer({ micros, call })
      if (upTo(9) > 0) node.hear(reply.circuits[0]!)
    }
  })
