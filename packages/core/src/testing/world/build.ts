/** A world at work: its parts, and what ends it. */
import type * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Layer from "effect/Layer"
import * as Metric from "effect/Metric"
import type * as Scheduler from "effect/Scheduler"
import * as Scope from "effect/Scope"
import type { OptionsOf } from "../../internal/config/checks.ts"
import { seedOf } from "../chaos/seeds.ts"
import { present } from "../words.ts"
import { Fifo } from "../virtualClock/fifo.ts"
import { RunQueue } from "../virtualClock/runQueue.ts"
import { Calls } from "./calls.ts"
import { Engine } from "./engine.ts"
import { Faults } from "./faults.ts"
import { InvariantBroken } from "./invariantBroken.ts"
import { Network } from "./link.ts"
import type { Fault, Invariant, LinkOptions, NodeShape, Script, SkewOptions, View } from "./model.ts"
import { checkFault, checkNames, checkScript, inOrder, type LinkRules, skewOf, wholeLink } from "./rules.ts"
import { lines } from "./sentence.ts"
import { Trace } from "./trace.ts"
import { type Program, WorldNode } from "./worldNode.ts"

/** What a world is made of. */
export interface Parts {
  readonly seed?: string | number | undefined
  readonly nodes: Readonly<Record<string, Layer.Layer<never, any, any>>>
  readonly clocks?: Readonly<Record<string, SkewOptions | undefined>> | undefined
  readonly link?: LinkOptions | ((from: string, to: string) => LinkOptions) | undefined
  readonly script?: Script | undefined
  readonly invariants?: ReadonlyArray<Invariant> | undefined
}

export class Building {
  readonly seed: string
  readonly trace = new Trace()
  readonly engine: Engine
  readonly calls: Calls
  readonly faults: Faults
  readonly view: View
  readonly invariants: ReadonlyArray<string>
  /** Completed when the world is broken. */
  readonly broken = Deferred.makeUnsafe<never, any>()
  private readonly of: OptionsOf
  private readonly nodes = new Map<string, WorldNode>()
  private readonly onBroken: (error: InvariantBroken) => void
  private script: Script = []
  private checks: ReadonlyArray<Check>

  constructor(
    of: OptionsOf,
    parts: Parts,
    around: {
      readonly clock: Clock.Clock
      readonly scheduler: Scheduler.Scheduler
      readonly context: Context.Context<never>
      /** The seed of the scenario in which it is made, if any: each run has another world. */
      readonly runSeed: string | undefined
      /** Called once for each invariant that breaks, before the next event. @default it is the end of the world */
      readonly onBroken: ((error: InvariantBroken) => void) | undefined
      /** Gives a program the node it runs on. */
      readonly provideNode: (node: NodeShape) => (context: Context.Context<never>) => Context.Context<any>
    }
  ) {
    this.of = of
    this.onBroken = around.onBroken ?? ((error) => this.end(Exit.fail(error)))
    const { clocks = {}, invariants = [], link = {}, nodes, script = [], seed = 1 } = parts
    this.seed = String(seed)
    const streams = around.runSeed === undefined ? this.seed : seedOf("world", around.runSeed, this.seed)
    const names = Object.keys(nodes)
    if (names.length === 0) of.refuse("nodes", "at least one by name", nodes)
    const usual = usualLinks(of, link)
    this.engine = new Engine({
      seed: streams,
      clock: around.clock,
      scheduler: around.scheduler,
      trace: this.trace,
      afterEvent: () => this.check()
    })
    const network = new Network(streams, this.engine, usual)
    this.calls = new Calls(this.engine, network)
    this.faults = new Faults(this.engine, network, this.nodes)
    const wallAtStart = around.clock.currentTimeMillisUnsafe()
    // Fibers of a node that crashes never end, so that whoever counts fibers must not count these.
    const context = Context.omit(Scope.Scope)(around.context).pipe(
      Context.add(Metric.FiberRuntimeMetrics, undefined)
    ) as Context.Context<never>
    for (const [index, name] of names.entries()) {
      const program: Program = {
        layer: nodes[name]!,
        context: (node) => around.provideNode(this.shapeOf(node))(context),
        onFailure: (_, { cause }) => this.end(Exit.failCause(cause)),
        scheduler: around.scheduler,
        linesOf: (chanceOf) => (around.scheduler instanceof RunQueue ? around.scheduler : fifo).branch(chanceOf)
      }
      this.nodes.set(
        name,
        new WorldNode({ index, name, seed: streams, engine: this.engine, wallAtStart, program })
      )
    }
    for (const [name, skew] of Object.entries(clocks)) {
      const { drift, offset } = skewOf(of.within(`clocks.${name}`), skew ?? {})
      this.node("clocks", name).clock.skew(offset, drift)
    }
    this.view = {
      now: this.engine.now,
      running: () => names.filter((name) => this.nodes.get(name)!.life !== undefined),
      service: (node, key) => {
        const services = this.node("node", node).life?.services
        return services && Context.getOrUndefined(services, key as never)
      },
      disk: (node, key, initial) => this.node("node", node).look(key, initial),
      runSync: (node, effect) => {
        const { life } = this.node("node", node)
        if (life === undefined) throw new Error(`World: node ${JSON.stringify(node)} is down: nothing runs on it`)
        return life.runSync(effect)
      }
    }
    this.checks = invariants.map(({ make, name }) => ({ name, check: make(this.view) }))
    this.invariants = invariants.map(({ name }) => name)
    this.plan(script)
    this.engine.inStep(() => {
      for (const node of this.nodes.values()) node.start()
    })
  }

  /** Lets the faults of a script happen, at their times from now on. */
  plan(script: Script): void {
    const now = this.engine.now()
    checkScript(this.of, script, [...this.nodes.keys()])
    this.script = inOrder(this.of, script).map(({ at, fault }) => ({ ...fault, at: now + at }))
    this.faults.plan(this.script)
  }

  node(field: string, name: string): WorldNode {
    return this.nodes.get(name) ?? this.of.refuse(field, `a node: ${present([...this.nodes.keys()])}`, name)
  }

  inject(fault: Fault): void {
    checkFault(this.of, fault)
    checkNames(this.of, fault, [...this.nodes.keys()])
    this.engine.inStep(() => this.faults.begin(fault))
  }

  /** Nothing happens any more. Whoever waits for `broken` gets this exit. */
  end(exit: Exit.Exit<never, unknown> = Exit.interrupt()): void {
    this.engine.end()
    for (const node of this.nodes.values()) node.crash()
    Deferred.doneUnsafe(this.broken, exit)
  }

  report(): { seed: string; millis: number; events: number; digest: string; last: ReadonlyArray<string> } {
    const { trace } = this
    return {
      seed: this.seed,
      millis: this.engine.now(),
      events: trace.events,
      digest: trace.digest(),
      last: trace.lines()
    }
  }

  private check(): void {
    try {
      for (const one of this.checks) {
        const problem = one.check()
        if (problem !== undefined) return this.breaks(one, problem)
      }
    } catch (defect) {
      this.end(Exit.die(defect))
    }
  }

  private breaks(invariant: Check, problem: string): void {
    this.checks = this.checks.filter((one) => one !== invariant)
    this.onBroken(
      new InvariantBroken({
        invariant: invariant.name,
        problem,
        seed: this.seed,
        millis: this.engine.now(),
        faults: lines(this.script),
        last: this.trace.lines()
      })
    )
  }

  private shapeOf(node: WorldNode): NodeShape {
    return {
      name: node.name,
      peers: [...this.nodes.keys()].filter((name) => name !== node.name),
      call: (to, service, use) => Effect.suspend(() => this.calls.call(node, this.node("to", to), service, use)),
      disk: (key, initial) => Effect.sync(() => node.disk(key, initial))
    }
  }
}

const fifo = new Fifo()

interface Check {
  readonly name: string
  readonly check: () => string | undefined
}

const usualLinks = (
  of: OptionsOf,
  link: LinkOptions | ((from: string, to: string) => LinkOptions)
): (from: string, to: string) => LinkRules => {
  if (typeof link === "function") return (from, to) => wholeLink(of.within(`link(${from}, ${to})`), link(from, to))
  const rules = wholeLink(of.within("link"), link)
  return () => rules
}
