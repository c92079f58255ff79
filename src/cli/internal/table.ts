/**
 * Tables that fit the terminal.
 *
 * Floor 4.
 */
import { cut, fit, width as widthOf } from "./width.ts"

/** A column: its heading, and how it gives way where there is not enough room. */
export interface Column {
  readonly title: string
  readonly align?: "left" | "right"
  /** It may be cut down to so many characters. Without: it is never cut. */
  readonly min?: number
  /** Where room is short, those with the highest number are left out first. Without: never. */
  readonly dropAt?: number
}

const gap = "  "

interface Fitted {
  readonly index: number
  readonly width: number
}

const total = (widths: ReadonlyArray<number>): number =>
  widths.reduce((sum, width) => sum + width, 0) + gap.length * Math.max(0, widths.length - 1)

/** Which columns are shown, and how wide. */
const arrange = (columns: ReadonlyArray<Column>, natural: ReadonlyArray<number>, width: number): Array<Fitted> => {
  let shown = columns.map((_, index) => index)
  const least = (index: number) => Math.min(natural[index]!, columns[index]!.min ?? Number.POSITIVE_INFINITY)
  while (total(shown.map(least)) > width) {
    const droppable = shown.filter((index) => columns[index]!.dropAt !== undefined)
    if (droppable.length === 0) break
    const next = droppable.reduce((a, b) => columns[b]!.dropAt! >= columns[a]!.dropAt! ? b : a)
    shown = shown.filter((index) => index !== next)
  }
  const widths = new Map(shown.map((index) => [index, natural[index]!]))
  // The widest gives way first, so that no column is cut while another has room to spare.
  for (let over = total([...widths.values()]) - width; over > 0; over--) {
    const [widest] = shown
      .filter((index) => widths.get(index)! > least(index))
      .toSorted((a, b) => widths.get(b)! - widths.get(a)!)
    if (widest === undefined) break
    widths.set(widest, widths.get(widest)! - 1)
  }
  return shown.map((index) => ({ index, width: widths.get(index)! }))
}

/** What a table is made of: `paint` colours a cell that has been cut and padded. */
export interface Table {
  readonly columns: ReadonlyArray<Column>
  readonly rows: ReadonlyArray<ReadonlyArray<string>>
  readonly width: number
  readonly heading: (text: string) => string
  readonly paint: (row: number, column: number, text: string) => string
}

/** The lines of a table. A column with nothing in it is left out. */
export const layout = ({ columns, heading, paint, rows, width }: Table): ReadonlyArray<string> => {
  const used = columns.flatMap((_, index) => rows.some((row) => row[index] !== "") || index === 0 ? [index] : [])
  const kept = used.map((index) => columns[index]!)
  const cells = rows.map((row) => used.map((index) => row[index] ?? ""))
  const natural = kept.map(({ title }, index) =>
    cells.reduce((most, row) => Math.max(most, widthOf(row[index]!)), widthOf(title))
  )
  const fitted = arrange(kept, natural, width)
  const last = fitted.length - 1
  const line = (texts: ReadonlyArray<string>, look: (text: string, index: number) => string): string =>
    fitted.map(({ index, width }, at) => {
      const { align } = kept[index]!
      const text = at === last && align !== "right" ? cut(texts[index]!, width) : fit(texts[index]!, width, align)
      return look(text, index)
    }).join(gap).trimEnd()
  return [
    line(kept.map(({ title }) => title), heading),
    ...cells.map((row, at) => line(row, (text, index) => paint(at, used[index]!, text)))
  ]
}
