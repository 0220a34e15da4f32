import type { Section } from "../section.ts"
import type { Settings } from "../settings.ts"
import { client } from "./client.ts"
import { clock } from "./clock.ts"
import { closed } from "./closed.ts"
import { drained } from "./drain.ts"
import { fleet } from "./fleet.ts"
import { gateway } from "./gateway.ts"
import { guards } from "./guards.ts"
import { http } from "./http.ts"
import { keys } from "./keys.ts"
import { limiterQueue } from "./limiterQueue.ts"
import { memory } from "./memory.ts"
import { parts } from "./parts.ts"
import { peers } from "./peers.ts"
import { pipeline } from "./pipeline.ts"
import { rejection } from "./rejection.ts"
import { requests } from "./requests.ts"
import { streaming } from "./streaming.ts"
import { windows } from "./windows.ts"

/** What can be measured, by the name that `--only` takes. */
export const groups: Record<string, (settings: Settings) => Promise<Section | ReadonlyArray<Section>>> = {
  closed,
  fleet,
  rejection,
  windows,
  keys,
  memory,
  pipeline,
  drain: drained,
  "limiter-queue": limiterQueue,
  clock,
  parts,
  streaming,
  requests,
  client,
  http,
  gateway,
  peers,
  guards
}
