/**
 * The priority and the key of a call, such as its tenant, as members of W3C Baggage. Members of others are kept.
 *
 * Source: https://www.w3.org/TR/baggage/
 */

/** What a call tells of itself. */
export interface Told {
  readonly priority: number | undefined
  readonly key: string | undefined
}

const priorityName = "switchgear-priority"
const keyName = "switchgear-key"

/** Of the standard: what is longer, or has more members, need not be passed on. */
const mostCharacters = 8192
const longestKey = 256

/** The header with what the call tells; undefined where there is nothing to tell. */
export const withTold = (header: string | undefined, { key, priority }: Told): string | undefined => {
  const others = membersOf(header).filter(({ name }) => name !== priorityName && name !== keyName)
  const own = [
    ...priority === undefined || priority === 0 ? [] : [`${priorityName}=${priority}`],
    ...key === undefined || key.length > longestKey || !key.isWellFormed()
      ? []
      : [`${keyName}=${encodeURIComponent(key)}`]
  ]
  const all = [...own, ...others.map(({ text }) => text)]
  while (all.length > own.length && all.join(",").length > mostCharacters) all.pop()
  return all.length === 0 ? undefined : all.join(",")
}

/** What a header tells; nothing where it is not in the right form. */
export const toldIn = (header: string | undefined): Told => {
  let priority: number | undefined
  let key: string | undefined
  for (const { name, value } of membersOf(header)) {
    if (name === priorityName && /^-?\d{1,6}$/.test(value)) priority ??= Number(value)
    if (name === keyName) key ??= decoded(value)
  }
  return { priority, key }
}

interface Member {
  readonly name: string
  readonly value: string
  readonly text: string
}

const membersOf = (header: string | undefined): ReadonlyArray<Member> =>
  header === undefined || header.length > mostCharacters ? [] : header.split(",").flatMap((text) => {
    const [member = ""] = text.split(";")
    const at = member.indexOf("=")
    return at < 1 ? [] : [{ name: member.slice(0, at).trim(), value: member.slice(at + 1).trim(), text: text.trim() }]
  })

const decoded = (value: string): string | undefined => {
  try {
    const key = decodeURIComponent(value)
    return key === "" || key.length > longestKey ? undefined : key
  } catch {
    return undefined
  }
}
