/** What a section `resilience4j` gives: the options of models, and what became of each key. */
import type { Options } from "../../../ChatModel.ts"
import type { InitialState } from "../model.ts"
import type { Problem } from "../problem.ts"

/**
 * What became of one key of a section `resilience4j`.
 *
 * @category models
 * @since 0.1.0
 */
export interface Became {
  readonly path: Problem["path"]
  /** As it is written; where nothing is written, the default of resilience4j. */
  readonly value: unknown
  readonly source: "file" | "default"
  /** `changed` is kept with the difference that `became` tells; `none` is accepted and has no effect here. */
  readonly effect: "kept" | "changed" | "none"
  /** The option here with its value, or why there is none. */
  readonly became: string
}

/** A guard that may fail the health of the gateway, as an operator of resilience4j reads it. */
export type FailingHealth = "CircuitBreaker" | "RateLimiter"

/** What one section says of an instance, in the options of a model. */
export interface Part {
  /** As they are written in the section of a model. */
  readonly options: Readonly<Record<string, unknown>>
  readonly countsAs?: Options["countsAs"]
  /** Which errors may be tried again. */
  readonly retries?: NonNullable<Options["retry"]>["while"]
  readonly initialState?: InitialState | undefined
  readonly failsHealth?: ReadonlyArray<FailingHealth> | undefined
  /** What is written of all that is not in the options, to compare. */
  readonly said?: unknown
}

/** What models that name an instance are made with. */
export interface Instance extends Part {
  readonly path: Problem["path"]
  /** It is in `bulkhead` and in `thread-pool-bulkhead`. In Spring, an annotation chooses. */
  readonly hasTwoBulkheads: boolean
}

export interface Instances {
  readonly [name: string]: Instance
}
