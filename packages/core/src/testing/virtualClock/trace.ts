/** Where something was begun: a stack trace that is only read when it is shown. */
export interface Trace {
  /** The first place outside of the platform and of this library. */
  readonly place: string | undefined
}

export class StackTrace implements Trace {
  private readonly error: Error
  private readonly parent: Trace | undefined

  /** `parent` is what has led to it, for a trace that has no place of its own. */
  constructor(parent?: Trace) {
    const { stackTraceLimit } = V8Error
    V8Error.stackTraceLimit = frames
    this.error = new Error()
    V8Error.stackTraceLimit = stackTraceLimit
    this.parent = parent
  }

  get lines(): ReadonlyArray<string> {
    return this.error.stack?.split("\n").slice(1) ?? []
  }

  get place(): string | undefined {
    for (const line of this.lines) {
      const place = /[^\s(]+:\d+:\d+/.exec(line)?.[0]
      if (place !== undefined && !isInside(place)) return place
    }
    return this.parent?.place
  }
}

// The work of a program begins a few frames below its own code, in the platform.
const frames = 24

const V8Error = Error as unknown as { stackTraceLimit: number }

const isInside = (place: string): boolean =>
  place.startsWith("node:") || insides.some((inside) => place.includes(inside))

/** Where this library is: the folder above `testing/virtualClock`. */
const library = /[^\s(]+(?=testing[/\\]virtualClock[/\\]trace\.)/.exec(new Error().stack ?? "")?.[0]

const insides = [
  "/node_modules/effect/",
  "/node_modules/.pnpm/effect@",
  "/node_modules/@switchgear/",
  ...library === undefined ? [] : [library]
]

/** " at a place", for the end of a phrase. */
export const atPlace = ({ place }: Trace): string => place === undefined ? "" : ` at ${place}`
