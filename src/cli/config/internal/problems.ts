/**
 * Collects what is wrong, so that a person is told all of it at once.
 */
import { neutralise } from "../../internal/escapes.ts"
import type { Problem, ProblemKind } from "../ConfigError.ts"

/** A part of a file: how it is called there, and on which line it is. */
export interface Where {
  readonly path: string
  readonly line: number | undefined
}

export class Problems {
  readonly file: string
  private readonly found: Map<string, Problem> = new Map()

  constructor(file: string) {
    this.file = file
  }

  /**
   * Replicas have the same problems: each is told once. Names and keys come from files that anybody may have written, so
   * nothing that a terminal would act on stays in them.
   */
  add(kind: ProblemKind, where: Where, message: string, advice: string, file: string = this.file): void {
    const { line, path } = where
    const key = JSON.stringify([file, line, path, message])
    if (this.found.has(key)) return
    this.found.set(key, {
      kind,
      file,
      line,
      path: neutralise(path),
      message: neutralise(message),
      advice: neutralise(advice)
    })
  }

  /** In the order of the file. What stands nowhere comes first; other files come last. */
  get list(): ReadonlyArray<Problem> {
    const rank = ({ file, line }: Problem) => file === this.file ? line ?? 0 : Number.MAX_SAFE_INTEGER
    return Array.from(this.found.values()).toSorted((a, b) => rank(a) - rank(b))
  }
}

/** Such long names are compared, which takes time by the square. */
const maxComparedLength = 64

/** A name among those that exist which somebody may have meant. */
export const nearest = (name: string, known: ReadonlyArray<string>): string | undefined => {
  if (name.length > maxComparedLength) return undefined
  let best: string | undefined
  let least = Math.max(2, Math.ceil(name.length / 3)) + 1
  for (const candidate of known) {
    if (Math.abs(candidate.length - name.length) >= least) continue
    const distance = distanceOf(name.toLowerCase(), candidate.toLowerCase())
    if (distance < least) {
      best = candidate
      least = distance
    }
  }
  return best
}

/** How many letters differ. */
const distanceOf = (a: string, b: string): number => {
  let before = Array.from({ length: b.length + 1 }, (_, index) => index)
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    for (let j = 1; j <= b.length; j++) {
      const replaced = before[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1)
      row.push(Math.min(replaced, before[j]! + 1, row[j - 1]! + 1))
    }
    before = row
  }
  return before[b.length]!
}

/** What to do about a name that does not exist. */
export const suggest = (name: string, names: ReadonlyArray<string>): string => {
  const meant = nearest(name, names)
  if (meant !== undefined) return `Perhaps "${meant}" is meant`
  return names.length === 0 ? "Remove it" : `There are ${names.slice(0, 30).join(", ")}`
}
