/**
 * Who else is restarted when one child is: OTP's supervision strategies as a pure function over positions.
 *
 * @see https://www.erlang.org/doc/system/sup_princ.html#restart-strategy
 * @since 0.1.0
 */

/**
 * Who is restarted together with a child that failed:
 *
 * - `"one-for-one"`: the child alone (default).
 * - `"one-for-all"`: every child of the supervisor.
 * - `"rest-for-one"`: the child and those started after it.
 *
 * **Details**
 *
 * Those affected are stopped in reverse order and started in order. Only siblings that were up come back.
 *
 * @category models
 * @since 0.1.0
 */
export type Strategy = "one-for-one" | "one-for-all" | "rest-for-one"

/**
 * The strategies, for validating input.
 *
 * @category constants
 * @since 0.1.0
 */
export const strategies: ReadonlyArray<Strategy> = ["one-for-one", "one-for-all", "rest-for-one"]

/**
 * The part of `children`, in start order, that a restart of `failed` concerns. It always contains `failed`.
 *
 * @category decisions
 * @since 0.1.0
 */
export const affected = <A>(strategy: Strategy, children: ReadonlyArray<A>, failed: A): ReadonlyArray<A> => {
  switch (strategy) {
    case "one-for-one":
      return [failed]
    case "one-for-all":
      return children
    case "rest-for-one":
      return children.slice(children.indexOf(failed))
  }
}
