/** The keys of a client, made sure of. No key is shown. */
import type { OptionsOf } from "@switchgear/core/runtime"
import * as Arr from "effect/Array"
import * as Redacted from "effect/Redacted"

export interface Key {
  /** What the key may be called in public. */
  readonly name: string
  readonly secret: string | undefined
}

/** At least one, which has no secret where none is needed. */
export type Keys = readonly [Key, ...ReadonlyArray<Key>]

/** The keys of a client. What is refused of them is not shown. */
export const keysOf = (
  given: Redacted.Redacted | ReadonlyArray<Redacted.Redacted> | undefined,
  check: OptionsOf
): Keys => {
  if (given === undefined) return [{ name: "", secret: undefined }]
  const list = Array.isArray(given) ? given : [given]
  const keys = list.map((each: Redacted.Redacted, i): Key => {
    const secret = Redacted.value(each)
    const field = list.length === 1 ? "apiKey" : `apiKey[${i}]`
    if (!/^[\x21-\x7e]+$/.test(secret)) {
      check.withhold(
        field,
        "printable ASCII without spaces or line breaks",
        `${secret.length} characters that are not (not shown)`
      )
    }
    const first = list.findIndex((other) => Redacted.value(other) === secret)
    if (first !== i) {
      check.withhold(field, `another key than apiKey[${first}]`, "it again (not shown)")
    }
    return { name: each.label ?? `key ${i + 1}`, secret }
  })
  return Arr.isReadonlyArrayNonEmpty(keys)
    ? keys
    : check.withhold("apiKey", "a key or a list of at least one", "an empty list")
}
