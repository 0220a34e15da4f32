type Task = () => void

/** The tasks of a dispatcher, by priority. */
export class Tasks {
  /** While there is only one, as there nearly always is, it stands here, and there are no buckets. */
  private single: Task | undefined
  private singlePriority = 0
  // Ascending by priority.
  private buckets: Array<Bucket> = []

  get isEmpty(): boolean {
    return this.single === undefined && this.buckets.length === 0
  }

  add(task: Task, priority: number): void {
    if (this.isEmpty) {
      this.single = task
      this.singlePriority = priority
      return
    }
    if (this.single !== undefined) this.buckets.push({ priority: this.singlePriority, tasks: [this.single] })
    this.single = undefined
    const { buckets } = this
    let at = buckets.length
    while (at > 0 && buckets[at - 1]!.priority > priority) at--
    const bucket = buckets[at - 1]
    if (bucket?.priority === priority) bucket.tasks.push(task)
    else buckets.splice(at, 0, { priority, tasks: [task] })
  }

  /** Runs all that there are. A task that is added meanwhile waits for the next time. */
  runAll(): void {
    const { buckets, single } = this
    if (single !== undefined) {
      this.single = undefined
      return single()
    }
    this.buckets = []
    for (const { tasks } of buckets) { for (const task of tasks) task() }
  }

  /** Takes all out, in order. */
  takeAll(): Array<Task> {
    const { buckets, single } = this
    this.single = undefined
    this.buckets = []
    return single === undefined ? buckets.flatMap(({ tasks }) => tasks) : [single]
  }
}

interface Bucket {
  readonly priority: number
  readonly tasks: Array<Task>
}
