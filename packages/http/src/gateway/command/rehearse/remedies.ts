/** Which option of the file would mend a promise that was not kept. */
import * as Duration from "effect/Duration"
import { placeOf, type Problem } from "../../config/problem.ts"
import type { Config, Spoken } from "../../config/model.ts"
import type { Figures } from "./model.ts"
import { usualWait } from "./nights.ts"
import type { Broken } from "./promises.ts"

export const remedyOf = ({ promised }: Broken, figures: Figures, config: Config, target: string): string => {
  const cascade = config.cascades[target]
  const first = cascade?.steps[0] ?? target
  const at = (...path: ReadonlyArray<string | number>) => placeOf(path)
  const most = Object.entries(figures.errors).toSorted(([, a], [, b]) => b - a)[0]?.[0]
  const isCut = figures.night === "cut streams" && most === "Truncated"
  switch (promised.figure) {
    case "answered":
    case "errors":
    case "asked-for": {
      if (figures.night === "flood" && isOneClient(config, target)) {
        return `Another client in ${
          at("clients")
        }, each with limits: the one that floods is refused itself then, and now all customers are one client.`
      }
      if (most === "RateLimited") return `Larger ${at("clients")}[].limits: they refused most of them.`
      if (most === "Shed") return `A larger ${at("listen", "maxRequests")}: beyond it, most of them were refused.`
      if (most === "BudgetExceeded") return `A larger ${at("clients")}[].budget: it refused most of them.`
      const short = shortTime(config, target)
      if (short !== undefined && !isCut) {
        return `A longer ${
          placeOf(short)
        }: also on a good day, one of twenty answers of a simulated model takes more than ${usualWait}.`
      }
      if (figures.night === "flood" && config.clients.every(({ limits }) => limits.length === 0)) {
        return `Limits in ${at("clients")}[].limits, so that a client which floods the gateway is refused itself.`
      }
      if (cascade === undefined) {
        return [
          `A cascade with a second model in ${at("cascades")}: ${target} is asked alone.`,
          ...isCut ? [opensSooner(first)] : [],
          ...isFailing(figures, ["embeddings"]) ? [sameElsewhere] : []
        ].join(" ")
      }
      if (promised.figure === "asked-for") {
        return `More places for the first model: ${at("models", first, "bulkhead")}. It is asked again after ${
          at("models", first, "breaker", "openFor")
        }.`
      }
      if (isCut) return opensSooner(first)
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
        ...isFailing(figures, ["embeddings"]) ? [sameElsewhere] : []
      ].join(" ") || `More steps in ${at("cascades", target, "steps")}.`
    }
    case "left":
    case "p95":
      return cascade === undefined
        ? `A shorter ${at("models", first, "attemptTimeout")}.`
        : `A shorter ${at("cascades", target, "deadline")}, or a shorter ${at("models", first, "attemptTimeout")}.`
    case "calls-while-down": {
      if (figures.night === "spent key") {
        return `Another key in ${
          at("providers", config.models[first]!.provider, "apiKey")
        }: one that stands alone is asked by every call.`
      }
      const { model } = figures.models.toSorted((a, b) => b.whileDown - a.whileDown)[0]!
      const breaker = (option: string) => at("models", model, "breaker", option)
      return isBeforeOpening(figures, model)
        ? `A lower ${breaker("failureRate")} and a shorter ${
          at("models", model, "attemptTimeout")
        }: most of these calls were made before the circuit opened.`
        : `A longer ${breaker("openFor")}, or fewer ${at("models", model, "retry", "maxAttempts")}.`
    }
    case "cost":
      return `A budget in ${at("clients")}[].budget, or a cheaper model in ${at("cascades", target, "steps")}.`
  }
}

const sameElsewhere = `For embeddings only the same model at another provider helps (${placeOf(["models"])}[].model).`

const opensSooner = (model: string): string => {
  const breaker = (option: string) => placeOf(["models", model, "breaker", option])
  return `Fewer failures to open the circuit (${breaker("failureRate")} and ${breaker("window")}), and a longer ${
    breaker("openFor")
  }: what has begun cannot move on, and until the circuit opens, and in each probe, streams begin at ${model}.`
}

/** A time of the target that many answers take longer than on a good day. */
const shortTime = ({ cascades, models }: Config, target: string): Problem["path"] | undefined => {
  const cascade = cascades[target]
  const first = cascade?.steps[0] ?? target
  const { attemptTimeout, deadline } = models[first]!.options
  const times: ReadonlyArray<readonly [Problem["path"], Duration.Input | undefined]> = [
    [["cascades", target, "deadline"], cascade?.options.deadline],
    [["models", first, "deadline"], deadline],
    [["models", first, "attemptTimeout"], attemptTimeout]
  ]
  return times.find(([, time]) =>
    time !== undefined && Duration.isLessThan(Duration.fromInputUnsafe(time), Duration.fromInputUnsafe(usualWait))
  )?.[0]
}

/** Whether most of the calls to a model that was down came before its circuit opened: openings that last longer spare none of them. */
const isBeforeOpening = ({ changes, models, series, spells }: Figures, name: string): boolean => {
  const from = spells.find(({ state }) => state === "down")?.from ?? 0
  const opened = changes.find(({ at, model, to }) => model === name && to === "Open" && at >= from)?.at ?? Infinity
  const before = series.calls[name]!.reduce((sum, calls, i) => {
    const begin = i * series.interval
    return begin >= from && begin < opened ? sum + calls : sum
  }, 0)
  return before > models.find(({ model }) => model === name)!.whileDown / 2
}

/** Whether all customers come with the token of one client, or with none. */
const isOneClient = ({ clients }: Config, target: string): boolean =>
  clients.filter(({ models }) => models === undefined || models.includes(target)).length <= 1

/** Whether any who ask in these APIs get errors. */
const isFailing = ({ kinds }: Figures, apis: ReadonlyArray<Spoken>): boolean =>
  kinds.some(({ endings, kind }) => endings.error > 0 && apis.some((api) => kind.startsWith(api)))

const isAtOneProvider = (steps: ReadonlyArray<string>, config: Config): boolean =>
  new Set(steps.map((step) => config.models[step]!.provider)).size === 1
