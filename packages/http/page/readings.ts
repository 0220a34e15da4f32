/** What the gateway answers, as the schemas of its API have it. */
import type * as Schemas from "../src/gateway/admin/api/schemas.ts"

export type Overview = typeof Schemas.Overview.Type
export type Cluster = NonNullable<Overview["cluster"]>
export type Model = typeof Schemas.Model.Type
export type Circuit = typeof Schemas.Circuit.Type
export type State = Circuit["state"]
export type Sample = typeof Schemas.Sample.Type
export type Samples = typeof Schemas.Samples.Type
export type Outcome = keyof Sample["outcomes"]
export type Event = typeof Schemas.Event.Type
export type Events = typeof Schemas.Events.Type
export type Client = typeof Schemas.Client.Type

/** What operators may do to a circuit on the page. */
export type Command = "open" | "close" | "disable"
