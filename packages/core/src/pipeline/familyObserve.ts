/** What the registry and metrics see of a family of pipelines: all of its keys together, and no key. */
import type { Kind } from "../registry/kind.ts"
import { gauge } from "../registry/series.ts"
import type { Family, FamilySnapshot } from "./familyModel.ts"

/**
 * Families of pipelines, to the registry.
 *
 * @since 0.1.0
 * @category models
 */
export const familyKind: Kind<Family<any, any>, FamilySnapshot> = {
  tag: "PipelineFamily",
  snapshot: (family) => family.snapshot,
  metrics: [
    gauge("switchgear_pipeline_family_keys", "Keys that have a pipeline.", ({ keys }) => keys),
    gauge("switchgear_pipeline_family_capacity", "Keys that can have a pipeline.", ({ capacity }) => capacity),
    gauge("switchgear_pipeline_family_in_flight", "Calls that have not ended.", ({ inFlight }) => inFlight)
  ]
}
