/**
 * What is wrong with a file, and where.
 *
 * @category models
 * @since 0.1.0
 */
export interface Problem {
  readonly path: ReadonlyArray<string | number>
  /** What it must be, without the full stop. */
  readonly message: string
}

/** A place as it is written in a sentence: `models["gpt-4.1"].breaker.openFor`. */
export const placeOf = (path: Problem["path"]): string =>
  path.reduce<string>(
    (place, key) =>
      typeof key === "number"
        ? `${place}[${key}]`
        : /^[A-Za-z_][\w-]*$/.test(key)
        ? place === "" ? key : `${place}.${key}`
        : `${place}[${JSON.stringify(key)}]`,
    ""
  )

/** A place in two: what holds it, and its own name there. A key of the file may have several names with dots between them. */
export const partedPlace = (path: Problem["path"]): readonly [holder: Problem["path"], name: string] => {
  const last = path.at(-1)
  if (last === undefined) return [[], ""]
  const parts = typeof last === "string" ? /^(.+)\.([A-Za-z][\w-]*)$/.exec(last) : null
  return parts === null ? [path.slice(0, -1), String(last)] : [[...path.slice(0, -1), parts[1]!], parts[2]!]
}
