/** Tags of languages, as RFC 5646 and `Intl.Locale` write them. */

const longestTag = 100

/**
 * The tag in its one spelling: `EN-us`, `pt_BR.UTF-8` and the first of an `Accept-Language` header as well. Undefined
 * for what is no tag.
 */
export const canonical = (written: unknown): string | undefined => {
  if (typeof written !== "string" || written.length > 1000) return undefined
  const tag = written.split(/[,;.@]/, 1)[0]!.trim().replaceAll("_", "-")
  return tag.length > longestTag ? undefined : localeOf(tag)?.toString()
}

/** Whether an `Accept-Language` header begins with any language. */
export const isAny = (written: unknown): boolean => typeof written === "string" && /^\s*\*/.test(written)

const localeOf = (tag: string): Intl.Locale | undefined => {
  try {
    return new Intl.Locale(tag)
  } catch {
    return undefined
  }
}

/**
 * A tag and what is less exact, in order: `zh-TW` is `zh-Hant-TW`, then `zh-Hant`, `zh-TW` and `zh`.
 */
export const lookup = (tag: string): ReadonlyArray<string> => {
  const locale = localeOf(tag)
  if (locale === undefined) return []
  const { language, region, script } = locale.maximize()
  return [
    ...new Set([
      tag,
      locale.baseName,
      `${language}-${script}-${region}`,
      `${language}-${script}`,
      `${language}-${region}`,
      language
    ])
  ]
}
