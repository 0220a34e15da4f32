/**
 * The guards of this library in the shapes of the platform's own. This module is a subpath of its own, since it loads
 * experimental modules of the platform, which nobody else has to load.
 *
 * @since 0.1.0
 */
export {
  /**
   * A family of circuits as the platform's `CircuitBreaker`.
   *
   * @since 0.1.0
   * @category conversions
   */
  toPlatform as circuitBreaker
} from "./circuitBreaker/platform.ts"
