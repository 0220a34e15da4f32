/** A node: its clock, its random numbers and its disk, and the life that it lives from a start to a crash. */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Random from "effect/Random"
import * as Ref from "effect/Ref"
import * as Scheduler from "effect/Scheduler"
import * as Scope from "effect/Scope"
import * as Registry from "../../Registry.ts"
import type { Line } from "../virtualClock/line.ts"
import { CurrentWork } from "../virtualClock/pendingWork.ts"
import { RunQueue } from "../virtualClock/runQueue.ts"
import { codes, type Engine, Event, type Runner } from "./engine.ts"
import { LifeWork } from "./lifeWork.ts"
import { NodeClock } from "./nodeClock.ts"
import { Connections, CurrentConnections } from "./outside.ts"
import { seeded } from "./seeded.ts"

export class WorldNode implements Runner {
  readonly index: number
  readonly name: string
  readonly clock: NodeClock
  readonly held: Array<Event> = []
  /** What keeps the node paused. */
  readonly pauses = new Set<object>()
  life: Life | undefined
  starts = 0
  /** A line for the fibers of a life. */
  readonly newLine: () => Line
  private readonly engine: Engine
  private readonly program: Program
  private readonly random: Random.Random
  private readonly values = new Map<string, Ref.Ref<any>>()
  private readonly alarm: Event

  constructor(options: {
    readonly index: number
    readonly name: string
    readonly seed: string
    readonly engine: Engine
    readonly wallAtStart: number
    readonly program: Program
  }) {
    this.index = options.index
    this.name = options.name
    this.engine = options.engine
    this.program = options.program
    this.random = seeded(options.seed, "node", options.name)
    this.newLine = options.program.linesOf((draw) => seeded(options.seed, "order", options.name, String(draw)))
    this.alarm = new Event(codes.wake, this, () => this.clock.wakeNext())
    this.clock = new NodeClock({
      worldTime: this.engine.now,
      wallAtStart: options.wallAtStart,
      onNext: () => this.setAlarm(),
      line: this.newLine()
    })
  }

  get isPaused(): boolean {
    return this.pauses.size > 0
  }

  disk<A>(key: string, initial: A): Ref.Ref<A> {
    let value = this.values.get(key)
    if (value === undefined) this.values.set(key, value = Ref.makeUnsafe(initial))
    return value
  }

  /** What is on the disk; `initial` if nothing is. */
  look<A>(key: string, initial: A): A {
    const value = this.values.get(key)
    return value === undefined ? initial : Ref.getUnsafe(value)
  }

  restart(): void {
    if (this.life !== undefined) this.crash()
    this.start()
  }

  start(): void {
    this.starts++
    this.life = new Life(this, this.engine, this.program, this.random)
    this.clock.boot()
    this.life.begin()
  }

  crash(): void {
    const { life } = this
    this.life = undefined
    life?.crash()
    this.engine.isNotReady(this)
    this.clock.boot()
    this.resume()
  }

  /** Runs the finalizers of the node. It is down when they have ended. */
  stop(): void {
    const { life } = this
    life?.stop(() => {
      if (this.life === life) this.crash()
    })
  }

  /** Pauses the node; the answer ends this pause. */
  pause(): () => void {
    // A process that is not there cannot be paused.
    if (this.life === undefined) return () => {}
    const pause = {}
    this.pauses.add(pause)
    this.life.work.pause()
    this.engine.isNotReady(this)
    return () => {
      if (this.pauses.delete(pause)) this.resumeIfFree()
    }
  }

  resume(): void {
    this.pauses.clear()
    this.resumeIfFree()
  }

  readonly takeTurn = (): void => this.life?.takeTurn()

  private resumeIfFree(): void {
    if (this.isPaused) return
    this.life?.work.resume()
    if (this.life?.isReady) this.engine.isReady(this)
    this.engine.release(this)
  }

  private setAlarm(): void {
    const at = this.clock.nextAt()
    if (at === this.alarm.at && this.alarm.spot >= 0) return
    const held = this.held.indexOf(this.alarm)
    if (held >= 0) this.held.splice(held, 1)
    if (at === Infinity) this.engine.remove(this.alarm)
    else this.engine.place(this.alarm, at)
  }
}

/** What a node runs. */
export interface Program {
  readonly layer: Layer.Layer<never, any, any>
  /** The services of the world's maker, and those of the node. */
  readonly context: (node: WorldNode) => Context.Context<any>
  /** The layer has failed. */
  readonly onFailure: (node: WorldNode, exit: Exit.Failure<unknown, unknown>) => void
  readonly scheduler: Scheduler.Scheduler
  /** Makes the lines of a node. */
  readonly linesOf: (chanceOf: (draw: number) => Random.Random) => () => Line
}

/**
 * From a start of a node to its crash. It is the scheduler below the run queue of the node, and says which fibers
 * continue. After the crash none does, even if it is resumed from outside.
 */
export class Life implements Scheduler.Scheduler {
  readonly executionMode = "async"
  /** Undefined until the layer is built. */
  services: Context.Context<never> | undefined
  private readonly node: WorldNode
  private readonly engine: Engine
  private readonly program: Program
  private readonly context: Context.Context<any>
  private readonly scope = Scope.makeUnsafe()
  private building: Fiber.Fiber<unknown, unknown> | undefined
  private turn: (() => void) | undefined
  private isStopping = false
  readonly work: LifeWork
  private readonly connections = new Connections()

  constructor(node: WorldNode, engine: Engine, program: Program, random: Random.Random) {
    this.node = node
    this.engine = engine
    this.program = program
    const context = program.context(node)
    this.work = new LifeWork(Context.get(context, CurrentWork))
    const queue = new RunQueue({
      parent: this,
      outer: program.scheduler instanceof RunQueue ? program.scheduler : undefined,
      stepsATurn: 1,
      work: this.work,
      line: node.newLine(),
      atRest: () => "wait",
      onWoken: () => {}
    })
    this.context = context.pipe(
      Context.add(CurrentWork, this.work),
      Context.add(CurrentConnections, this.connections),
      Context.add(Clock.Clock, node.clock),
      Context.add(Scheduler.Scheduler, queue),
      Context.add(Random.Random, random),
      Context.add(Registry.CurrentRegistry, Effect.runSync(Registry.make()))
    )
  }

  get isReady(): boolean {
    return this.turn !== undefined
  }

  begin(): void {
    const built = this.run(Layer.buildWithMemoMap(this.program.layer, Layer.makeMemoMapUnsafe(), this.scope))
    this.building = built
    built.addObserver((exit) => {
      // Nobody is told of a layer that was still being built when the node was stopped.
      if (this.building === undefined) return
      this.building = undefined
      if (exit._tag === "Success") this.services = exit.value
      else this.program.onFailure(this.node, exit)
    })
  }

  stop(onEnd: () => void): void {
    if (this.isStopping) return
    this.isStopping = true
    const { building } = this
    this.building = undefined
    this.services = undefined
    const interrupted = building === undefined ? Effect.void : Fiber.interrupt(building)
    this.run(Effect.andThen(interrupted, Scope.close(this.scope, Exit.void))).addObserver(onEnd)
  }

  /** Nothing of it goes on, and nobody waits for it. */
  crash(): void {
    this.work.pause()
    this.connections.break()
  }

  /** Runs an effect on the node, in a turn of the node. */
  run<A, E>(effect: Effect.Effect<A, E, any>): Fiber.Fiber<A, E> {
    return Effect.runForkWith(this.context)(Effect.andThen(Effect.yieldNow, effect))
  }

  runSync<A, E>(effect: Effect.Effect<A, E>): A {
    return Effect.runSyncWith(this.context)(effect)
  }

  takeTurn(): void {
    const { turn } = this
    this.turn = undefined
    turn?.()
  }

  shouldYield(fiber: Fiber.Fiber<unknown, unknown>): boolean {
    // It is asked in any case, because it is to know who runs.
    const yields = this.program.scheduler.shouldYield(fiber)
    return !this.continues || yields
  }

  makeDispatcher(): Scheduler.SchedulerDispatcher {
    return {
      scheduleTask: (turn) => {
        if (!this.isAlive) return
        this.turn = turn
        if (!this.node.isPaused) this.engine.isReady(this.node)
      },
      flush: () => {}
    }
  }

  private get isAlive(): boolean {
    return this.node.life === this
  }

  private get continues(): boolean {
    // What the event loop or a fiber of another node resumes has its turn first, after which the invariants are checked.
    return this.isAlive && !this.node.isPaused && this.engine.isStepping
  }
}
