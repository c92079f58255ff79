import { memo } from "./memo.ts"
import { points } from "./usage.ts"

const width = 48
const height = 16

/** The last two minutes as a line. The number beside it says the rest. */
export const Sparkline = memo((
  { atLeast, series }: { readonly series: ReadonlyArray<number>; readonly atLeast: number }
) => (
  <svg class="spark" viewBox={`0 -1 ${width} ${height + 2}`} preserveAspectRatio="none" aria-hidden="true">
    <polyline points={points(series, width, height, atLeast)} />
  </svg>
))
