/** Laws that the code keeps only from a certain change on. Set one to true when that change is in. */
export const lawsInForce = {
  /** A value that was read before an invalidation is not given to who asks afterwards. */
  invalidationWins: false,
  /** A caller without patience does not open the circuit of a healthy provider. */
  impatienceIsNoSickness: false
}
