// Circles of imports: files, or rooms, that lead back to themselves. Imports of types count.

/** What imports what. */
export type Graph = ReadonlyMap<string, ReadonlySet<string>>

/**
 * Circles, as the way around from one of their nodes: in the order of names, the shortest one through each node that is in
 * none of those found before. There is at least one for each group of nodes that reach each other.
 */
export const circles = (graph: Graph): ReadonlyArray<ReadonlyArray<string>> => {
  const found: Array<ReadonlyArray<string>> = []
  const seen = new Set<string>()
  for (const start of [...graph.keys()].sort()) {
    if (seen.has(start)) continue
    const circle = wayBack(graph, start)
    if (circle === undefined) continue
    found.push(circle)
    for (const node of circle) seen.add(node)
  }
  return found
}

// Breadth first, so that the way is the shortest.
const wayBack = (graph: Graph, start: string): ReadonlyArray<string> | undefined => {
  const cameFrom = new Map<string, string>()
  const queue = [start]
  for (const node of queue) {
    for (const next of [...graph.get(node) ?? []].sort()) {
      if (next === start) return pathTo(cameFrom, start, node)
      if (cameFrom.has(next)) continue
      cameFrom.set(next, node)
      queue.push(next)
    }
  }
  return undefined
}

const pathTo = (cameFrom: ReadonlyMap<string, string>, start: string, end: string): ReadonlyArray<string> => {
  const path = [end]
  for (let node = end; node !== start; path.unshift(node)) node = cameFrom.get(node)!
  return path
}
