/**
 * A `redis-server` of the test's own on a free port of loopback, with a password. Where there is none, tests are skipped and say so;
 * with SWITCHGEAR_REQUIRE_REDIS=1 that is a failure.
 */
import { Effect } from "effect"
import { isInstalled, redisOnPort } from "../../../core/test/support/redisProcess.ts"

export const isMissing = !isInstalled("redis-server")

export const mayBeMissing = process.env["SWITCHGEAR_REQUIRE_REDIS"] !== "1"

export const password = "hunter2-0123456789"

export const redisServer = Effect.map(
  redisOnPort(["--requirepass", password]),
  (server) => ({ ...server, url: `redis://:${password}@127.0.0.1:${server.port}` })
)

export type RedisServer = Effect.Success<typeof redisServer>
