/** Which connections lead to an origin: directly, or through one of the proxies. It is decided once for each origin. */
import * as Undici from "@effect/platform-node/Undici"
import { isExcepted } from "./noProxy.ts"
import type { ProxyInput } from "./proxy.ts"

/** The proxies by the scheme of the address, and the hosts that are reached without one. Empty where there is none. */
interface Proxies {
  readonly http: string
  readonly https: string
  readonly except: string
}

/** The options of an agent. `around` gives the agent itself, unless a proxy stands between. */
type OptionsOf = (around: () => Undici.Dispatcher | undefined) => Undici.Agent.Options

/** The dispatcher of all origins, which has a route to each. */
export class Routes extends Undici.Dispatcher {
  private readonly proxies: Proxies
  private readonly optionsOf: OptionsOf
  private readonly direct: Undici.Agent
  private readonly byProxy = new Map<string, Undici.Dispatcher>()
  private readonly byOrigin = new Map<string, Undici.Dispatcher>()

  constructor(proxy: ProxyInput, optionsOf: OptionsOf) {
    super()
    this.proxies = proxiesOf(proxy)
    this.optionsOf = optionsOf
    this.direct = new Undici.Agent(optionsOf(() => this.direct))
  }

  /** The dispatcher of an origin, the same for every call. */
  to(origin: string): Undici.Dispatcher {
    let known = this.byOrigin.get(origin)
    if (known === undefined) this.byOrigin.set(origin, known = this.find(new URL(origin)))
    return known
  }

  override dispatch(options: Undici.Dispatcher.DispatchOptions, handler: Undici.Dispatcher.DispatchHandler): boolean {
    return this.to(String(options.origin)).dispatch(options, handler)
  }

  override destroy(): Promise<void> {
    return Promise.all([this.direct, ...this.byProxy.values()].map((each) => each.destroy())).then(() => {})
  }

  private find(address: URL): Undici.Dispatcher {
    const { except, http, https } = this.proxies
    const proxy = address.protocol === "https:" ? https : http
    if (proxy === "" || isExcepted(except, address)) return this.direct
    let known = this.byProxy.get(proxy)
    if (known === undefined) {
      this.byProxy.set(proxy, known = new Undici.ProxyAgent({ ...this.optionsOf(() => undefined), uri: proxy }))
    }
    return known
  }
}

const proxiesOf = (proxy: ProxyInput): Proxies => {
  if (proxy === "none") return { http: "", https: "", except: "" }
  const given = proxy === "environment"
    ? { http: variable("http_proxy"), https: variable("https_proxy"), except: variable("no_proxy") }
    : proxy
  const http = given.http ?? ""
  return { http, https: given.https || http, except: given.except ?? "" }
}

/** A variable of the environment, by its name in small letters or in capitals. */
const variable = (name: string): string | undefined => process.env[name] ?? process.env[name.toUpperCase()]
