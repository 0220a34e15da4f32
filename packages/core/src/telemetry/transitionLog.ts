/**
 * Which of several layers of one registry tells a change: an application and a library of it may both provide one. The
 * first open layer adds the event to the span, and the first with each set of loggers logs the line.
 */
import * as Context from "effect/Context"
import * as Logger from "effect/Logger"
import * as References from "effect/References"

/** A layer that observes a registry: where its lines go. */
interface Member {
  readonly loggers: ReadonlySet<Logger.Logger<unknown, any>>
  readonly minimum: typeof References.MinimumLogLevel.Service
}

const openOf = new WeakMap<object, Set<Member>>()

/** What one layer has to tell at the moment. */
export interface Share {
  readonly addsToSpan: () => boolean
  readonly logs: () => boolean
  /** Leaves what it told to the other layers. */
  readonly leave: () => void
}

export const join = (registry: object, context: Context.Context<never>): Share => {
  const open = openOf.get(registry) ?? new Set<Member>()
  openOf.set(registry, open)
  const self: Member = {
    loggers: Context.get(context, Logger.CurrentLoggers),
    minimum: Context.get(context, References.MinimumLogLevel)
  }
  open.add(self)
  const isFirst = (isLike: (other: Member) => boolean): boolean => {
    for (const other of open) if (isLike(other)) return other === self
    return false
  }
  return {
    addsToSpan: () => isFirst(() => true),
    logs: () => isFirst((other) => other.loggers === self.loggers && other.minimum === self.minimum),
    leave: () => {
      open.delete(self)
    }
  }
}
