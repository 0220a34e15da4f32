/** A `redis-server` of the test's own on a free port of loopback, with a password. */
import { Effect } from "effect"
import { redisOnPort } from "../../../core/test/support/redisProcess.ts"

export const password = "hunter2-0123456789"

export const redisServer = Effect.map(
  redisOnPort(["--requirepass", password]),
  (server) => ({ ...server, url: `redis://:${password}@127.0.0.1:${server.port}` })
)

export type RedisServer = Effect.Success<typeof redisServer>
