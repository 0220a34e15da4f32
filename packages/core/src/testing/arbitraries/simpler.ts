/**
 * Simpler versions of a failing history, the shortest first. Effect's `Arbitrary` tries them, and continues from one
 * that fails.
 */
import type { History, Operation } from "./operation.ts"

type Any = Operation<unknown, unknown, unknown>

/** The lists from which a history was made, without duplicates. The first value of a list is the simplest. */
export interface Lists {
  readonly call: ReadonlyArray<unknown> | undefined
  readonly ending: ReadonlyArray<unknown> | undefined
  readonly millis: ReadonlyArray<number>
  readonly control: ReadonlyArray<unknown> | undefined
}

// Two operations that need each other, such as a begin and its end, can only be removed together. A long history has
// too many pairs; it is shortened by single operations first. Three that need each other are rarer, and there are more.
const pairsUpTo = 20
const triplesUpTo = 12

/** The next simpler versions of a history. Data that comes from no list is simplified blindly, and may be invalid. */
export const simpler = (lists: Lists) => (history: History<any, any, any>): ReadonlyArray<History<any, any, any>> => [
  ...withoutBlocks(history),
  ...history.flatMap((operation, i) => simplerOperations(operation, lists).map((other) => history.with(i, other))),
  ...history.length > pairsUpTo ? [] : withoutPairs(history, lists),
  ...history.length > triplesUpTo ? [] : withoutTriples(history),
  ...inOrder(history, lists)
]

const withoutBlocks = (history: ReadonlyArray<Any>): ReadonlyArray<ReadonlyArray<Any>> => {
  const shorter: Array<ReadonlyArray<Any>> = []
  for (let size = history.length; size >= 1; size = Math.floor(size / 2)) {
    for (let from = 0; from < history.length; from += size) shorter.push(history.toSpliced(from, size))
  }
  return shorter
}

const withoutPairs = (history: ReadonlyArray<Any>, lists: Lists): ReadonlyArray<ReadonlyArray<Any>> =>
  history.flatMap((first, i) =>
    history.slice(i + 1).flatMap((second, offset) => {
      const rest = history.toSpliced(i + 1 + offset, 1)
      return [rest.toSpliced(i, 1), ...together(first, second, lists).map((one) => rest.with(i, one))]
    })
  )

const withoutTriples = (history: ReadonlyArray<Any>): ReadonlyArray<ReadonlyArray<Any>> => {
  const shorter: Array<ReadonlyArray<Any>> = []
  for (let first = 0; first < history.length; first++) {
    for (let second = first + 1; second < history.length; second++) {
      for (let third = second + 1; third < history.length; third++) {
        shorter.push(history.filter((_, index) => index !== first && index !== second && index !== third))
      }
    }
  }
  return shorter
}

const places: Record<Any["_tag"], number> = { Call: 0, Begin: 1, End: 2, Interrupt: 3, Advance: 4, Control: 5 }

/** Two neighbours exchanged, so that histories that mean the same end as one. Each exchange brings it nearer to that. */
const inOrder = (history: ReadonlyArray<Any>, lists: Lists): ReadonlyArray<ReadonlyArray<Any>> =>
  history.flatMap((operation, index) => {
    const next = history[index + 1]
    return next === undefined || !comesAfter(operation, next, lists)
      ? []
      : [history.with(index, next).with(index + 1, operation)]
  })

/** By kind, and then by data, the simplest first. Data that comes from no list has no order. */
const comesAfter = (first: Any, second: Any, lists: Lists): boolean => {
  if (first._tag !== second._tag) return places[first._tag] > places[second._tag]
  const [ranks, others] = [ranksOf(first, lists), ranksOf(second, lists)]
  const at = ranks.findIndex((rank, index) => rank !== others[index])
  return at >= 0 && ranks[at]! > others[at]!
}

const ranksOf = (operation: Any, lists: Lists): ReadonlyArray<number> =>
  (["call", "millis", "control", "ending"] as const).map((field) =>
    (lists[field] as ReadonlyArray<unknown> | undefined)?.indexOf((operation as Data)[field]) ?? -1
  )

type Data = { readonly [K in keyof Lists]?: unknown }

/** Two operations combined into one. */
const together = (first: Any, second: Any, { ending, millis }: Lists): ReadonlyArray<Any> => {
  if (first._tag === "Begin" && second._tag === "End") {
    return [{ _tag: "Call", call: first.call, ending: second.ending }]
  }
  // What an interrupt has broken, another end may break as well.
  if (first._tag === "Begin" && second._tag === "Interrupt") {
    return (ending ?? []).map((ending) => ({ _tag: "Call", call: first.call, ending }))
  }
  if (first._tag !== "Advance" || second._tag !== "Advance") return []
  const longest = Math.max(first.millis, second.millis)
  return millis.filter((one) => one > longest).map((millis) => ({ _tag: "Advance", millis }))
}

const simplerOperations = (operation: Any, lists: Lists): ReadonlyArray<Any> => {
  const within = <K extends keyof Lists>(field: K, data: unknown): ReadonlyArray<Any> => {
    const list = lists[field]
    const values = list === undefined ? simplerData(data) : list.slice(0, list.indexOf(data as never))
    return values.map((value) => ({ ...operation, [field]: value }) as Any)
  }
  switch (operation._tag) {
    case "Call":
      return [
        { _tag: "Begin", call: operation.call },
        ...within("call", operation.call),
        ...within("ending", operation.ending)
      ]
    case "Begin":
      return within("call", operation.call)
    case "End":
      return [...lowerIndexes(operation), ...within("ending", operation.ending)]
    case "Interrupt":
      return lowerIndexes(operation)
    case "Advance":
      return within("millis", operation.millis)
    case "Control":
      return within("control", operation.control)
  }
}

const lowerIndexes = (operation: Any & { readonly index: number }): ReadonlyArray<Any> =>
  Array.from({ length: operation.index }, (_, index) => ({ ...operation, index }))

const simplerData = (data: unknown): ReadonlyArray<unknown> => {
  if (data === undefined) return []
  if (typeof data !== "object" || data === null) {
    return [undefined, ...[0, 1].filter((n) => typeof data === "number" && n < Math.abs(data))]
  }
  if (Array.isArray(data)) {
    return data.flatMap((each, i) => [data.toSpliced(i, 1), ...simplerData(each).map((other) => data.with(i, other))])
  }
  return Object.entries(data).flatMap(([key, each]) => simplerData(each).map((other) => ({ ...data, [key]: other })))
}
