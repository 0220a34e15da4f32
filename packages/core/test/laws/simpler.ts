/** Simpler programs than one that breaks a law: fewer steps, smaller trees, quieter work. */
import type { Program, Step, Tree } from "./program.ts"

/** The immediate simplifications of a program, the boldest first. */
export const simpler = (program: Program): ReadonlyArray<Program> => {
  const { cast, steps } = program
  return [
    ...withoutBlocks(steps),
    ...steps.flatMap((step, i) => simplerSteps(step).map((other) => steps.with(i, other)))
  ].map((steps) => ({ cast, steps }))
}

const withoutBlocks = (steps: ReadonlyArray<Step>): ReadonlyArray<ReadonlyArray<Step>> => {
  const shorter: Array<ReadonlyArray<Step>> = []
  for (let size = Math.floor(steps.length / 2); size >= 1; size = Math.floor(size / 2)) {
    for (let from = 0; from < steps.length; from += size) shorter.push(steps.toSpliced(from, size))
  }
  return shorter
}

const simplerSteps = (step: Step): ReadonlyArray<Step> => {
  switch (step._tag) {
    case "Start":
      return [
        ...step.times > 1 ? [{ ...step, times: 1 as const }] : [],
        ...step.times > 2 ? [{ ...step, times: 2 as const }] : [],
        ...simplerTrees(step.tree).map((tree) => ({ ...step, tree }))
      ]
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
    case "Copies":
      return [
        tree.inner,
        ...tree.times > 2 ? [{ ...tree, times: 2 as const }] : [],
        ...tree.how === "all" ? [] : [{ ...tree, how: "all" as const }],
        ...simplerTrees(tree.inner).map((inner) => ({ ...tree, inner }))
      ]
    default:
      return [tree.inner, ...simplerTrees(tree.inner).map((inner) => ({ ...tree, inner }))]
  }
}
