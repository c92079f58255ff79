/**
 * A sliding window over the last few moments: how OTP counts restart intensity, in constant time and memory per event.
 *
 * Floor 0.
 */

/** How often something may happen within any stretch of `withinMillis`. */
export interface Limit {
  readonly restarts: number
  readonly withinMillis: number
}

/**
 * Keeps the last `limit.restarts` moments in a ring, which grows to that size and no further.
 */
export class Window {
  private readonly moments: Array<number> = []
  private oldest = 0
  private readonly limit: Limit

  constructor(limit: Limit) {
    this.limit = limit
  }

  /** Records a moment. `false` when more than the limit now fall inside one stretch. */
  record(now: number): boolean {
    if (this.moments.length < this.limit.restarts) {
      this.moments.push(now)
      return true
    }
    const exceeded = now - this.moments[this.oldest]! < this.limit.withinMillis
    this.moments[this.oldest] = now
    this.oldest = (this.oldest + 1) % this.limit.restarts
    return !exceeded
  }
}
