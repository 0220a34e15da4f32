/** A process of the benchmark's own, which tells its ports and answers one question at a time. */
import { type ChildProcess, fork, type ForkOptions } from "node:child_process"
import { once } from "node:events"
import type { Ports, Usage } from "./measured.ts"

export class Child<Question extends string | object = string, Answer = Usage> {
  readonly name: string
  readonly ports: Ports
  private readonly process: ChildProcess

  constructor(name: string, process: ChildProcess, ports: Ports) {
    this.name = name
    this.process = process
    this.ports = ports
  }

  async ask(question: Question): Promise<Answer> {
    const answer = messageOf(this.name, this.process)
    this.process.send(question)
    return await answer as Answer
  }

  /** It ends by itself when nobody can ask any more. */
  end(): void {
    this.process.disconnect()
  }
}

const messageOf = async (name: string, process: ChildProcess): Promise<unknown> => {
  const left = new AbortController()
  const { signal } = left
  try {
    return await Promise.race([
      once(process, "message", { signal }).then(([message]) => message),
      once(process, "exit", { signal }).then(([code]) => Promise.reject(new Error(`${name} ended with ${code}`)))
    ])
  } finally {
    left.abort()
  }
}

export const started = async <Question extends string | object = string, Answer = Usage>(
  name: string,
  file: URL | string,
  args: ReadonlyArray<string> = [],
  options: ForkOptions = {}
): Promise<Child<Question, Answer>> => {
  const process = fork(file, args, options)
  return new Child<Question, Answer>(name, process, await messageOf(name, process) as Ports)
}
