/**
 * What is known of the calls to providers for one answer: how long they ran, so that what is left of its time is the gateway's
 * own, and the ids that the providers gave them.
 */
import type * as Fiber from "effect/Fiber"
import type { HeadersListener } from "../../chatClient/responseHeaders.ts"
import type { Headers } from "../../chatClient/transport.ts"
import { AttemptCounter, CurrentAttemptCounter } from "../../chatModel/attemptCounter.ts"

export class Upstream extends AttemptCounter implements HeadersListener {
  private readonly now: () => number
  private running = 0
  private since = 0
  private ended = 0
  /** The first model that was heard of, and its last id. */
  private first: string | undefined
  private firstId: string | undefined
  /** Those of other models, by their names. */
  private ids: Map<string, string> | undefined

  /** `now` tells milliseconds. */
  constructor(now: () => number) {
    super()
    this.now = now
  }

  /** Milliseconds in which at least one call ran. */
  get millis(): number {
    return this.ended + (this.running > 0 ? this.now() - this.since : 0)
  }

  heard(headers: Headers, fiber: Fiber.Fiber<unknown, unknown>): void {
    const id = headers["x-request-id"] ?? headers["request-id"]
    if (id === undefined || !isId.test(id)) return
    // Models that are asked at once have a counter each.
    const model = fiber.getRef(CurrentAttemptCounter)?.asking
    if (model === undefined) return
    this.first ??= model
    if (this.first === model) this.firstId = id
    else (this.ids ??= new Map()).set(model, id)
  }

  /** The id of the last call to a model, as its provider knows it. */
  idOf(model: string): string | undefined {
    return this.first === model ? this.firstId : this.ids?.get(model)
  }

  protected override begin(): void {
    super.begin()
    if (this.running++ === 0) this.since = this.now()
  }

  protected override end(): void {
    super.end()
    if (--this.running === 0) this.ended += this.now() - this.since
  }
}

/** What a provider sends in the place of an id may be anything. */
const isId = /^[\w.:/+=-]{1,200}$/
