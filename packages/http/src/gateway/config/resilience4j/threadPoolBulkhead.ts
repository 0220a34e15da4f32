/** `resilience4j.thread-pool-bulkhead` becomes the bulkhead of a model: as many calls as there would be threads. */
import { availableParallelism } from "node:os"
import { buffer, ignored, kept, stackTraces } from "./key.ts"
import type { Section } from "./section.ts"
import { anything, integer, wait } from "./values.ts"

export const threadPoolBulkhead: Section = {
  name: "thread-pool-bulkhead",
  holders: ["instances", "backends"],
  aspectOrder: "bulkheadAspectOrder",
  base: "default",
  keys: {
    maxThreadPoolSize: kept(integer(1), availableParallelism()),
    coreThreadPoolSize: kept(integer(1)),
    queueCapacity: kept(integer(0, 1_000_000), 100),
    keepAliveDuration: ignored(wait, "a call here takes no thread"),
    contextPropagators: ignored(anything, "a call here takes no thread"),
    eventConsumerBufferSize: buffer,
    writableStackTraceEnabled: stackTraces
  },
  convert: (given) => {
    const concurrency = given.value<number>("maxThreadPoolSize")
    const core = given.optional<number>("coreThreadPoolSize")
    const queue = given.value<number>("queueCapacity")
    if (core !== undefined && core > concurrency) {
      given.refuse("coreThreadPoolSize", `Expected at most the ${concurrency} of maxThreadPoolSize, got ${core}`)
    }
    given.became("maxThreadPoolSize", `bulkhead.concurrency: ${concurrency}`)
    given.hasNoEffect("coreThreadPoolSize", "a call here takes no thread; bulkhead.concurrency is maxThreadPoolSize")
    given.became("queueCapacity", `bulkhead: { queue: ${queue}, maxWait: Infinity }`)
    return { options: { bulkhead: { concurrency, queue, maxWait: "Infinity" } } }
  }
}
