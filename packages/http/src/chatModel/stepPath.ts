/** The step of an answer, which for cascades inside of each other is a path: `eu/gpt` is the step `gpt` of `eu`. */

/** The names that the model of a step can be known by, the likeliest first. A name of a model may hold slashes itself. */
export const namesOf = (step: string): ReadonlyArray<string> => {
  const parts = step.split("/")
  const ends = parts.map((_, i) => parts.slice(i).join("/"))
  const beginnings = parts.slice(1).map((_, i) => parts.slice(0, parts.length - 1 - i).join("/"))
  return [...ends, ...beginnings]
}

/** Whether a cascade answered from its cache. */
export const isCache = (step: string): boolean => step === "cache" || step.endsWith("/cache")
