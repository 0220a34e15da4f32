/** What is wrong with a file, and where. */
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
