import { GatewayConfig } from "@switchgear/http/gateway"
import { assert } from "@effect/vitest"

/** A file of one model `m` that names the instance `i`, with more in it. */
export const fileOf = (more: object): string =>
  JSON.stringify({
    providers: { p: { baseUrl: "http://p.test/v1" } },
    models: { m: { provider: "p", resilience4j: "i" } },
    ...more
  })

export const checked = (more: object): GatewayConfig.Checked => GatewayConfig.check(fileOf(more), {})

/** The lines of what is wrong. */
export const problemsOf = ({ problems }: GatewayConfig.Checked): ReadonlyArray<string> => {
  const text = GatewayConfig.report({ config: undefined, problems, became: [] })
  return text === "" ? [] : text.split("\n")
}

/** The model `m` of a file that is right. */
export const modelOf = (checked: GatewayConfig.Checked): GatewayConfig.Model => {
  assert.deepStrictEqual(problemsOf(checked), [])
  return checked.config!.models.m!
}
