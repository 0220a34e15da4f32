/** `resilience4j.bulkhead` becomes the bulkhead of a model. */
import { buffer, kept, stackTraces } from "./key.ts"
import type { Section } from "./section.ts"
import { integer, shownMillis, wait } from "./values.ts"

export const bulkhead: Section = {
  name: "bulkhead",
  holders: ["instances", "backends"],
  aspectOrder: "bulkheadAspectOrder",
  base: "default",
  keys: {
    maxConcurrentCalls: kept(integer(1), 25),
    maxWaitDuration: kept(wait, 0),
    eventConsumerBufferSize: buffer,
    writableStackTraceEnabled: stackTraces
  },
  convert: (given) => {
    const concurrency = given.value<number>("maxConcurrentCalls")
    const maxWait = given.value<number>("maxWaitDuration")
    const queue = queueOf(concurrency, maxWait)
    given.became("maxConcurrentCalls", `bulkhead.concurrency: ${concurrency}`)
    given.became(
      "maxWaitDuration",
      `bulkhead: { maxWait: ${shownMillis(maxWait)}, queue: ${queue} }`,
      maxWait === 0
        ? undefined
        : "the queue of resilience4j has no limit; here it has as many places as calls of one second get a slot in time"
    )
    return { options: { bulkhead: { concurrency, queue, maxWait } } }
  }
}

/** More would wait in vain. Nobody waits where there is no time for it. */
const queueOf = (concurrency: number, maxWait: number): number =>
  maxWait === 0 ? 0 : Math.min(1_000_000, Math.max(concurrency, Math.ceil(concurrency * maxWait / 1000)))
