/**
 * No two questions are alike, and a question that all models have refused waits and is asked again, as long as its customer is
 * there. It has its sentence a moment before the customer leaves.
 */
import { patience } from "../script.ts"
import { laneOf } from "./switchgear.ts"

let asked = 0

export const make = laneOf({ cacheKey: () => `${++asked}`, queue: 500, deadline: patience - 50 })
