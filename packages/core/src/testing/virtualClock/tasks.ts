/** The tasks of a dispatcher, by priority. */
export class Tasks {
  // Ascending by priority.
  private buckets: Array<Bucket> = []

  get isEmpty(): boolean {
    return this.buckets.length === 0
  }

  add(task: () => void, priority: number): void {
    const { buckets } = this
    let at = buckets.length
    while (at > 0 && buckets[at - 1]!.priority > priority) at--
    const bucket = buckets[at - 1]
    if (bucket?.priority === priority) bucket.tasks.push(task)
    else buckets.splice(at, 0, { priority, tasks: [task] })
  }

  /** Runs all that there are. A task that is added meanwhile waits for the next time. */
  runAll(): void {
    const { buckets } = this
    this.buckets = []
    for (const { tasks } of buckets) { for (const task of tasks) task() }
  }

  /** Takes all out, in order. */
  takeAll(): Array<() => void> {
    const { buckets } = this
    this.buckets = []
    return buckets.flatMap(({ tasks }) => tasks)
  }
}

interface Bucket {
  readonly priority: number
  readonly tasks: Array<() => void>
}
