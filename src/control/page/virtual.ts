/** Which rows of a long list are in sight. All rows are equally high, so that nothing has to be measured. */
import { type Signal, useSignal } from "@preact/signals"
import type { RefObject } from "preact"
import { useLayoutEffect, useRef } from "preact/hooks"

export interface View {
  readonly ref: RefObject<HTMLDivElement>
  readonly top: Signal<number>
  readonly height: Signal<number>
  readonly onScroll: () => void
}

/** Rows beyond what is in sight, so that scrolling finds them there. */
const spare = 6

export const useView = (): View => {
  const ref = useRef<HTMLDivElement>(null)
  const top = useSignal(0)
  const height = useSignal(0)
  useLayoutEffect(() => {
    const element = ref.current!
    height.value = element.clientHeight
    const observer = new ResizeObserver(() => {
      height.value = element.clientHeight
    })
    observer.observe(element)
    return () => observer.disconnect()
  }, [])
  return {
    ref,
    top,
    height,
    onScroll: () => {
      // It may be told of a list that was taken away in between.
      if (ref.current !== null) top.value = ref.current.scrollTop
    }
  }
}

/** From the first to behind the last row that has to be there. */
export const inSight = ({ height, top }: View, rowHeight: number, count: number): readonly [number, number] => [
  Math.max(0, Math.min(count, Math.floor(top.value / rowHeight)) - spare),
  Math.min(count, Math.ceil((top.value + height.value) / rowHeight) + spare)
]

/** Brings a row into sight, if it is not. */
export const reveal = ({ ref }: View, rowHeight: number, index: number): void => {
  const element = ref.current
  if (element === null) return
  const from = index * rowHeight
  if (from < element.scrollTop) element.scrollTop = from
  else if (from + rowHeight > element.scrollTop + element.clientHeight) {
    element.scrollTop = from + rowHeight - element.clientHeight
  }
}

export const at = (offset: number): { readonly transform: string } => ({ transform: `translateY(${offset}px)` })
