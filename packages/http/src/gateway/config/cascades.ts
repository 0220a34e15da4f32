/** A cascade: its models, cache, times and canned replies. */
import * as ModelCascade from "../../ModelCascade.ts"
import { isIn, oneOf } from "./groups.ts"
import type { Cascade } from "./model.ts"
import type { Problem } from "./problem.ts"
import { isGroup, type Reader } from "./reader.ts"
import { saidBy } from "./said.ts"

export const cascadeOf = (
  value: unknown,
  name: string,
  path: Problem["path"],
  models: unknown,
  reader: Reader
): Cascade | undefined => {
  const given = reader.group(value, path, [
    "steps",
    "deadline",
    "cache",
    "share",
    "hedge",
    "attempts",
    "queue",
    "maxWait",
    "canned"
  ])
  if (value !== null && !isGroup(value)) return undefined
  const { canned, steps: names, ...rest } = given
  const steps = reader.texts(names, [...path, "steps"])
  if (steps.length === 0) reader.refuse([...path, "steps"], "Expected the names of at least one model")
  steps.forEach((step, i) => {
    if (!isIn(models, step)) {
      reader.refuse([...path, "steps", i], `Expected ${oneOf(models)}, got ${JSON.stringify(step)}`)
    }
  })
  const options = reader.decode(ModelCascade.OptionsSchema, {
    ...rest,
    ...canned === undefined ? {} : { canned: withDefault(canned) },
    name
  }, path)
  return options && { steps, options, said: saidBy(given) }
}

/** Sentences without one for all other languages have the English one there, or else the first. */
const withDefault = (canned: unknown): unknown =>
  isGroup(canned) && canned.default === undefined
    ? { ...canned, default: canned.en ?? Object.values(canned)[0] }
    : canned
