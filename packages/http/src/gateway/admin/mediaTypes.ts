/** Which of several media types a client wants, by its `accept`. */

interface Range {
  readonly type: string
  readonly subtype: string
  readonly quality: number
}

/**
 * The first of those that the client wants most. Undefined where it wants none of them. Without a header it takes
 * anything. Parameters other than `q` are not compared.
 */
export const preferred = <Offered extends string>(
  accept: string | undefined,
  offered: ReadonlyArray<Offered>
): Offered | undefined => {
  const ranges = rangesOf(accept)
  let best: Offered | undefined
  let most = 0
  for (const one of offered) {
    const quality = qualityOf(one, ranges)
    if (quality > most) {
      best = one
      most = quality
    }
  }
  return best
}

const rangesOf = (accept: string | undefined): ReadonlyArray<Range> =>
  accept === undefined || accept.trim() === "" ? [{ type: "*", subtype: "*", quality: 1 }] : accept
    .split(",")
    .flatMap((part) => {
      const [name = "", ...parameters] = part.split(";").map((text) => text.trim().toLowerCase())
      const [type, subtype] = name.split("/")
      if (!type || !subtype) return []
      const q = parameters.find((parameter) => parameter.startsWith("q="))
      const quality = q === undefined ? 1 : Number(q.slice(2))
      return [{ type, subtype, quality: Number.isFinite(quality) ? Math.min(1, Math.max(0, quality)) : 0 }]
    })

/** The quality of the most precise range that a media type is in. */
const qualityOf = (offered: string, ranges: ReadonlyArray<Range>): number => {
  const [type = "", subtype = ""] = offered.split(";", 1)[0]!.trim().split("/")
  let quality = 0
  let precision = -1
  for (const range of ranges) {
    const at = precisionOf(range, type, subtype)
    if (at < precision || at < 0) continue
    quality = at === precision ? Math.max(quality, range.quality) : range.quality
    precision = at
  }
  return quality
}

/** How precisely a range names a media type; below zero where it does not. `application/*+json` has every JSON. */
const precisionOf = (range: Range, type: string, subtype: string): number => {
  if (range.type === "*") return range.subtype === "*" ? 0 : -1
  if (range.type !== type) return -1
  if (range.subtype === subtype) return 3
  if (range.subtype === "*") return 1
  return range.subtype.startsWith("*+") && subtype.endsWith(range.subtype.slice(1)) ? 2 : -1
}
