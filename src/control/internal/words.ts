/**
 * Times, sizes and numbers in words, as the command line, its screen and the page say them.
 *
 * Pure, and without anything of Effect's at run time, since a browser loads it too.
 *
 * Floor 4.
 */

/** In the order of their sizes. */
const steps = [["s", 1], ["m", 60], ["h", 60], ["d", 24]] as const

type Unit = (typeof steps)[number][0]

/** So many of a unit. */
export type Amount = readonly [count: number, unit: Unit]

/** A length of time in its two biggest units, so that it does not jump: below a minute in one. */
export const inUnits = (millis: number): readonly [big: Amount, small?: Amount] => {
  let big: Amount = [Math.max(0, Math.floor(millis / 1000)), "s"]
  let small: Amount | undefined = undefined
  for (const [unit, factor] of steps.slice(1)) {
    const [count, before] = big
    if (count < factor) break
    small = [count % factor, before]
    big = [Math.floor(count / factor), unit]
  }
  return small === undefined ? [big] : [big, small]
}

/** `7` is `07`. */
export const twoDigits = (value: number): string => String(value).padStart(2, "0")

/** A time of the day, as the clock on the wall shows it: `14:03:22`. */
export const clock = (at: number): string => {
  const date = new Date(at)
  return [date.getHours(), date.getMinutes(), date.getSeconds()].map(twoDigits).join(":")
}

const sizes = ["", "K", "M", "G", "T", "P"] as const

/** A number of bytes in steps of 1024 with the letter of its step, so that it has three digits at most. */
export const inSteps = (count: number): readonly [value: number, step: (typeof sizes)[number]] => {
  let value = Math.max(0, count)
  let step = 0
  for (; value >= 999.5 && step < sizes.length - 1; step++) value /= 1024
  return [value, sizes[step]!]
}

/** So many bytes: `512 B`, `1.5 KiB`, `41.2 MiB`, `913 MiB`. */
export const bytes = (count: number): string => {
  const [value, step] = inSteps(count)
  return step === "" ? `${Math.round(value)} B` : `${value < 99.95 ? value.toFixed(1) : Math.round(value)} ${step}iB`
}

/** "1 child", "2 children". */
export const plural = (count: number, one: string, many: string = `${one}s`): string =>
  `${count} ${count === 1 ? one : many}`

/** What failed, without the command that it failed in, which can be long and is known. */
export const withoutCommand = (message: string): string =>
  message.replace(/^Command "[\s\S]*" (?=exited|was ended|could not|did not)/, "")
