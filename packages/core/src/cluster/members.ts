/**
 * Which circuit of a name speaks for this node. Of several, the first does; when it leaves, the next one takes its place and goes
 * on with what it has heard.
 */
import type { Fleet } from "../circuitBreaker/fleet.ts"
import type { LinkedCircuit } from "../circuitBreaker/linkedCircuit.ts"
import { Member } from "./member.ts"
import type { Syncer } from "./syncer.ts"

export class Members implements Fleet {
  private readonly syncer: Syncer
  /** By name, the one that speaks first. */
  private readonly circuits = new Map<string, Array<LinkedCircuit>>()

  constructor(syncer: Syncer) {
    this.syncer = syncer
  }

  readonly join = (circuit: LinkedCircuit): () => void => {
    const all = this.circuits.get(circuit.name) ?? []
    if (all.push(circuit) === 1) {
      this.circuits.set(circuit.name, all)
      this.speak(circuit, undefined)
    }
    return () => this.leave(circuit, all)
  }

  private speak(circuit: LinkedCircuit, before: Member | undefined): void {
    const member = new Member(circuit, this.syncer)
    if (before !== undefined) member.goOnFrom(before)
    circuit.joinBy(member)
    this.syncer.add(member)
  }

  private leave(circuit: LinkedCircuit, all: Array<LinkedCircuit>): void {
    const at = all.indexOf(circuit)
    if (at < 0) return
    all.splice(at, 1)
    if (at > 0) return
    const { name } = circuit
    const member = this.syncer.find(name)!
    this.syncer.remove(member)
    circuit.joinBy(undefined)
    if (all.length > 0) this.speak(all[0]!, member)
    else this.circuits.delete(name)
  }
}
