/**
 * An address to listen on.
 *
 * @category models
 * @since 0.1.0
 */
export interface Address {
  readonly host: string
  /** 0 for any free port. */
  readonly port: number
}
