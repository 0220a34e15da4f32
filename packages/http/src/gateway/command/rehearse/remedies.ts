/** Which option of the file would mend a promise that was not kept. */
import { placeOf } from "../../config/problem.ts"
import type { Config } from "../../config/model.ts"
import type { Figures } from "./model.ts"
import type { Broken } from "./promises.ts"

export const remedyOf = ({ promised }: Broken, figures: Figures, config: Config, target: string): string => {
  const cascade = config.cascades[target]
  const first = cascade?.steps[0] ?? target
  const at = (...path: ReadonlyArray<string | number>) => placeOf(path)
  const most = Object.entries(figures.errors).toSorted(([, a], [, b]) => b - a)[0]?.[0]
  switch (promised.figure) {
    case "answered":
    case "errors":
    case "asked-for":
      if (most === "RateLimited") return `Larger ${at("clients")}[].limits: they refused most of them.`
      if (most === "BudgetExceeded") return `A larger ${at("clients")}[].budget: it refused most of them.`
      if (cascade === undefined) return `A cascade with a second model in ${at("cascades")}: ${target} is asked alone.`
      if (promised.figure === "asked-for") {
        return `More places for the first model: ${at("models", first, "bulkhead")}. It is asked again after ${
          at("models", first, "breaker", "openFor")
        }.`
      }
      return [
        ...isAtOneProvider(cascade.steps, config)
          ? [`A step at another provider in ${at("cascades", target, "steps")}: all of them are at one.`]
          : [],
        ...cascade.options.canned === undefined ? [`Sentences in ${at("cascades", target, "canned")}.`] : []
      ].join(" ") || `More steps in ${at("cascades", target, "steps")}.`
    case "left":
    case "p95":
      return cascade === undefined
        ? `A shorter ${at("models", first, "attemptTimeout")}.`
        : `A shorter ${at("cascades", target, "deadline")}, or a shorter ${at("models", first, "attemptTimeout")}.`
    case "calls-while-down":
      if (figures.night === "spent key") {
        return `A second key in ${
          at("providers", config.models[first]!.provider, "apiKey")
        }: a key that stands alone is asked by every call.`
      }
      return `A longer ${at("models", first, "breaker", "openFor")}, or fewer ${
        at("models", first, "retry", "maxAttempts")
      }.`
    case "cost":
      return `A budget in ${at("clients")}[].budget, or a cheaper model in ${at("cascades", target, "steps")}.`
  }
}

const isAtOneProvider = (steps: ReadonlyArray<string>, config: Config): boolean =>
  new Set(steps.map((step) => config.models[step]!.provider)).size === 1
