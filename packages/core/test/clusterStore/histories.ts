/** Random histories of a fleet: what its nodes tell of one circuit, and when. */
import { Effect, Random } from "effect"
import { vi } from "vitest"

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

export const choice = <const A>(...values: ReadonlyArray<A>) =>
  Effect.map(Random.next, (share): A => values[Math.floor(share * values.length)]!)

const upTo = (most: number) => Effect.map(Random.next, (share) => Math.floor(share * (most + 1)))

const terms = Effect.gen(function*() {
  return {
    size: yield* choice(100, 100, 20, 1, 0),
    span: yield* choice(1000, 1000, 10_000, 250),
    minimumCalls: yield* choice(10, 10, 1, 3),
    failureRate: yield* choice(0.5, 0.5, 0.1, 1, 2),
    slowCallRate: yield* choice(1, 0.3, 2),
    probes: yield* choice(5, 5, 1, 3),
    probeFailureRate: yield* choice(0.5, 0.5, 5e-324),
    probeFailuresInRow: yield* choice(1e9, 2),
    spread: yield* choice("agreed", "agreed", "any")
  } as const
})

const countsUpTo = (most: number) =>
  Effect.gen(function*() {
    const calls = yield* upTo(yield* choice(0, 1, most))
    const isBad = yield* choice(true, false)
    const failures = isBad ? calls : yield* upTo(calls)
    return { calls, failures, slow: yield* upTo(calls) }
  })

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
  readonly message = (terms: CircuitMessage["terms"]): Effect.Effect<CircuitMessage> =>
    Effect.gen({ self: this }, function*() {
      const isConfused = (yield* upTo(19)) === 0
      const counts = yield* countsUpTo(30)
      const results = yield* upTo(this.held)
      const failures = yield* choice(0, 0, results)
      const wish = yield* choice<CircuitMessage["wish"]>(
        ...(this.state === "Closed"
          ? ["nothing", "nothing", "nothing"] as const
          : ["probe", "probe", "probe"] as const),
        "nothing",
        "nothing",
        "probe",
        "tripped",
        "failedInRow",
        ...((yield* upTo(9)) === 0 ? ["open", "forceOpen", "close"] as const : [])
      )
      const message: CircuitMessage = {
        epoch: isConfused ? Math.max(0, this.epoch + (yield* Random.nextIntBetween(-2, 3))) : this.epoch,
        state: isConfused ? yield* choice("Closed", "Open", "HalfOpen", "ForcedOpen") : this.state,
        remaining: this.remaining,
        openings: this.openings,
        counts,
        own: { calls: counts.calls + (yield* upTo(20)), failures: counts.failures, slow: counts.slow },
        wish,
        openFor: yield* choice(1000, 1000, 100, 30_000, 0),
        terms,
        probes: {
          results,
          failures,
          slow: yield* choice(0, 0, results),
          failuresInRow: failures,
          voided: yield* upTo(this.held - results),
          retryAfter: yield* choice(0, 0, 5000),
          held: yield* choice(this.held, this.held, 0, 1, 100)
        }
      }
      this.held -= message.probes.results + message.probes.voided
      return message
    })

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
    const nodes = Array.from({ length: yield* Random.nextIntBetween(1, 5) }, (_, i) => new Node(`node ${i}`))
    const usual = yield* terms
    let micros = 1_300_000_000_000_000 + (yield* upTo(999_999))
    const steps = yield* Random.nextIntBetween(5, 30)
    for (let step = 0; step < steps; step++) {
      // A clock that is set may go back.
      const passed = yield* choice(0, 0, 1, 20, 99, 100, 101, 250, 1000, 1001, 10_000, 30_000, 300_000, -1, -60_000)
      micros += 1000 * passed + (yield* upTo(1))
      const node = yield* choice(...nodes)
      const message = yield* node.message((yield* upTo(9)) === 0 ? yield* terms : usual)
      const now = Math.floor(micros / 1000)
      const call: CircuitCall = {
        node: node.name,
        said: yield* choice(0, now, now - 100, now - 2000, now - 2001),
        longestWay: 2000,
        goneAfter: 15_000,
        holdFor: yield* choice(10_000, 1000),
        circuits: [[circuit, message]]
      }
      const reply = yield* answer({ micros, call })
      if ((yield* upTo(9)) > 0) node.hear(reply.circuits[0]!)
    }
  })
