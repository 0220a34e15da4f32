/** The way from one node to another, and back: what becomes of a call that takes it. */
import type * as Random from "effect/Random"
import type { Engine, Event } from "./engine.ts"
import type { Partition } from "./model.ts"
import type { LinkRules } from "./rules.ts"
import { happens, seeded } from "./seeded.ts"
import type { WorldNode } from "./worldNode.ts"

/** One direction between two nodes. */
export class Wire {
  readonly from: WorldNode
  readonly to: WorldNode
  /** The number of times at which messages under way were lost. */
  cuts = 0
  /** The last message, if the order is that of sending. */
  last: Event | undefined

  constructor(from: WorldNode, to: WorldNode) {
    this.from = from
    this.to = to
  }
}

/** A partition that is in force. */
export class ActivePartition {
  readonly nodes: ReadonlySet<WorldNode>
  readonly others: ReadonlySet<WorldNode>
  private readonly direction: NonNullable<Partition["direction"]>

  constructor(
    nodes: ReadonlyArray<WorldNode>,
    others: ReadonlyArray<WorldNode>,
    direction: NonNullable<Partition["direction"]>
  ) {
    this.nodes = new Set(nodes)
    this.others = new Set(others)
    this.direction = direction
  }

  cuts({ from, to }: Wire): boolean {
    return (this.direction !== "incoming" && this.nodes.has(from) && this.others.has(to)) ||
      (this.direction !== "outgoing" && this.nodes.has(to) && this.others.has(from))
  }
}

/** A change of links that is in force. */
export interface ActiveDegrade {
  readonly nodes: ReadonlySet<WorldNode>
  readonly to: ReadonlySet<WorldNode>
  readonly rules: Partial<LinkRules>
}

/** The calls that one node makes to another. */
export class Link {
  readonly out: Wire
  readonly back: Wire
  readonly random: Random.Random
  private readonly usual: LinkRules
  private readonly network: Network
  private rules: LinkRules
  private version = 0

  constructor(network: Network, out: Wire, back: Wire, usual: LinkRules) {
    this.network = network
    this.out = out
    this.back = back
    this.usual = usual
    this.rules = usual
    this.random = seeded(network.seed, "link", out.from.name, out.to.name)
  }

  losesRequest(): boolean {
    return this.network.isCut(this.out) || happens(this.current().requestLoss, this.random)
  }

  losesReply(): boolean {
    return this.network.isCut(this.back) || happens(this.current().replyLoss, this.random)
  }

  duplicates(): boolean {
    return happens(this.current().duplicates, this.random)
  }

  /** Sends a message in one direction. */
  send(wire: Wire, message: Event): void {
    const { engine } = this.network
    const { latency, order } = this.current()
    const at = engine.now() + latency(this.random)
    if (order === "any") return engine.place(message, at)
    const { last } = wire
    wire.last = message
    // With the same tie, two messages of one time keep their order.
    if (last === undefined || last.at < at) engine.place(message, at)
    else engine.place(message, last.at, last.tie)
  }

  private current(): LinkRules {
    if (this.version !== this.network.version) {
      this.version = this.network.version
      const changes = this.network.degrades.filter(({ nodes, to }) => nodes.has(this.out.from) && to.has(this.out.to))
      this.rules = Object.assign({}, this.usual, ...changes.map(({ rules }) => rules))
    }
    return this.rules
  }
}

/** All links of a world, each made when it is first used. */
export class Network {
  readonly seed: string
  readonly engine: Engine
  readonly degrades: Array<ActiveDegrade> = []
  readonly partitions: Array<ActivePartition> = []
  /** Changes with `degrades`. */
  version = 0
  private readonly usual: (from: string, to: string) => LinkRules
  private readonly wires = new Map<WorldNode, Map<WorldNode, Wire>>()
  private readonly links = new Map<WorldNode, Map<WorldNode, Link>>()

  constructor(seed: string, engine: Engine, usual: (from: string, to: string) => LinkRules) {
    this.seed = seed
    this.engine = engine
    this.usual = usual
  }

  link(from: WorldNode, to: WorldNode): Link {
    return between(
      this.links,
      from,
      to,
      () => new Link(this, this.wire(from, to), this.wire(to, from), this.usual(from.name, to.name))
    )
  }

  isCut(wire: Wire): boolean {
    return this.partitions.some((partition) => partition.cuts(wire))
  }

  /** Loses what is under way between the two sides. */
  loseInFlight(partition: ActivePartition): void {
    for (const wires of this.wires.values()) {
      for (const wire of wires.values()) if (partition.cuts(wire)) wire.cuts++
    }
  }

  degrade(change: ActiveDegrade): () => void {
    this.degrades.push(change)
    this.version++
    return () => {
      this.degrades.splice(this.degrades.indexOf(change), 1)
      this.version++
    }
  }

  private wire(from: WorldNode, to: WorldNode): Wire {
    return between(this.wires, from, to, () => new Wire(from, to))
  }
}

const between = <A>(
  all: Map<WorldNode, Map<WorldNode, A>>,
  from: WorldNode,
  to: WorldNode,
  make: () => A
): A => {
  let own = all.get(from)
  if (own === undefined) all.set(from, own = new Map())
  let one = own.get(to)
  if (one === undefined) own.set(to, one = make())
  return one
}
