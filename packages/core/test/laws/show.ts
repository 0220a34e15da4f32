/** A program as text that reads like code. */
import type { Program, Step, Tree } from "./program.ts"

export const show = (program: Program): string => program.map((step, i) => `${i + 1}. ${line(step)}`).join("\n")

const line = (step: Step): string => {
  switch (step._tag) {
    case "Start":
      return `start ${showTree(step.tree)}`
    case "Advance":
      return `advance ${step.millis} ms`
    case "Interrupt":
      return `interrupt running fiber ${step.index}`
    case "ByHand":
      return step.change
  }
}

export const showTree = (tree: Tree): string => {
  switch (tree._tag) {
    case "Work":
      return tree.way === "hangs" ? "hangs" : `${tree.way}(${tree.millis})`
    case "Guard":
      return `${tree.guard}(${showTree(tree.inner)})`
    case "Limit":
      return `${tree.limit}(${tree.millis}, ${showTree(tree.inner)})`
    case "Around":
      return `${tree.around}(${showTree(tree.inner)})`
    case "After":
      return `after(${tree.millis}, ${showTree(tree.inner)})`
    case "Cached":
      return `cache.${tree.read}("${tree.key}", ${showTree(tree.inner)})`
    case "Either":
      return `${tree.either}(${showTree(tree.first)}, ${showTree(tree.second)})`
    case "Together":
      return `${tree.how}[${tree.members.map(showTree).join(", ")}]`
  }
}
