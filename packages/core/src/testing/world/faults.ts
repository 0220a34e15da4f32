/** Lets faults happen. */
import { OptionsOf } from "../../internal/config/checks.ts"
import { codes, type Engine, Event, first } from "./engine.ts"
import { ActivePartition, type Network } from "./link.ts"
import type { Fault, Names, Script } from "./model.ts"
import { inOrder, lasts, linkRules, listOf, skewOf } from "./rules.ts"
import { sentence } from "./sentence.ts"
import type { WorldNode } from "./worldNode.ts"

export class Faults {
  private readonly engine: Engine
  private readonly network: Network
  private readonly nodes: ReadonlyMap<string, WorldNode>

  constructor(engine: Engine, network: Network, nodes: ReadonlyMap<string, WorldNode>) {
    this.engine = engine
    this.network = network
    this.nodes = nodes
  }

  /** Plans the faults of a script, at their times since the start of the world. */
  plan(script: Script): void {
    for (const { at, fault } of inOrder(new OptionsOf("World"), script)) this.at(at, () => this.begin(fault))
  }

  /** A fault begins now, and ends by itself if it says so. */
  begin(fault: Fault): void {
    const now = this.engine.now()
    this.engine.trace.tell(now, sentence(fault))
    const end = this.apply(fault)
    const millis = lasts(fault)
    if (millis < Infinity) {
      this.at(now + millis, () => {
        this.engine.trace.tell(this.engine.now(), "end of: ", sentence(fault))
        end()
      })
    }
  }

  // Faults happen before anything else of their time.
  private at(at: number, happen: () => void): void {
    this.engine.place(new Event(codes.fault, undefined, happen), at, first)
  }

  /** Lets it happen. What it returns ends it. */
  private apply(fault: Fault): () => void {
    if ("crash" in fault) return all(this.of(fault.crash).map((node) => ends(node, () => node.crash())))
    if ("stop" in fault) return all(this.of(fault.stop).map((node) => ends(node, () => node.stop())))
    if ("restart" in fault) {
      for (const node of this.of(fault.restart)) node.restart()
      return nothing
    }
    if ("pause" in fault) return all(this.of(fault.pause).map((node) => node.pause()))
    if ("resume" in fault) {
      for (const node of this.of(fault.resume)) node.resume()
      return nothing
    }
    if ("partition" in fault) {
      const nodes = this.of(fault.partition)
      const partition = new ActivePartition(nodes, this.othersOf(nodes, fault.from), fault.direction ?? "both")
      if (fault.inFlight !== "delivered") this.network.loseInFlight(partition)
      this.network.partitions.push(partition)
      return () => this.heal((other) => other === partition)
    }
    if ("heal" in fault) {
      const nodes = this.of(fault.heal)
      this.heal((partition) => nodes.some((node) => partition.nodes.has(node) || partition.others.has(node)))
      return nothing
    }
    const of = new OptionsOf("World")
    if ("skew" in fault) {
      const { drift, offset } = skewOf(of, fault)
      for (const node of this.of(fault.skew)) node.clock.skew(offset, drift)
      return nothing
    }
    const nodes = this.of(fault.degrade)
    return this.network.degrade({
      nodes: new Set(nodes),
      to: new Set(this.othersOf(nodes, fault.to)),
      rules: linkRules(of, fault)
    })
  }

  private heal(heals: (partition: ActivePartition) => boolean): void {
    const { partitions } = this.network
    partitions.splice(0, Infinity, ...partitions.filter((partition) => !heals(partition)))
  }

  private of(names: Names): ReadonlyArray<WorldNode> {
    return listOf(names).map((name) => this.nodes.get(name)!)
  }

  private othersOf(nodes: ReadonlyArray<WorldNode>, names: Names | undefined): ReadonlyArray<WorldNode> {
    return names === undefined ? [...this.nodes.values()].filter((node) => !nodes.includes(node)) : this.of(names)
  }
}

// The end of it restarts the node only if nothing else has done so.
const ends = (node: WorldNode, end: () => void): () => void => {
  if (node.life === undefined) return nothing
  end()
  const { starts } = node
  return () => {
    if (node.starts === starts) node.restart()
  }
}

const all = (ends: ReadonlyArray<() => void>) => (): void => {
  for (const end of ends) end()
}

const nothing = (): void => {}
