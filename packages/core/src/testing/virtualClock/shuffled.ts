/**
 * An order of chance, for a search for races: whoever is ready may be next, one task at a time, and may be interrupted
 * before any operation. The tasks of one dispatcher keep their order and their priorities.
 */
import type * as Random from "effect/Random"
import type { Dispatcher, Line, Queue } from "./line.ts"
import { Tasks } from "./tasks.ts"

type Chance = typeof Random.Random.Service

// Effect itself lets others go first after 2,048 operations, wherever they end.
const operationsUntilOthers = 32

export class Shuffled implements Line {
  private readonly chance: Chance
  private readonly ready: Array<Dispatcher> = []

  constructor(chance: Chance) {
    this.chance = chance
  }

  get isEmpty(): boolean {
    return this.ready.length === 0
  }

  makeDispatcher(queue: Queue): Dispatcher {
    return new ShuffledDispatcher(queue)
  }

  enter(dispatcher: Dispatcher): void {
    this.ready.push(dispatcher)
  }

  next(): Dispatcher | undefined {
    const { ready } = this
    if (ready.length === 0) return undefined
    const at = Math.floor(this.chance.nextDoubleUnsafe() * ready.length)
    const dispatcher = ready[at]
    ready[at] = ready.at(-1)!
    ready.pop()
    return dispatcher
  }

  interrupts(): boolean {
    return this.chance.nextDoubleUnsafe() * operationsUntilOthers < 1
  }

  rank(): number {
    return this.chance.nextDoubleUnsafe()
  }

  branch(chanceOf: (draw: number) => Chance): () => Line {
    const chance = chanceOf(this.chance.nextDoubleUnsafe())
    return () => new Shuffled(chance)
  }

  wakesTogether(): boolean {
    return this.chance.nextDoubleUnsafe() < 0.5
  }
}

class ShuffledDispatcher implements Dispatcher {
  private readonly queue: Queue
  private readonly tasks = new Tasks()
  // Tasks that are added meanwhile come after these, or one of high priority could keep the others from ever running.
  private batch: Array<() => void> = []
  private entered = false

  constructor(queue: Queue) {
    this.queue = queue
  }

  scheduleTask(task: () => void, priority: number): void {
    this.tasks.add(task, priority)
    this.enter()
  }

  flush(): void {
    for (const task of this.batch.splice(0)) task()
    while (!this.tasks.isEmpty) this.tasks.runAll()
  }

  takeTurn(): void {
    this.entered = false
    if (this.batch.length === 0) this.batch = this.tasks.takeAll()
    const task = this.batch.shift()
    if (this.batch.length > 0 || !this.tasks.isEmpty) this.enter()
    task?.()
  }

  private enter(): void {
    if (this.entered) return
    this.entered = true
    this.queue.enter(this)
  }
}
