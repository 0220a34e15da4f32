/** Names of a file that are in keys of Redis, where its gateway is part of a fleet. */
import type { Client, Config } from "./model.ts"
import type { Problem } from "./problem.ts"

/** The others that keys have are shorter than what is left of 512. */
const isFit = (name: string, longest: number): boolean => name.length <= longest && !/\p{Surrogate}/u.test(name)

const unfit = (path: Problem["path"], longest: number, why: string) =>
  [path, `Expected at most ${longest} characters of well-formed text, because ${why} in a fleet`] as const

/** Names that cannot be in them, and why. `clients` may have places without a client. */
export const unfitInFleet = (
  { clients, models }: { readonly clients: ReadonlyArray<Client | undefined>; readonly models: Config["models"] }
): ReadonlyArray<readonly [path: Problem["path"], problem: string]> => [
  ...Object.keys(models).flatMap((name) => isFit(name, 500) ? [] : [unfit(["models", name], 500, "its circuit is")]),
  ...clients.flatMap((client, i) => {
    if (client === undefined) return []
    const path = ["clients", i, "name"]
    const { budget, limits, name } = client
    if (budget !== undefined && !isFit(name, 100)) return [unfit(path, 100, "its budget is")]
    return limits.length > 0 && !isFit(name, 500) ? [unfit(path, 500, "its limits are")] : []
  })
]
