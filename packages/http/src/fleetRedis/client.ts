/** A client of the `redis` package, as the connection of a fleet uses it. */
import { failureWord, systemCode } from "@switchgear/core/runtime"
import * as Redis from "effect/persistence/Redis"
import * as Redacted from "effect/Redacted"
import { RedisClient } from "redis"
import type { Place, Settings } from "./settings.ts"

/** A client that is connected once, and never again. */
export interface OpenClient {
  readonly connect: () => Promise<unknown>
  readonly send: (command: string, args: ReadonlyArray<string>) => Promise<unknown>
  /** Whether the server answers, and to this command. */
  readonly ping: () => Promise<unknown>
  /** Called when the connection is lost for good. */
  readonly onLost: (lost: (cause: unknown) => void) => void
  /** Ends it at once: what it waits for fails. */
  readonly destroy: () => void
  /** Where another connection is made: one of the nodes, by a share from 0 to 1. */
  readonly place: (share: number) => Place
}

type MakeClient = ReturnType<typeof RedisClient.factory>

export type NodeClient = ReturnType<MakeClient>

let make: MakeClient | undefined

/**
 * The package's own `createClient` builds its hundreds of commands again for each place: 30 milliseconds in which nothing else runs.
 * Commands that are sent by their name need none of them.
 */
const makeClient: MakeClient = (options) => (make ??= RedisClient.factory())(options)

/** What all connections have in common. */
export const common = (settings: Settings) => ({
  ...settings.username !== undefined && { username: settings.username },
  ...settings.password !== undefined && { password: settings.password },
  disableOfflineQueue: true,
  // Commands that a user of its own need not be allowed.
  disableClientInfo: true,
  maintNotifications: "disabled" as const
})

export const socket = ({ connectTimeout, tls }: Settings) => ({
  connectTimeout,
  ...tls !== undefined && {
    tls: true as const,
    ...tls.ca !== undefined && { ca: tls.ca },
    ...tls.cert !== undefined && { cert: tls.cert },
    ...tls.key !== undefined && { key: Redacted.value(tls.key) },
    ...tls.serverName !== undefined && { servername: tls.serverName }
  }
})

/** A client of one place. The options have no URL, which the client would show in errors of its own. */
export const clientOf = (place: Place, settings: Settings): NodeClient =>
  makeClient({
    ...common(settings),
    database: settings.database,
    socket: { ...place, ...socket(settings), reconnectStrategy: false } as
      & NonNullable<
        Parameters<MakeClient>[0]
      >["socket"]
      & object
  })

/** Has an error heard that would end the process otherwise, and that the client tells by other ways as well. */
export const ignored = (): void => {}

export const destroyed = (client: { readonly isOpen: boolean; readonly destroy: () => void }): void => {
  if (client.isOpen) client.destroy()
}

/** Answers are for other commands than those that were sent. */
export class Desynchronized extends Error {
  constructor() {
    super("DESYNCHRONIZED: the answer is to another command")
  }
}

let pings = 0

/**
 * Has the server repeat a number. Where an answer was lost on its way or came twice, each later one is taken for that to another command
 * for as long as the connection lasts.
 */
export const ping = async (
  client: { readonly sendCommand: (command: ReadonlyArray<string>) => Promise<unknown> }
): Promise<void> => {
  const own = String(++pings)
  if (String(await client.sendCommand(["PING", own])) !== own) throw new Desynchronized()
}

/** The error of a command. What a server says stays, since the store of the fleet has to know it; an address does not. */
export const commandError = (cause: unknown): Redis.RedisError =>
  systemCode(cause) === undefined ? new Redis.RedisError({ cause }) : connectionError(cause)

/** The error of a connection, of which only the reason is told. */
export const connectionError = (cause: unknown): Redis.RedisError =>
  new Redis.RedisError({ cause: new Error(failureWord(cause)) })
