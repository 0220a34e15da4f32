/** One section of resilience4j: its keys, and what an instance of it becomes. */
import type { Part } from "./became.ts"
import type { Given } from "./given.ts"
import type { Key } from "./key.ts"

export interface Section {
  /** Its name in the documentation of resilience4j. */
  readonly name: string
  /** What its instances may stand under. */
  readonly holders: ReadonlyArray<string>
  readonly aspectOrder: string
  /**
   * What an instance without `baseConfig` is based on: `configs.default`, or, for `own-name`, the config of its own name and
   * only without one `configs.default`. There, a config that is named is not based on `configs.default`.
   */
  readonly base: "default" | "own-name"
  readonly keys: { readonly [key: string]: Key }
  readonly convert: (given: Given) => Part
}
