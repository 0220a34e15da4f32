/** What a browser lets a page of the gateway do: to run what is in the page, and to ask the address that it came from. */
import { createHash } from "node:crypto"

/** The sources of all scripts or styles that are in a page, by their digests. */
export const digestsOf = (html: string, element: "script" | "style"): string =>
  [...html.matchAll(new RegExp(`<${element}(?: [^>]*)?>([\\s\\S]*?)</${element}>`, "g"))].map(([, text = ""]) =>
    `'sha256-${createHash("sha256").update(text).digest("base64")}'`
  ).join(" ")

/** `also` adds to the least that a page needs. */
export const policyOf = (html: string, also: ReadonlyArray<string>): string =>
  [
    "default-src 'none'",
    `script-src ${digestsOf(html, "script")}`,
    ...also,
    "img-src data:",
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'"
  ].join("; ")
