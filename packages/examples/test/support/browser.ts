/** A browser without a network, and what it makes of a page. */
import { describe, it, layer, type Vitest } from "@effect/vitest"
import { Context, Effect, Layer, type Scope } from "effect"
import type { Browser, BrowserContextOptions, ConsoleMessage, Page } from "playwright-core"
import { executable, launched } from "../../chromium.ts"

export interface View {
  readonly colorScheme: "light" | "dark"
  readonly width: number
}

/** What a reader would see, in pixels of the screen. */
export interface Seen {
  /** By how much the page is wider than the screen. */
  readonly overflow: number
  /** All charts that are shown. */
  readonly charts: ReadonlyArray<{ readonly label: string; readonly width: number; readonly height: number }>
  /** All texts that are shown, with the contrast against what lies behind them. */
  readonly texts: ReadonlyArray<{ readonly text: string; readonly size: number; readonly contrast: number }>
  /** Texts of one chart that lie on each other. */
  readonly overlaps: ReadonlyArray<readonly [string, string]>
  readonly requests: ReadonlyArray<string>
  /** What the browser complained about. */
  readonly complaints: ReadonlyArray<string>
}

/** A browser that runs. */
export class Chromium extends Context.Service<Chromium, Browser>()("test/Chromium") {}

const chromiumLayer: Layer.Layer<Chromium> = Layer.effect(Chromium, launched)

/**
 * Tests of pages in one browser, side by side: mostly they wait for what a page shows next. Without Chromium they are skipped and say
 * so; with SWITCHGEAR_REQUIRE_CHROMIUM=1 that is a failure.
 */
export const describePages = (name: string, tests: (it: Vitest.MethodsNonLive<Chromium>) => void): void => {
  if (executable === undefined && process.env["SWITCHGEAR_REQUIRE_CHROMIUM"] !== "1") {
    describe(
      name,
      () => it.skip("WAS NOT LOOKED AT: there is no Chromium; it is in Debian's package chromium", () => {})
    )
  } else {
    layer(chromiumLayer, { concurrent: true, excludeTestServices: true, timeout: "1 minute" })(name, tests)
  }
}

/** A page in a context of its own, of which no other page sees what it keeps; gone with the scope. */
export const newPage = (options?: BrowserContextOptions): Effect.Effect<Page, never, Chromium | Scope.Scope> =>
  Effect.gen(function*() {
    const browser = yield* Chromium
    const context = yield* Effect.acquireRelease(
      Effect.promise(() => browser.newContext(options)),
      (context) => Effect.promise(() => context.close())
    )
    return yield* Effect.promise(() => context.newPage())
  })

/** What is asked for and complained about from now on. */
export const listenTo = (page: Page): Pick<Seen, "requests" | "complaints"> => {
  const requests: Array<string> = []
  const complaints: Array<string> = []
  page.on("request", (request) => requests.push(request.url()))
  page.on("console", (message: ConsoleMessage) => complaints.push(message.text()))
  page.on("pageerror", (error) => complaints.push(error.message))
  return { requests, complaints }
}

/** Measures what a page shows now. */
export const measure = async (page: Page): Promise<Omit<Seen, "requests" | "complaints">> => {
  const { width } = page.viewportSize()!
  // What lies behind a text is known only of what is on the screen.
  await page.setViewportSize({ width, height: Number(await page.evaluate("document.documentElement.scrollHeight")) })
  return await page.evaluate(measured) as Omit<Seen, "requests" | "complaints">
}

/** Opens a page and measures it. */
export const see = (url: string, { colorScheme, width }: View): Effect.Effect<Seen, never, Chromium> =>
  Effect.scoped(Effect.gen(function*() {
    const page = yield* newPage({ colorScheme, offline: true, viewport: { width, height: 900 } })
    return yield* Effect.promise(async () => {
      const heard = listenTo(page)
      await page.goto(url)
      return { ...await measure(page), ...heard }
    })
  }))

/** Runs in the page. */
const measured = `(() => {
  const rgb = (colour) => (colour.match(/[\\d.]+/g) ?? []).map(Number)
  const luminance = (colour) => {
    const [r, g, b] = rgb(colour).map((part) => part / 255)
      .map((part) => part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4)
    return 0.2126 * r + 0.7152 * g + 0.0722 * b
  }
  const contrast = (one, other) => {
    const [dark, light] = [luminance(one), luminance(other)].sort((a, b) => a - b)
    return (light + 0.05) / (dark + 0.05)
  }
  const paper = (element) => {
    for (let at = element; at !== null; at = at.parentElement) {
      const { backgroundColor } = getComputedStyle(at)
      if ((rgb(backgroundColor)[3] ?? 1) === 1) return backgroundColor
    }
    return "rgb(255, 255, 255)"
  }
  const behind = (text, x, y) => {
    const shape = document.elementsFromPoint(x, y).find((element) =>
      ["path", "rect"].includes(element.localName) && getComputedStyle(element).fill !== "none")
    if (shape === undefined) return paper(text.ownerSVGElement.parentElement)
    const { fill } = getComputedStyle(shape)
    return fill.startsWith("url") ? getComputedStyle(document.querySelector("pattern rect")).fill : fill
  }
  const isShown = (element) => element.getClientRects().length > 0
  const charts = [...document.querySelectorAll("svg[role=img]")].filter(isShown)
  const written = [...document.querySelectorAll("body *")].filter((element) => isShown(element)
    && [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim() !== ""))
  const texts = written.map((element) => {
    const { color, fill, fontSize } = getComputedStyle(element)
    if (!(element instanceof SVGElement)) {
      return { text: element.textContent.trim(), size: parseFloat(fontSize), contrast: contrast(color, paper(element)) }
    }
    const { bottom, left, right, top } = element.getBoundingClientRect()
    return {
      text: element.textContent,
      size: parseFloat(fontSize) * element.getScreenCTM().a,
      contrast: Math.min(...[left + 1, (left + right) / 2, right - 1].map((x) =>
        contrast(fill, behind(element, x, (top + bottom) / 2))))
    }
  })
  const overlaps = charts.flatMap((chart) => {
    const boxes = [...chart.querySelectorAll("text")].map((text) => [text.textContent, text.getBoundingClientRect()])
    return boxes.flatMap(([one, a], index) => boxes.slice(index + 1)
      .filter(([, b]) => a.left < b.right && b.left < a.right && a.top + 2 < b.bottom && b.top + 2 < a.bottom)
      .map(([other]) => [one, other]))
  })
  return {
    overflow: document.documentElement.scrollWidth - innerWidth,
    charts: charts.map((chart) => {
      const { height, width } = chart.getBoundingClientRect()
      return { label: chart.getAttribute("aria-label"), width, height }
    }),
    texts,
    overlaps
  }
})()`
