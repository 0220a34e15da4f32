/**
 * Which addresses `NO_PROXY` names: hosts and their subdomains, separated by commas or white space. `.example.com` is
 * `example.com`, `*.example.com` means its subdomains alone, and `*` is every host. A port, as in `example.com:8080`,
 * keeps an entry to that port.
 */

interface Entry {
  readonly host: string
  readonly port: number | undefined
  /** Whether the host itself is named, and not only its subdomains. */
  readonly namesHost: boolean
}

/** Whether an address is reached without a proxy. */
export const isExcepted = (noProxy: string, address: URL): boolean => {
  const host = plain(withoutBrackets(address.hostname))
  const port = Number(address.port) || (address.protocol === "https:" ? 443 : 80)
  return noProxy.split(/[,\s]+/).filter((written) => written !== "").map(entryOf).some((entry) =>
    (entry.port === undefined || entry.port === port) &&
    (entry.host === "*" || entry.namesHost && entry.host === host || host.endsWith(`.${entry.host}`))
  )
}

const entryOf = (written: string): Entry => {
  // An IPv6 address has colons of its own, so a port needs brackets around it.
  const [, bracketed, named, digits] = /^(?:\[(.+)\]|([^:]+)):(\d+)$/.exec(written) ?? []
  const host = bracketed ?? named ?? withoutBrackets(written)
  return {
    host: plain(host.replace(/^\*?\./, "")),
    port: Number(digits) || undefined,
    namesHost: !written.startsWith("*")
  }
}

const withoutBrackets = (host: string): string => host.replace(/^\[(.+)\]$/, "$1")

/** In small letters, and without the dot at the end of a full name. */
const plain = (host: string): string => host.replace(/^(.+)\.$/, "$1").toLowerCase()
