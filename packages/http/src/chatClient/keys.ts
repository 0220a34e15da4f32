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
    const field = list.length === 1 ? "apiKey" : `apiKey[${i}]`
    const secret: unknown = Redacted.isRedacted(each) ? Redacted.value(each) : check.withhold(
      field,
      "a key in Redacted.make",
      "something else (not shown)"
    )
    // A variable that is not set, as in `Redacted.make(process.env.OPENAI_API_KEY!)`.
    if (typeof secret !== "string") {
      return check.withhold(
        field,
        "a text in Redacted.make",
        `${typeof secret}: is the variable set that it is read from?`
      )
    }
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
