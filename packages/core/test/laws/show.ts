/** A program as text that reads like code. */
import type { Cast, Program, Step, Tree } from "./program.ts"

export const show = ({ cast, steps }: Program): string =>
  steps.map((step, i) => `${i + 1}. ${line(step, cast)}`).join("\n")

const line = (step: Step, cast: Cast): string => {
  switch (step._tag) {
    case "Start":
      return `start ${step.times > 1 ? `${step.times} × ` : ""}${showTree(step.tree, cast)}`
    case "Advance":
      return `advance ${step.millis} ms`
    case "Interrupt":
      return `interrupt running fiber ${step.index}`
    case "ByHand":
      return step.change
  }
}

export const showTree = (tree: Tree, cast: Cast): string => {
  const shown = (tree: Tree) => showTree(tree, cast)
  switch (tree._tag) {
    case "Work":
      return tree.way === "hangs" ? "hangs" : `${tree.way}(${tree.millis})`
    case "Guard":
      return `${cast[tree.guard]}(${shown(tree.inner)})`
    case "Limit":
      return `${tree.limit}(${tree.millis}, ${shown(tree.inner)})`
    case "Around":
      return `${tree.around}(${shown(tree.inner)})`
    case "After":
      return `after(${tree.millis}, ${shown(tree.inner)})`
    case "Cached":
      return `cache.${tree.read}("${tree.key}", ${shown(tree.inner)})`
    case "Either":
      return `${tree.either}(${shown(tree.first)}, ${shown(tree.second)})`
    case "Copies":
      return `${tree.how}[${tree.times} × ${shown(tree.inner)}]`
    case "Together":
      return `${tree.how}[${tree.members.map(shown).join(", ")}]`
  }
}
