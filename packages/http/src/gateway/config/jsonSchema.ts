/** The JSON schema of a file, for editors. */
import { guards } from "./jsonSchema/guards.ts"
import { entries, group, type JsonSchema, option, orNothing, text } from "./jsonSchema/parts.ts"
import { resilience4j } from "./jsonSchema/resilience4j.ts"
import { admin, cascades, clients, cluster, listen, otlp, prices, providers } from "./jsonSchema/sections.ts"

export type { JsonSchema }

/** Defined once for `defaults` and the models. */
const guardOptions = Object.fromEntries(Object.keys(guards).map((name) => [name, { $ref: `#/$defs/${name}` }]))

const models = entries(
  group({
    provider: option(text, "The name of its provider."),
    model: option(text, "The name that the provider knows it by. That of the entry, where it is left out."),
    resilience4j: option(text, "The instance of resilience4j whose options it has."),
    ...guardOptions
  }, ["provider"]),
  1
)

export const jsonSchema: JsonSchema = {
  $schema: "https://json-schema.org/draft/2020-12/schema",
  title: "A gateway of Switchgear",
  description:
    "A variable of the environment is written ${NAME}, or ${NAME:-default} where it may be missing. A duration is a text such as \"30 seconds\", or a number of milliseconds.",
  ...group({
    listen: option(orNothing(listen), "The address for clients, and what they may take up."),
    admin: option(orNothing(admin), "The address for operators."),
    otlp: option(orNothing(otlp), "The collector to which traces and metrics go by OTLP."),
    cluster: option(
      orNothing(cluster),
      "The fleet of gateways whose circuits and limits are one, and the Redis where they meet."
    ),
    providers: option(orNothing(providers), "Where models are, by name."),
    defaults: option(orNothing(group(guardOptions)), "The options of every model that does not say otherwise."),
    models: option(models, "The models, by the names that clients ask for."),
    cascades: option(orNothing(cascades), "Models in order, by the names that clients ask for."),
    prices: option(orNothing(prices), "Dollars for a million tokens, by the names that providers know models by."),
    clients: option(orNothing(clients), "Who may call. Without any, everyone on this machine may."),
    ...resilience4j.properties
  }, ["models"]),
  patternProperties: resilience4j.patternProperties,
  $defs: {
    ...resilience4j.definitions,
    ...guards
  }
}
