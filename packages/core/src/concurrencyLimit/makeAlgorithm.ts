/** Makes the algorithm that the rules name. */
import { Aimd } from "./aimd.ts"
import type { Algorithm, AlgorithmRules } from "./algorithm.ts"
import { Gradient } from "./gradient.ts"
import { Gradient2 } from "./gradient2.ts"
import { Vegas } from "./vegas.ts"

/** `random` draws from 0 to 1, for the probes of "vegas"; the others draw nothing. */
export const makeAlgorithm = (rules: AlgorithmRules, now: number, random: () => number): Algorithm => {
  switch (rules.algorithm) {
    case "gradient":
      return new Gradient(rules, now)
    case "aimd":
      return new Aimd(rules)
    case "vegas":
      return new Vegas(rules, random)
    case "gradient2":
      return new Gradient2(rules, now)
  }
}
