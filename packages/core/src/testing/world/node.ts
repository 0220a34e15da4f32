/** The service through which a program knows its node. */
import * as Context from "effect/Context"
import type { NodeShape } from "./model.ts"

/**
 * The node that a program runs on. Only layers of a world have it.
 *
 * @since 0.1.0
 * @category services
 */
export class Node extends Context.Service<Node, NodeShape>()("@switchgear/core/testing/World/Node") {}
