/**
 * Colours, where they are wanted.
 *
 * Floor 4.
 */

type Paint = (text: string) => string

/** How things look. Whatever a colour says is said by a word too. */
export interface Style {
  readonly enabled: boolean
  readonly bold: Paint
  readonly dim: Paint
  readonly red: Paint
  readonly green: Paint
  readonly yellow: Paint
  readonly cyan: Paint
  /** One of a few colours that are easy to tell apart, for the child of this number. */
  readonly child: (index: number) => Paint
}

const palette = [36, 33, 32, 35, 34, 96, 93, 92, 95, 94]

const same: Paint = (text) => text

const paint = (code: number, end: number): Paint => (text) => text === "" ? "" : `\x1b[${code}m${text}\x1b[${end}m`

/** Without any colour. */
export const plain: Style = {
  enabled: false,
  bold: same,
  dim: same,
  red: same,
  green: same,
  yellow: same,
  cyan: same,
  child: () => same
}

/** With colours of a terminal's own sixteen, which fit its background. */
export const coloured: Style = {
  enabled: true,
  bold: paint(1, 22),
  dim: paint(2, 22),
  red: paint(31, 39),
  green: paint(32, 39),
  yellow: paint(33, 39),
  cyan: paint(36, 39),
  child: (index) => paint(palette[index % palette.length]!, 39)
}

/** What decides about colours. */
export interface ColourWish {
  /** `--color`, `--no-color`, or neither. */
  readonly flag: boolean | undefined
  readonly isTTY: boolean
  readonly environment: Readonly<Record<string, string | undefined>>
}

/**
 * What was asked for on the command line, else `NO_COLOR`, else `FORCE_COLOR`, else whether somebody watches.
 *
 * @see https://no-color.org
 */
export const choose = ({ environment, flag, isTTY }: ColourWish): Style => {
  if (flag !== undefined) return flag ? coloured : plain
  if (isSet(environment["NO_COLOR"])) return plain
  const forced = environment["FORCE_COLOR"]
  if (isSet(forced)) return forced === "0" || forced === "false" ? plain : coloured
  return isTTY && environment["TERM"] !== "dumb" ? coloured : plain
}

const isSet = (value: string | undefined): value is string => value !== undefined && value !== ""
