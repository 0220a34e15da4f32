/** `/actuator/circuitbreakerevents` and its like: the last events of guards, by name and type; of circuits also as a stream. */
import * as Bulkhead from "@switchgear/core/Bulkhead"
import * as CircuitBreaker from "@switchgear/core/CircuitBreaker"
import * as Deadline from "@switchgear/core/Deadline"
import * as RateLimiter from "@switchgear/core/RateLimiter"
import * as Retry from "@switchgear/core/Retry"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Queue from "effect/Queue"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import type { CallRecord, Recorded } from "../journal/callRecord.ts"
import type { AdminRequest, AdminRoute, Running } from "../model.ts"
import { type Answered, partOf, reading, refused } from "./answers.ts"
import { timeText } from "./java.ts"

/** The events of one kind of guard. */
interface Kind {
  readonly tag: string
  readonly path: string
  /** The member with the list. */
  readonly list: string
  /** The member with the name of the guard. */
  readonly name: string
  readonly types: ReadonlyArray<string>
}

const circuits: Kind = {
  tag: CircuitBreaker.kind.tag,
  path: "circuitbreakerevents",
  list: "circuitBreakerEvents",
  name: "circuitBreakerName",
  types: [
    "ERROR",
    "IGNORED_ERROR",
    "SUCCESS",
    "NOT_PERMITTED",
    "STATE_TRANSITION",
    "RESET",
    "FORCED_OPEN",
    "DISABLED",
    "FAILURE_RATE_EXCEEDED",
    "SLOW_CALL_RATE_EXCEEDED"
  ]
}

const kinds: ReadonlyArray<Kind> = [
  circuits,
  {
    tag: RateLimiter.kind.tag,
    path: "ratelimiterevents",
    list: "rateLimiterEvents",
    name: "rateLimiterName",
    types: ["SUCCESSFUL_ACQUIRE", "FAILED_ACQUIRE", "DRAINED"]
  },
  {
    tag: Retry.kind.tag,
    path: "retryevents",
    list: "retryEvents",
    name: "retryName",
    types: ["RETRY", "ERROR", "SUCCESS", "IGNORED_ERROR"]
  },
  {
    tag: Bulkhead.kind.tag,
    path: "bulkheadevents",
    list: "bulkheadEvents",
    name: "bulkheadName",
    types: ["CALL_PERMITTED", "CALL_REJECTED", "CALL_FINISHED"]
  },
  {
    tag: Deadline.kind.tag,
    path: "timelimiterevents",
    list: "timeLimiterEvents",
    name: "timeLimiterName",
    types: ["SUCCESS", "ERROR", "TIMEOUT"]
  }
]

const written = (
  kind: Kind,
  { at, id, type, errorMessage, durationInMs, stateTransition, numberOfAttempts }: Recorded
) => ({
  [kind.name]: id,
  type,
  creationTime: timeText(at),
  errorMessage,
  durationInMs: kind === circuits ? durationInMs : undefined,
  stateTransition,
  numberOfAttempts
})

/** The name and the type of a path, where it has them; or what is wrong with them. */
const askedOf = (kind: Kind, request: AdminRequest, { calls }: Running): Asked | Answered => {
  const [name, type] = [partOf(request, 1), partOf(request, 2).toUpperCase()]
  if (name !== "" && calls.of(kind.tag, name) === undefined) {
    return refused(404, request, `There is nothing of the name ${JSON.stringify(name)}.`)
  }
  if (type !== "" && !kind.types.includes(type)) {
    return refused(400, request, `Expected a type of ${kind.types.join(", ")}.`)
  }
  return { name, type }
}

interface Asked {
  readonly name: string
  readonly type: string
}

const isOf = ({ name, type }: Asked) => (event: Recorded): boolean =>
  (name === "" || event.id === name) && (type === "" || event.type === type)

const listed = (kind: Kind): ReadonlyArray<AdminRoute> =>
  ["", "/:name", "/:name/:type"].map((rest) =>
    reading(`/${kind.path}${rest}`, (request, running) =>
      Effect.sync(() => {
        const asked = askedOf(kind, request, running)
        if (!("name" in asked)) return asked
        const events = running.calls.ofKind(kind.tag).filter(isOf(asked))
        return { json: { [kind.list]: events.map((event) => written(kind, event)) } }
      }))
  )

const streamed = (rest: string): AdminRoute => ({
  method: "GET",
  path: `/actuator/streamcircuitbreakerevents${rest}`,
  scope: "read",
  answer: (request, running) =>
    Effect.sync(() => {
      const asked = askedOf(circuits, request, running)
      if (!("name" in asked)) {
        return {
          status: asked.status ?? 200,
          headers: { "content-type": "application/json" },
          body: JSON.stringify(asked.json)
        }
      }
      return { events: Stream.merge(eventsOf(running.calls, asked), pings) }
    })
})

/** Who reads too slowly loses the oldest. */
const eventsOf = (calls: CallRecord, asked: Asked): Stream.Stream<string> =>
  Stream.callback<string>((queue) =>
    Effect.acquireRelease(
      Effect.sync(() =>
        calls.listen((event) => {
          if (event.kind === circuits.tag && isOf(asked)(event)) Queue.offerUnsafe(queue, sse(event))
        })
      ),
      (stop) => Effect.sync(stop)
    ), { bufferSize: 128, strategy: "sliding" })

const sse = (event: Recorded): string =>
  `id:${event.id.replace(/[\r\n]/g, " ")}\nevent:${event.type}\ndata:${JSON.stringify(written(circuits, event))}\n\n`

const pings: Stream.Stream<string> = Stream.map(
  Stream.fromSchedule(Schedule.spaced(Duration.seconds(1))),
  () => "event:ping\n\n"
)

export const eventRoutes: ReadonlyArray<AdminRoute> = [
  ...kinds.flatMap(listed),
  ...["", "/:name", "/:name/:type"].map(streamed)
]
