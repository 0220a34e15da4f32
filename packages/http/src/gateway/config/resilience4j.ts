/** What a section `resilience4j`, as of Spring Boot, means here. */
import type { Problem } from "./problem.ts"
import type { Reader } from "./reader.ts"

/** What became of one option. */
export interface Became {
  readonly path: Problem["path"]
  readonly value: unknown
  /** The option here with its value, or why it has no effect. */
  readonly became: string
}

/** The options of a model that each instance stands for, as they are written. */
export interface Instances {
  readonly [name: string]: Readonly<Record<string, unknown>>
}

export const read = (
  value: unknown,
  reader: Reader
): { readonly instances: Instances; readonly became: ReadonlyArray<Became> } => {
  reader.group(value, ["resilience4j"])
  return { instances: {}, became: [] }
}
