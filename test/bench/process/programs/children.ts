/** What the programs of the benchmark share: which children to run, and how they talk with the benchmark. */
import { readFileSync } from "node:fs"
import { createInterface } from "node:readline"

export interface Child {
  readonly name: string
  readonly argv: readonly [program: string, ...args: ReadonlyArray<string>]
}

/** The children in the file that is the first argument. */
export const children = (): ReadonlyArray<Child> => JSON.parse(readFileSync(process.argv[2]!, "utf8"))

/** Tells a number. */
export const tell = (name: string, value: number): void => {
  process.stdout.write(`${JSON.stringify({ [name]: value })}\n`)
}

/** Does what a line of the standard input asks for, given the rest of the line. Keeps nothing alive. */
export const obey = (commands: Readonly<Record<string, (rest: string) => void>>): void => {
  createInterface({ input: process.stdin }).on("line", (line) => {
    const [name = "", rest = ""] = line.split(" ")
    commands[name]?.(rest)
  })
  // A pipe is a socket to node.
  if ("unref" in process.stdin && typeof process.stdin.unref === "function") process.stdin.unref()
}
