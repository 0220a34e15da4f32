/** Answers of the actuator: in the media type that the client wants of those that Spring Boot offers. */
import * as Effect from "effect/Effect"
import type { Reply } from "../../server/refusals.ts"
import { preferred } from "../mediaTypes.ts"
import { type AdminRequest, type AdminRoute, headerOf, type Running } from "../model.ts"

/** In this order: who takes anything gets the first. */
const offered = [
  "application/vnd.spring-boot.actuator.v3+json",
  "application/vnd.spring-boot.actuator.v2+json",
  "application/json"
] as const

/** A body of JSON, or why there is none. */
export interface Answered {
  readonly status?: number | undefined
  /** Members that are undefined are left out. */
  readonly json: unknown
}

/** A path below `/actuator`. */
export const reading = (
  path: string,
  answer: (request: AdminRequest, running: Running) => Effect.Effect<Answered>
): AdminRoute => ({ method: "GET", path: `/actuator${path}`, scope: "read", answer: negotiated(answer) })

export const writing = (
  path: string,
  answer: (request: AdminRequest, running: Running) => Effect.Effect<Answered>
): AdminRoute => ({ method: "POST", path: `/actuator${path}`, scope: "control", answer: negotiated(answer) })

const negotiated =
  (answer: (request: AdminRequest, running: Running) => Effect.Effect<Answered>): AdminRoute["answer"] =>
  (
    request,
    running
  ) => {
    const type = preferred(headerOf(request, "accept"), offered)
    // Nothing is done for a client that could not read the answer.
    if (type === undefined) return Effect.succeed<Reply>({ status: 406, headers: {}, body: "" })
    return Effect.map(answer(request, running), ({ json, status = 200 }): Reply => ({
      status,
      headers: { "content-type": type },
      body: json instanceof Written ? json.text : JSON.stringify(json)
    }))
  }

/** JSON that is written already, because its numbers are those of Java. */
export class Written {
  readonly text: string

  constructor(text: string) {
    this.text = text
  }
}

/** An error in the shape of Spring Boot. */
export const refused = (status: 400 | 404, request: AdminRequest, message: string): Answered => ({
  status,
  json: {
    timestamp: new Date().toISOString(),
    status,
    error: status === 400 ? "Bad Request" : "Not Found",
    message,
    path: `/${request.path.join("/")}`
  }
})

/** The part of the path at a place, after `/actuator`. */
export const partOf = ({ path }: AdminRequest, place: number): string => path[place + 1] ?? ""
