/** The types of faults, links and invariants. */
import type * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import type * as Ref from "effect/Ref"
import type { Latency } from "../Latency.ts"
import type { ConnectionRefused } from "./connectionRefused.ts"

/**
 * One node, or several.
 *
 * @since 0.1.0
 * @category options
 */
export type Names = string | ReadonlyArray<string>

/**
 * How calls from one node to another travel. Rates are from 0 to 1, for each message.
 *
 * @since 0.1.0
 * @category options
 */
export interface LinkOptions {
  /** The time of a message in one direction, drawn for each. Later messages may overtake. @default "1 milli" */
  readonly latency?: Duration.Input | Latency | undefined
  /** The rate of requests that are lost: the other node never sees them. @default 0 */
  readonly requestLoss?: number | undefined
  /** The rate of replies that are lost: the work is done, and the caller does not learn it. @default 0 */
  readonly replyLoss?: number | undefined
  /** The rate of requests that arrive twice: the work is done twice, and the first reply counts. @default 0 */
  readonly duplicates?: number | undefined
  /** "sent" delivers the messages of a direction in the order of sending, as one connection does. @default "any" */
  readonly order?: "any" | "sent" | undefined
}

/**
 * How the clock of a node differs from the time of the world.
 *
 * @since 0.1.0
 * @category options
 */
export interface SkewOptions {
  /** Moves the wall clock by this, forward or backward. Sleeps do not notice. @default 0 */
  readonly offset?: Duration.Input | undefined
  /** How much faster the clock runs: 0.01 is 1% fast, -0.01 is 1% slow. Above -1. @default 0, or as before */
  readonly drift?: number | undefined
}

/**
 * The node loses all that it has in memory: its fibers end where they are, without finalizers, and calls to it are
 * refused. Its disk stays, and so does what it has sent. With `for`, it restarts after that time.
 *
 * @since 0.1.0
 * @category models
 */
export interface Crash {
  readonly crash: Names
  readonly for?: Duration.Input | undefined
}

/**
 * The node ends as a process does that is asked to: it refuses calls, runs its finalizers, and is down when they have
 * ended. With `for`, it restarts that long after the request, whether they have ended or not.
 *
 * @since 0.1.0
 * @category models
 */
export interface Stop {
  readonly stop: Names
  readonly for?: Duration.Input | undefined
}

/**
 * The node starts anew. A running node crashes first.
 *
 * @since 0.1.0
 * @category models
 */
export interface Restart {
  readonly restart: Names
}

/**
 * Nothing of the node runs, as in a garbage collection or after SIGSTOP, while time goes on. When it resumes, all that
 * became due happens: sleeps end and messages arrive. A crash ends a pause.
 *
 * @since 0.1.0
 * @category models
 */
export interface Pause {
  readonly pause: Names
  readonly for?: Duration.Input | undefined
}

/**
 * Ends all pauses of the node.
 *
 * @since 0.1.0
 * @category models
 */
export interface Resume {
  readonly resume: Names
}

/**
 * Messages between these nodes and the others are lost, without an error.
 *
 * @since 0.1.0
 * @category models
 */
export interface Partition {
  readonly partition: Names
  /** The nodes on the other side. @default all others */
  readonly from?: Names | undefined
  /** "outgoing" loses only messages that these nodes send, "incoming" only those sent to them. @default "both" */
  readonly direction?: "both" | "outgoing" | "incoming" | undefined
  /** What becomes of messages that are under way when it begins. @default "lost" */
  readonly inFlight?: "lost" | "delivered" | undefined
  readonly for?: Duration.Input | undefined
}

/**
 * Ends all partitions that have one of these nodes on one side.
 *
 * @since 0.1.0
 * @category models
 */
export interface Heal {
  readonly heal: Names
}

/**
 * The clock of the node jumps by `offset`, and runs at another rate from now on.
 *
 * @since 0.1.0
 * @category models
 */
export interface Skew extends SkewOptions {
  readonly skew: Names
}

/**
 * Calls that these nodes make travel differently. What is not given stays as it is.
 *
 * @since 0.1.0
 * @category models
 */
export interface Degrade extends LinkOptions {
  readonly degrade: Names
  /** The nodes that are called. @default all others */
  readonly to?: Names | undefined
  readonly for?: Duration.Input | undefined
}

/**
 * What can happen to nodes, their clocks and their links. Without `for`, it lasts until something ends it.
 *
 * @since 0.1.0
 * @category models
 */
export type Fault = Crash | Stop | Restart | Pause | Resume | Partition | Heal | Skew | Degrade

/**
 * A fault at a time since the start of the world.
 *
 * @since 0.1.0
 * @category models
 */
export type TimedFault = Fault & {
  readonly at: Duration.Input
  /** The name in the claims of a scenario: see `Scenario.inWorld`. @default the fault in words */
  readonly name?: string | undefined
}

/**
 * Faults with their times, in any order.
 *
 * @since 0.1.0
 * @category models
 */
export type Script = ReadonlyArray<TimedFault>

/**
 * What a program knows of the node it runs on. Every node of a world has its own.
 *
 * @since 0.1.0
 * @category models
 */
export interface NodeShape {
  readonly name: string
  /** The names of all other nodes. */
  readonly peers: ReadonlyArray<string>
  /**
   * Calls a service of another node. `use` runs over there, with the clock, the random numbers and the services of that
   * node, and its exit travels back. If a message is lost, the call does not end: give it a time-out. An interrupted
   * call stops waiting; the other node is not told. Fails with `ConnectionRefused` if the other node is down or has not
   * yet built its services. Dies with an `Error` if it does not serve this service.
   */
  readonly call: <Identifier, Service, A, E>(
    to: string,
    service: Context.Key<Identifier, Service>,
    use: (service: Service) => Effect.Effect<A, E>
  ) => Effect.Effect<A, E | ConnectionRefused>
  /** A value that survives crashes: each start of the node gets the same `Ref`. The first one sets it to `initial`. */
  readonly disk: <A>(key: string, initial: A) => Effect.Effect<Ref.Ref<A>>
}

/**
 * What an invariant can see. It is not a node: it sees all at once, without messages.
 *
 * @since 0.1.0
 * @category models
 */
export interface View {
  /** Milliseconds since the start of the world. */
  readonly now: () => number
  /** The nodes that run, paused ones included. */
  readonly running: () => ReadonlyArray<string>
  /** A service of a node; undefined while the node is down or has not yet built it. */
  readonly service: <Identifier, Service>(
    node: string,
    service: Context.Key<Identifier, Service>
  ) => Service | undefined
  /** What a node, running or not, has on its disk under this key; `initial` if it has nothing yet. */
  readonly disk: <A>(node: string, key: string, initial: A) => A
  /** Runs an effect that does not wait, with the clock of the node. Throws if it fails. */
  readonly runSync: <A, E>(node: string, effect: Effect.Effect<A, E>) => A
}

/**
 * Something that must hold after every event of a world.
 *
 * @since 0.1.0
 * @category models
 */
export interface Invariant {
  readonly name: string
  /** Called once for each world. The check returns what is wrong, if something is. */
  readonly make: (view: View) => () => string | undefined
}
