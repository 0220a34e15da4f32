/** Which option of the file would mend a promise that was not kept. */
import { placeOf } from "../../config/problem.ts"
import type { Config, Spoken } from "../../config/model.ts"
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
      if (figures.night === "flood" && isOneClient(config, target)) {
        return `Another client in ${
          at("clients")
        }, each with limits: the one that floods is refused itself then, and now all customers are one client.`
      }
      if (most === "RateLimited") return `Larger ${at("clients")}[].limits: they refused most of them.`
      if (most === "Shed") return `A larger ${at("listen", "maxRequests")}: beyond it, most of them were refused.`
      if (most === "BudgetExceeded") return `A larger ${at("clients")}[].budget: it refused most of them.`
      if (figures.night === "flood" && config.clients.every(({ limits }) => limits.length === 0)) {
        return `Limits in ${at("clients")}[].limits, so that a client which floods the gateway is refused itself.`
      }
      if (cascade === undefined) return `A cascade with a second model in ${at("cascades")}: ${target} is asked alone.`
      if (promised.figure === "asked-for") {
        return `More places for the first model: ${at("models", first, "bulkhead")}. It is asked again after ${
          at("models", first, "breaker", "openFor")
        }.`
      }
      if (figures.night === "cut streams") {
        return `Fewer failures to open the circuit (${
          at("models", first, "breaker", "failureRate")
        }): what has begun cannot move on, and until the circuit opens streams begin at ${first}.`
      }
      return [
        ...isAtOneProvider(cascade.steps, config)
          ? [`A step at another provider in ${at("cascades", target, "steps")}: all of them are at one.`]
          : [],
        ...cascade.options.canned === undefined && isFailing(figures, ["chat"])
          ? [`Sentences in ${at("cascades", target, "canned")}.`]
          : [],
        ...isFailing(figures, ["messages", "responses"])
          ? ["Messages and responses have no sentences: for them only another model helps."]
          : [],
        ...isFailing(figures, ["embeddings"])
          ? [`For embeddings only the same model at another provider helps (${at("models")}[].model).`]
          : []
      ].join(" ") || `More steps in ${at("cascades", target, "steps")}.`
    case "left":
    case "p95":
      return cascade === undefined
        ? `A shorter ${at("models", first, "attemptTimeout")}.`
        : `A shorter ${at("cascades", target, "deadline")}, or a shorter ${at("models", first, "attemptTimeout")}.`
    case "calls-while-down":
      if (figures.night === "spent key") {
        return `Another key in ${
          at("providers", config.models[first]!.provider, "apiKey")
        }: one that stands alone is asked by every call.`
      }
      return `A longer ${at("models", first, "breaker", "openFor")}, or fewer ${
        at("models", first, "retry", "maxAttempts")
      }.`
    case "cost":
      return `A budget in ${at("clients")}[].budget, or a cheaper model in ${at("cascades", target, "steps")}.`
  }
}

/** Whether all customers come with the token of one client, or with none. */
const isOneClient = ({ clients }: Config, target: string): boolean =>
  clients.filter(({ models }) => models === undefined || models.includes(target)).length <= 1

/** Whether any who ask in these APIs get errors. */
const isFailing = ({ kinds }: Figures, apis: ReadonlyArray<Spoken>): boolean =>
  kinds.some(({ endings, kind }) => endings.error > 0 && apis.some((api) => kind.startsWith(api)))

const isAtOneProvider = (steps: ReadonlyArray<string>, config: Config): boolean =>
  new Set(steps.map((step) => config.models[step]!.provider)).size === 1
