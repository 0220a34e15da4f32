/**
 * Tests over a real server. Where its program is not installed, one test is skipped and says so; with SWITCHGEAR_REQUIRE_REDIS=1 a missing
 * `redis-server` is a failure, and with SWITCHGEAR_REQUIRE_VALKEY=1 a missing `valkey-server`.
 */
import { assert, describe, it } from "@effect/vitest"
import { isInstalled, type Program } from "./redisProcess.ts"

const demand: Readonly<Record<Program, string>> = {
  "redis-server": "SWITCHGEAR_REQUIRE_REDIS",
  "valkey-server": "SWITCHGEAR_REQUIRE_VALKEY"
}

export const withServer = (program: Program, what: string, tests: () => void): void => {
  if (isInstalled(program)) return tests()
  it(what, ({ skip }) => {
    const variable = demand[program]
    assert.notStrictEqual(process.env[variable], "1", `${program} is not installed, and ${variable}=1 asks for it`)
    skip(`${program} is not installed`)
  })
}

/** The same tests on Redis and on Valkey. */
export const withServers = (what: string, tests: (program: Program) => void): void => {
  for (const program of ["redis-server", "valkey-server"] as const) {
    describe(`on a real ${program}`, () => withServer(program, what, () => tests(program)))
  }
}
