/** What `start` prints when it serves: where clients and operators go, and a line to try it with. */
import type * as Gateway from "../Gateway.ts"
import type * as GatewayConfig from "../GatewayConfig.ts"

export const greeting = (
  { address, adminAddress }: Pick<Gateway.Gateway, "address" | "adminAddress">,
  config: GatewayConfig.Config,
  path: string | undefined,
  token: string
): string => {
  const url = urlOf(address)
  const model = Object.keys(config.cascades)[0] ?? Object.keys(config.models)[0]!
  const needsToken = config.clients.length > 0
  return [
    path === undefined ? "No file was given: the models are simulated in this process." : `Read ${path}.`,
    `Clients:   ${url}/v1${needsToken ? " (with a token)" : ""}`,
    adminAddress === undefined
      ? "Operators: nowhere, because the file has no admin.token"
      : `Operators: ${urlOf(adminAddress)}/ (with ${path === undefined ? `the token ${token}` : "admin.token"})`,
    "Try it:",
    `  curl ${url}/v1/chat/completions -H 'content-type: application/json'${
      needsToken ? " -H \"authorization: Bearer $TOKEN\"" : ""
    } -d '{"model":"${model}","messages":[{"role":"user","content":"Hello"}]}'`
  ].join("\n")
}

const urlOf = ({ host, port }: GatewayConfig.Address): string =>
  `http://${host.includes(":") ? `[${host}]` : host}:${port}`
