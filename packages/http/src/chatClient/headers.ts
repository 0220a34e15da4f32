/** The headers of a user, made sure of. A value is never shown: it may be a secret. */

type Refuse = (field: string, range: string, got: string) => never

/** Headers that the connection sets, or that change what the other side reads. */
const ofConnection = new Set([
  "connection",
  "content-length",
  "expect",
  "host",
  "keep-alive",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade"
])

/** Throws what `refuse` throws for a header that cannot be sent. */
export const checked = (given: unknown, hasKey: boolean, refuse: Refuse): Readonly<Record<string, string>> => {
  if (given === undefined) return {}
  if (typeof given !== "object" || given === null || Array.isArray(given)) {
    return refuse("headers", "an object of names and values", "something else (not shown)")
  }
  const seen = new Map<string, string>()
  for (const [name, value] of Object.entries(given)) {
    const field = `headers[${JSON.stringify(name.slice(0, 60))}]`
    const small = name.toLowerCase()
    if (!/^[!#$%&'*+.^_`|~\dA-Za-z-]{1,200}$/.test(name)) {
      return refuse(field, "the name of a header: letters, digits and any of !#$%&'*+.^_`|~-", "another name")
    }
    if (ofConnection.has(small)) return refuse(field, "left out: the connection sets it", "a value (not shown)")
    if (typeof value !== "string" || !/^[\t\x20-\x7e\x80-\xff]*$/.test(value)) {
      return refuse(
        field,
        "a text of printable characters of Latin-1, without line breaks",
        `${typeof value === "string" ? "one" : typeof value} that is not (not shown)`
      )
    }
    const before = seen.get(small)
    if (before !== undefined)
      return refuse(field, `given once: headers[${JSON.stringify(before)}] is the same`, "it twice")
    if (small === "authorization" && hasKey)
      return refuse(field, "left out beside apiKey, which sets it", "both (not shown)")
    seen.set(small, name)
  }
  return given as Readonly<Record<string, string>>
}
