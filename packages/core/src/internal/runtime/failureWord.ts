/** Why a store of a fleet failed, without what an error may have in it besides: an address, a password, a key or its value. */

/**
 * The code of a failure of the system, such as ECONNREFUSED; undefined for any other.
 *
 * @since 0.1.0
 * @category errors
 */
export const systemCode = (cause: unknown): string | undefined => {
  const code: unknown = cause instanceof Error && "code" in cause ? cause.code : undefined
  return typeof code === "string" && /^\w{1,50}$/.test(code) ? code : undefined
}

/**
 * Why a connection or a command failed, in one word, such as ECONNREFUSED or WRONGPASS. The rest of what a server says may repeat what
 * it was sent, and so the password.
 *
 * @since 0.1.0
 * @category errors
 */
export const failureWord = (cause: unknown): string =>
  systemCode(cause) ?? (cause instanceof Error ? said(cause) ?? cause.constructor.name : "unknown")

/** A command that a user may not run within a script is refused as such, but not by that word. */
const said = ({ message }: Error): string | undefined =>
  /^ERR (ACL failure in script|The user executing the script can't run)\b/.test(message)
    ? "NOPERM"
    : /^[A-Z][A-Z\d_]{2,50}\b/.exec(message)?.[0]
