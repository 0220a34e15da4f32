/** What a file says of the things that are made once, at the start: of addresses, collectors and fleets. */
import type { Config } from "./model.ts"
import { saidBy } from "./said.ts"

/** The sections of which a file says something else than the one of the start. */
export const otherAtStart = (begun: Config, file: Config): ReadonlyArray<string> =>
  Object.entries(atStart).flatMap(([section, of]) => saidBy(of(begun)) === saidBy(of(file)) ? [] : [section])

const atStart: { readonly [section: string]: (config: Config) => unknown } = {
  listen: ({ listen }) => listen,
  admin: ({ admin }) => {
    if (admin === undefined) return undefined
    // Both are looked up when they are shown.
    const { promise: _, runbook: __, ...others } = admin
    return others
  },
  otlp: ({ otlp }) => otlp,
  cluster: ({ cluster }) => cluster
}
