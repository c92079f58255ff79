/** Figures for a person to read. */
import { type Figure, ratio } from "./harness.ts"

const format = (value: number): string =>
  Number.isNaN(value)
    ? "failed"
    : value >= 10_000
    ? `${Math.round(value / 1_000)}k`
    : value >= 100
    ? value.toFixed(0)
    : value.toPrecision(3)

const verdict = (figure: Figure): string =>
  figure.bounds.length === 0 ? "" : figure.bounds.every((bound) => bound.holds(figure)) ? "ok" : "MISS"

export const header: ReadonlyArray<string> = ["figure", "N", "unit", "ours", "ratio", "against", "bound", ""]

export const row = (figure: Figure): ReadonlyArray<string> => [
  figure.label,
  String(figure.n),
  figure.unit,
  format(figure.ours),
  Number.isFinite(ratio(figure)) ? `${ratio(figure)!.toFixed(2)}x` : "",
  Object.entries(figure.against).map(([name, value]) => `${name} ${format(value)}`).join(", "),
  figure.bounds.map((bound) => bound.text).join(", "),
  verdict(figure)
]

const numeric = new Set([1, 3, 4])

export const render = (rows: ReadonlyArray<ReadonlyArray<string>>): string => {
  const widths = header.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)))
  const line = (row: ReadonlyArray<string>) =>
    row.map((cell, column) => numeric.has(column) ? cell.padStart(widths[column]!) : cell.padEnd(widths[column]!))
  return rows.map((row) => line(row).join("  ").trimEnd()).join("\n")
}

/** The same for a machine. */
export const toJson = (figure: Figure) => ({
  ...figure,
  ratio: ratio(figure),
  bounds: figure.bounds.map((bound) => ({ bound: bound.text, ok: bound.holds(figure) }))
})
