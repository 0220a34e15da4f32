/**
 * The page on the API for operators. It has the document of the API and nothing of the running gateway, so that a browser may
 * open it without a token, which it cannot send. What it asks for on a reader's behalf has the token that they type there.
 */
import * as Effect from "effect/Effect"
import * as HttpRouter from "effect/http/HttpRouter"
import * as HttpApiScalar from "effect/http-api/HttpApiScalar"
import type { Reply } from "../../server/refusals.ts"
import type { OpenRoute } from "../model.ts"
import { policyOf } from "../pagePolicy.ts"
import { api } from "./api.ts"

const path = "/admin/docs"

/** The page loads nothing from elsewhere. */
const scalar = { withDefaultFonts: false, telemetry: false, proxyUrl: "", showDeveloperTools: "never" }

const page: Effect.Effect<Reply> = Effect.promise(async () => {
  const { dispose, handler } = HttpRouter.toWebHandler(HttpApiScalar.layer(api, { path, scalar }), {
    disableLogger: true
  })
  try {
    const body = await (await handler(new Request(`http://admin${path}`))).text()
    return {
      status: 200,
      headers: {
        "content-type": "text/html; charset=utf-8",
        "content-security-policy": policyOf(body, ["style-src 'unsafe-inline'", "font-src data:"])
      },
      body
    }
  } finally {
    await dispose()
  }
})

/** Its script is large: it is read when somebody first opens the page. */
let made: Promise<Reply> | undefined

export const pageRoute: OpenRoute = {
  method: "GET",
  path,
  scope: "open",
  page: Effect.promise(() => made ??= Effect.runPromise(page))
}
