/** What the process of the clients can be told to do, and what it then tells. */

/** Whom to ask, and what. */
export interface Target {
  readonly port: number
  readonly model: string
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
}

/** Each connection asks again as soon as it has its answer. */
export interface Closed {
  readonly kind: "closed"
  readonly target: Target
  readonly connections: number
  readonly millis: number
  /** The status of every answer: any other ends the measurement. */
  readonly status: number
  /** How many different prompts there are. @default 1 */
  readonly prompts?: number | undefined
  /** What the body has beside model and prompt. @default nothing */
  readonly more?: object | undefined
}

/** Requests come at their own rate, whatever became of those before. */
export interface Open {
  readonly kind: "open"
  readonly target: Target
  readonly perSecond: number
  readonly millis: number
  /** What begins earlier is not told of. */
  readonly settlingMillis: number
}

/** Streams that begin at the same time. */
export interface Streams {
  readonly kind: "streams"
  readonly target: Target
  readonly atOnce: number
}

/** Streams of one event, one after the other. */
export interface First {
  readonly kind: "first"
  readonly target: Target
  readonly times: number
}

export type Order = Closed | Open | Streams | First

/** Milliseconds of each answer; of a stream, until its first content. */
export type Times = ReadonlyArray<number>

export interface Told {
  /** Requests, also those of which no time is told. */
  readonly asked: number
  /** Times by status; 0 where the connection broke. */
  readonly times: Readonly<Record<number, Times>>
  /** How long it took altogether, in milliseconds. */
  readonly millis: number
  /** Streams that had every event in its place, and events that came. */
  readonly wholeStreams: number
  readonly events: number
}
