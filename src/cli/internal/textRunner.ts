/**
 * What runs a configuration that is text. Its children are commands, so that the `effect` that the command line has in it
 * will do: loading that takes a quarter of the time that the installed one takes, from its many files.
 *
 * Floor 4.
 */
export { check, run } from "../Runner.ts"
