/** The keys of a client, made sure of. No key is shown. */
import * as Arr from "effect/Array"
import * as Redacted from "effect/Redacted"

export interface Key {
  /** What the key may be called in public. */
  readonly name: string
  readonly secret: string | undefined
}

/** At least one, which has no secret where none is needed. */
export type Keys = readonly [Key, ...ReadonlyArray<Key>]

/** The keys of a client. Throws a `RangeError` that shows none of them when they make no sense. */
export const keysOf = (given: Redacted.Redacted | ReadonlyArray<Redacted.Redacted> | undefined): Keys => {
  if (given === undefined) return [{ name: "", secret: undefined }]
  const list = Array.isArray(given) ? given : [given]
  const keys = list.map((each: Redacted.Redacted, i): Key => {
    const secret = Redacted.value(each)
    const field = list.length === 1 ? "apiKey" : `apiKey[${i}]`
    if (!/^[\x21-\x7e]+$/.test(secret)) {
      throw new RangeError(
        `ChatClient.make: ${field} must be printable ASCII without spaces or line breaks, got ${secret.length} characters that are not (not shown)`
      )
    }
    const first = list.findIndex((other) => Redacted.value(other) === secret)
    if (first !== i) {
      throw new RangeError(
        `ChatClient.make: ${field} must be another key than apiKey[${first}], got it again (not shown)`
      )
    }
    return { name: each.label ?? `key ${i + 1}`, secret }
  })
  if (!Arr.isReadonlyArrayNonEmpty(keys)) {
    throw new RangeError("ChatClient.make: apiKey must be a key or a list of at least one, got an empty list")
  }
  return keys
}
