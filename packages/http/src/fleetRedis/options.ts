/** The public options of the connections of a fleet. */
import type * as Duration from "effect/Duration"
import type * as Redacted from "effect/Redacted"

/**
 * What a TLS connection needs beside `rediss://`: certificates as PEM texts, and the name that the certificate of the server has.
 *
 * @category options
 * @since 0.1.0
 */
export interface Tls {
  readonly ca?: string | undefined
  readonly cert?: string | undefined
  readonly key?: Redacted.Redacted | undefined
  readonly serverName?: string | undefined
}

interface Common {
  /** The ACL user, where the URL has none. */
  readonly username?: string | undefined
  /** Its password, where the URL has none. */
  readonly password?: Redacted.Redacted | undefined
  /** Used with `rediss://`. @default the certificate authorities of Node */
  readonly tls?: Tls | undefined
  /** How long an attempt to connect may take, and how long the layer waits for the first one. @default "2 seconds" */
  readonly connectTimeout?: Duration.Input | undefined
  /** How often the connection is looked at by a `PING`, and how long that may take. @default "5 seconds" */
  readonly pingInterval?: Duration.Input | undefined
}

/**
 * The options of a connection to one Redis.
 *
 * @category options
 * @since 0.1.0
 */
export interface Options extends Common {
  /**
   * `redis://user:password@host:port/database`, with TLS `rediss://`, or `unix:///path`. User and password are
   * percent-encoded.
   */
  readonly url: Redacted.Redacted
}

/**
 * The options of a connection to a Redis Cluster.
 *
 * @category options
 * @since 0.1.0
 */
export interface ClusterOptions extends Common {
  /** Some nodes of the cluster, from which it learns the others. TLS, user and password are those of the first one: another one has the same, or no user. */
  readonly urls: ReadonlyArray<Redacted.Redacted>
}
