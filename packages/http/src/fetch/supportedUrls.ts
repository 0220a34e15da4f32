/** The URLs that several models can load by themselves, by their media types, as the AI SDK matches them. */

export type SupportedUrls = Record<string, Array<RegExp>>

/** Those that each of the models can load. Of a model that does not tell, none are known. */
export const supportedByAll = (
  models: ReadonlyArray<{ readonly supportedUrls: SupportedUrls | PromiseLike<SupportedUrls> }>
): SupportedUrls | Promise<SupportedUrls> => {
  const all = models.map(supportedBy)
  return all.some(isPromise) ? Promise.all(all).then(shared) : shared(all as ReadonlyArray<SupportedUrls>)
}

const supportedBy = (
  model: { readonly supportedUrls: SupportedUrls | PromiseLike<SupportedUrls> }
): SupportedUrls | Promise<SupportedUrls> => {
  try {
    const given = model.supportedUrls
    return isPromise(given) ? Promise.resolve(given).then((urls) => urls ?? {}, () => ({})) : given ?? {}
  } catch {
    return {}
  }
}

const isPromise = <A>(value: A | PromiseLike<A>): value is PromiseLike<A> =>
  typeof (value as PromiseLike<A> | undefined)?.then === "function"

const shared = ([first = {}, ...others]: ReadonlyArray<SupportedUrls>): SupportedUrls => others.reduce(both, first)

const both = (some: SupportedUrls, others: SupportedUrls): SupportedUrls => {
  const all: SupportedUrls = {}
  for (const [type, urls] of Object.entries(some)) {
    for (const [other, otherUrls] of Object.entries(others)) {
      const narrower = narrowerOf(type.toLowerCase(), other.toLowerCase())
      if (narrower !== undefined) (all[narrower] ??= []).push(new MatchesBoth(urls, otherUrls))
    }
  }
  return all
}

/** Of two media types, such as `image/*` and `image/png`, the one that is within the other. */
const narrowerOf = (type: string, other: string): string | undefined =>
  covers(type, other) ? other : covers(other, type) ? type : undefined

const covers = (wide: string, narrow: string): boolean =>
  wide === narrow || wide === "*" || wide === "*/*" || wide.endsWith("/*") && narrow.startsWith(wide.slice(0, -1))

/** Matches what one of each list matches. Its own pattern, which a copy of it would have, matches nothing. */
class MatchesBoth extends RegExp {
  private readonly some: ReadonlyArray<RegExp>
  private readonly others: ReadonlyArray<RegExp>

  constructor(some: ReadonlyArray<RegExp>, others: ReadonlyArray<RegExp>) {
    super("(?!)")
    this.some = some
    this.others = others
  }

  override exec(url: string): RegExpExecArray | null {
    const match = matchIn(this.some, url)
    return match !== null && matchIn(this.others, url) !== null ? match : null
  }
}

const matchIn = (patterns: ReadonlyArray<RegExp>, url: string): RegExpExecArray | null => {
  for (const pattern of patterns) {
    const match = fromStart(pattern, url)
    if (match !== null) return match
  }
  return null
}

/** A pattern that is global or sticky goes on where it has matched last, and is not this one's to move. */
const fromStart = (pattern: RegExp, url: string): RegExpExecArray | null => {
  if (!pattern.global && !pattern.sticky) return pattern.exec(url)
  const { lastIndex } = pattern
  pattern.lastIndex = 0
  try {
    return pattern.exec(url)
  } finally {
    pattern.lastIndex = lastIndex
  }
}
