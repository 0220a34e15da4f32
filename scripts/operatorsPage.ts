// Builds the operators' page of the gateway into one HTML text, and that into a module of the http package.
import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { build } from "vite"

const sources = "packages/http/page"
export const builtModule = "packages/http/src/gateway/admin/page/built.ts"

/** The page with its script and its style in it. */
export const operatorsPage = async (root: string): Promise<string> => {
  const built = await build({
    root: join(root, sources),
    configFile: false,
    envDir: false,
    logLevel: "warn",
    mode: "production",
    // Said here, so that the page does not depend on NODE_ENV.
    resolve: { conditions: ["module", "browser", "production"] },
    define: { "process.env.NODE_ENV": "\"production\"" },
    build: { write: false, target: "es2024", modulePreload: false, assetsInlineLimit: 0, cssTarget: "es2024" }
  })
  if (!("output" in built)) throw new Error("Vite gave more than one result.")
  const textOf = (is: (name: string) => boolean): string => {
    const found = built.output.filter(({ fileName }) => is(fileName))
    if (found.length !== 1) throw new Error(`The page has ${found.length} of what it has one of.`)
    const [one] = found
    return one!.type === "chunk" ? one!.code : String(one!.source)
  }
  const script = textOf((name) => name.endsWith(".js"))
  const style = textOf((name) => name.endsWith(".css"))
  const html = textOf((name) => name.endsWith(".html"))
    .replace(/<script [^>]*><\/script>\s*/, "")
    .replace(/<link rel="stylesheet"[^>]*>/, () => `<style>${style.trim()}</style>`)
    .replace("<head>", () => `<!--\n${noticesOf(root)}\n-->\n<head>`)
    .replace("</body>", () => `<script type="module">${inScript(script.trim())}</script>\n</body>`)
  if (/<link rel="(?!icon)|src=["']|@import/.test(html)) throw new Error("The page is not one file.")
  return html
}

/** Whose work is in the page. Their licences ask for these words in every copy. */
const noticesOf = (root: string): string =>
  ["lit", "uplot"].map((name) => {
    const licence = readFileSync(join(root, "packages/http/node_modules", name, "LICENSE"), "utf8").trim()
    return `${name}\n\n${licence.replace(/-{2,}/g, "-")}`
  }).join("\n\n")

/** No text of a script may look like the end of it, or like a comment of HTML. */
const inScript = (script: string): string => script.replace(/<(?=!--|\/?script)/gi, "\\x3C")

/** The module that has the page. */
export const moduleOf = (html: string): string =>
  `// Made of ${sources} by \`node scripts/run.cjs page\`.\nexport const html: string = ${JSON.stringify(html)}\n`

export const writeOperatorsPage = async (root: string): Promise<void> =>
  writeFileSync(join(root, builtModule), moduleOf(await operatorsPage(root)))
