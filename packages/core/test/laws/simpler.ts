/** Simpler programs than one that breaks a law: fewer steps, smaller trees, quieter work. */
import type { Program, Step, Tree } from "./program.ts"

/** The immediate simplifications of a program, the boldest first. */
export const simpler = (program: Program): ReadonlyArray<Program> => [
  ...withoutBlocks(program),
  ...program.flatMap((step, i) => simplerSteps(step).map((other) => program.with(i, other)))
]

const withoutBlocks = (program: Program): ReadonlyArray<Program> => {
  const shorter: Array<Program> = []
  for (let size = Math.floor(program.length / 2); size >= 1; size = Math.floor(size / 2)) {
    for (let from = 0; from < program.length; from += size) shorter.push(program.toSpliced(from, size))
  }
  return shorter
}

const simplerSteps = (step: Step): ReadonlyArray<Step> => {
  switch (step._tag) {
    case "Start":
      return simplerTrees(step.tree).map((tree) => ({ ...step, tree }))
    case "Interrupt":
      return step.index > 0 ? [{ ...step, index: 0 }] : []
    default:
      return []
  }
}

/** Trees that are smaller, or as large and quieter. */
export const simplerTrees = (tree: Tree): ReadonlyArray<Tree> => {
  switch (tree._tag) {
    case "Work":
      return [
        ...tree.way === "answers" ? [] : [{ ...tree, way: "answers" as const }],
        ...tree.millis === 0 ? [] : [{ ...tree, millis: 0 as const }]
      ]
    case "Either":
      return [
        tree.first,
        tree.second,
        ...simplerTrees(tree.first).map((first) => ({ ...tree, first })),
        ...simplerTrees(tree.second).map((second) => ({ ...tree, second }))
      ]
    case "Together":
      return [
        ...tree.members,
        ...tree.members.length > 1
          ? tree.members.map((_, i) => ({ ...tree, members: tree.members.toSpliced(i, 1) }))
          : [],
        ...tree.members.flatMap((member, i) =>
          simplerTrees(member).map((other) => ({ ...tree, members: tree.members.with(i, other) }))
        ),
        ...tree.how === "all" ? [] : [{ ...tree, how: "all" as const }]
      ]
    default:
      return [tree.inner, ...simplerTrees(tree.inner).map((inner) => ({ ...tree, inner }))]
  }
}
