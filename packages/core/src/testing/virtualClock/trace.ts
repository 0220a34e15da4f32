/** Where something was begun: a stack trace that is only read when it is shown. */
export interface Trace {
  /** The first place outside of the platform and of this library. */
  readonly place: string | undefined
  /** The first place at all that may say something, for what only Effect has led to. */
  readonly near: string | undefined
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
    return this.first((place) => !isInside(place)) ?? this.parent?.place
  }

  get near(): string | undefined {
    return this.parent?.near ?? this.first((place) => !saysNothing.test(place) && !ofLibrary(place))
  }

  private first(isWanted: (place: string) => boolean): string | undefined {
    for (const line of this.lines) {
      const place = /[^\s(]+:\d+:\d+/.exec(line)?.[0]
      if (place !== undefined && isWanted(place)) return place
    }
    return undefined
  }
}

// The work of a program begins a few frames below its own code, in the platform.
const frames = 24

const V8Error = Error as unknown as { stackTraceLimit: number }

const isInside = (place: string): boolean => place.startsWith("node:") || ofEffect.test(place) || ofLibrary(place)

const ofEffect = /[/\\]node_modules[/\\](effect[/\\]|\.pnpm[/\\]effect@)/

/** Where this library is: the folder above `testing/virtualClock`. */
const library = /[^\s(]+(?=testing[/\\]virtualClock[/\\]trace\.)/.exec(new Error().stack ?? "")?.[0]

const ofLibrary = (place: string): boolean =>
  place.includes("/node_modules/@switchgear/") || (library !== undefined && place.includes(library))

/** The frames that run fibers, whatever these do. */
const saysNothing = /^node:|[/\\]effect[/\\](src|dist)[/\\]internal[/\\]/

/** " at a place", for the end of a phrase. */
const atPlace = ({ near, place }: Trace): string => {
  const shown = place ?? near
  return shown === undefined ? "" : ` at ${shown}`
}

/** What was begun, with its place. */
export const withPlace = (what: string, begun: Trace): string => {
  const at = atPlace(begun)
  return at === "" ? what : `${what}, begun${at}`
}
