/**
 * What a failure below HTTP means: from its cause to the error of a chat call.
 *
 * Only codes and addresses are taken over. The platform's error holds the request with its key, so it never becomes a
 * cause.
 */
import * as Predicate from "effect/Predicate"
import * as ChatError from "../ChatError.ts"

export interface Target {
  readonly provider: string
  readonly model: string
  readonly host: string
}

/**
 * A request that got no answer.
 */
export const beforeResponse = (target: Target, cause: unknown): ChatError.ChatError => {
  const { host, model, provider } = target
  const { address, code } = origin(cause)
  if (code !== undefined && connectTimeouts.has(code)) {
    return new ChatError.TimedOut({ provider, model, code, phase: "connect", isRetryable: true })
  }
  if (code !== undefined && isNoHttp(code)) {
    return new ChatError.MalformedReply({
      provider,
      model,
      code,
      found: "something that is not HTTP",
      isRetryable: false
    })
  }
  if (code !== undefined && ofReleasedClient.has(code)) return new ChatError.ClientReleased({ provider, model, code })
  const refused = code !== undefined && isCertificate(code)
  return new ChatError.ConnectFailed({
    provider,
    model,
    host,
    code,
    detail: address === undefined || address === host ? undefined : `while connecting to ${address}`,
    advice: refused
      ? "The certificate there is not trusted: check the host name, the clock of this machine, and any proxy in between."
      : advice.get(code ?? "") ?? "Check the base URL, the network and the proxy.",
    isRetryable: !refused
  })
}

/**
 * An answer that broke off after its head.
 */
export const inBody = (
  { model, provider }: Pick<Target, "provider" | "model">,
  status: number,
  cause: unknown
): ChatError.ChatError => {
  const { code } = origin(cause)
  if (code !== undefined && ofReleasedClient.has(code)) {
    return new ChatError.ClientReleased({ provider, model, status, code })
  }
  return isOfEncoding(code)
    ? new ChatError.MalformedReply({
      provider,
      model,
      status,
      code,
      found: "a body that is not in its content encoding"
    })
    : new ChatError.Truncated({ provider, model, status, code })
}

/** Errors of what undoes a content encoding. `Z_BUF_ERROR` is that it broke off. */
const isOfEncoding = (code: string | undefined): boolean =>
  code !== undefined && code !== "Z_BUF_ERROR" && /^(Z_|ZSTD_|ERR_BROTLI|ERR__ERROR_FORMAT|ERR_ZSTD)/.test(code)

/**
 * Whether a body was not in its content encoding. No part of it is an answer: how much could be unpacked depends on the
 * pieces in which it came.
 */
export const isUnpacking = (cause: unknown): boolean => isOfEncoding(origin(cause).code)

/**
 * The innermost code and address: `fetch` and connections to several addresses wrap what really happened. What does not
 * look like a code or an address is never shown.
 */
const origin = (
  cause: unknown,
  depth = 0
): { readonly code?: string | undefined; readonly address?: string | undefined } => {
  if (!Predicate.isReadonlyObject(cause) || depth > 4) return {}
  const inner = Array.isArray(cause["errors"]) ? cause["errors"][0] : cause["cause"]
  // undici's parser errors have a name and not always a code.
  const named = cause["code"] ?? (cause["name"] === "HTTPParserError" ? cause["name"] : undefined)
  const code = typeof named === "string" && /^[\w.-]{1,60}$/.test(named) ? named : undefined
  const { address: ip, port } = cause
  const address = typeof ip === "string" && /^[\w.:%-]{1,60}$/.test(ip) && typeof port === "number"
    ? `${ip}:${port}`
    : undefined
  if (code !== undefined && (address !== undefined || connectTimeouts.has(code))) return { code, address }
  const deeper = origin(inner, depth + 1)
  return { code: code ?? deeper.code, address: address ?? deeper.address }
}

/** undici reads some heads that contradict themselves as a length that the body does not have. */
const isNoHttp = (code: string): boolean =>
  /^HPE_|^HTTPParserError$/.test(code) || code === "UND_ERR_HEADERS_OVERFLOW" ||
  code === "UND_ERR_RES_CONTENT_LENGTH_MISMATCH"

const ofReleasedClient = new Set(["UND_ERR_DESTROYED", "UND_ERR_CLOSED"])

const connectTimeouts = new Set(["UND_ERR_CONNECT_TIMEOUT", "ETIMEDOUT"])

const isCertificate = (code: string): boolean =>
  /^CERT_|^ERR_TLS_CERT|SELF_SIGNED|UNABLE_TO_(VERIFY|GET_ISSUER)|^UND_ERR_PRX_TLS$/.test(code)

const closed = "The connection was closed before an answer began: try again, or use another model."
const unknownHost = "No such host is known: check the spelling of the base URL, and the name server."
const unreachable = "No route leads there: check the network, the firewall and the proxy."
const files = "This process has as many connections and files open as it may: raise its limit, or let fewer connect."
const proxy = "A proxy on the way refused: check HTTPS_PROXY, HTTP_PROXY and NO_PROXY."

const advice = new Map([
  ["ECONNREFUSED", "Nothing listens there: check the host and port of the base URL, and that the server runs."],
  ["ENOTFOUND", unknownHost],
  ["EAI_AGAIN", unknownHost],
  ["ECONNRESET", closed],
  ["EPIPE", closed],
  ["UND_ERR_SOCKET", closed],
  ["EHOSTUNREACH", unreachable],
  ["ENETUNREACH", unreachable],
  ["EMFILE", files],
  ["ENFILE", files],
  ["UND_ERR_ABORTED", proxy],
  ["UND_ERR_INVALID_ARG", proxy],
  ["UND_ERR_PRX_CONN", proxy],
  ["EPROTO", "The host does not speak TLS there: check http or https in the base URL."],
  ["ERR_SSL_WRONG_VERSION_NUMBER", "The host does not speak TLS there: check http or https in the base URL."]
])
