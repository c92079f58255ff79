/**
 * What to run: a program with its arguments, or a script for a shell, and the surroundings it gets. A value; running it
 * is the matter of `Job`.
 *
 * It is turned into a command of `effect/process` by the `Spawner`. Values that are `Redacted` reach the process as they
 * are and are shown nowhere.
 *
 * @since 0.1.0
 */
import { dual } from "effect/Function"
import { type Pipeable, pipeArguments } from "effect/Pipeable"
import * as Predicate from "effect/Predicate"
import type * as PlatformError from "effect/PlatformError"
import * as CommandLine from "effect/process/CommandLine"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import * as Stream from "effect/Stream"
import * as validate from "../internal/validate.ts"
import { InvalidOption } from "../SupervisorError.ts"
import { InvalidCommandLine } from "./ProcessError.ts"

const TypeId = "~effect-supervisor/process/Command"

/**
 * A word of a command, or the value of a variable. `Redacted` ones are never shown.
 *
 * @category models
 * @since 0.1.0
 */
export type Word = CommandLine.Word

/**
 * What is run: a program by name or path, a line for a shell, or the text of a script by an interpreter.
 *
 * @category models
 * @since 0.1.0
 */
export type Program =
  | { readonly _tag: "Exec"; readonly program: string; readonly args: ReadonlyArray<Word> }
  | { readonly _tag: "Shell"; readonly script: string; readonly shell: string }
  | {
    readonly _tag: "Script"
    readonly text: string
    readonly interpreter: Interpreter
    readonly args: ReadonlyArray<Word>
  }

/**
 * What runs the text of a script.
 *
 * @category models
 * @since 0.1.0
 */
export interface Interpreter {
  readonly program: string
  /** What it is started with; `filePath` stands for the file with the text. Default: the file alone. */
  readonly args?: ReadonlyArray<string> | undefined
  /** How the file's name ends, without the dot. Default: "txt". */
  readonly extension?: string | undefined
}

/**
 * Stands for the script's file among the arguments of an `Interpreter`.
 *
 * @category constants
 * @since 0.1.0
 */
export const filePath = "@FILE_PATH"

/**
 * The interpreters that have a name. To `node` a script is an ES module; for one with `require` take
 * `{ program: "node", extension: "cjs" }`.
 *
 * @category constants
 * @since 0.1.0
 */
export const interpreters: {
  readonly sh: Interpreter
  readonly bash: Interpreter
  readonly python3: Interpreter
  readonly node: Interpreter
} = {
  sh: { program: "sh", extension: "sh" },
  bash: { program: "bash", extension: "sh" },
  python3: { program: "python3", extension: "py" },
  node: { program: "node", extension: "mjs" }
}

/**
 * What a process reads from its standard input: nothing (its end, at once), what the job writes, this process' own
 * input, or the bytes of a stream.
 *
 * @category models
 * @since 0.1.0
 */
export type Input = "ignore" | "pipe" | "inherit" | Stream.Stream<Uint8Array, PlatformError.PlatformError>

/**
 * Where its output goes: captured line by line into the job's logs, to this process' own output, or nowhere.
 *
 * @category models
 * @since 0.1.0
 */
export type Output = "capture" | "inherit" | "ignore"

/**
 * A descriptor beyond the standard three, seen from the process: it reads it ("input"), writes it ("output"), or both.
 *
 * @category models
 * @since 0.1.0
 */
export type Descriptor = "input" | "output" | "duplex"

/**
 * The surroundings of a command. All of it is optional.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options {
  /** The working directory. Default: that of this process. */
  readonly cwd?: string | undefined
  /** Begin with an empty environment instead of this process' own. Default: false. */
  readonly clearEnv?: boolean | undefined
  /** Variables to take out, after inheriting or clearing. Default: none. */
  readonly removeEnv?: ReadonlyArray<string> | undefined
  /** Variables to set, after taking out. Default: none. */
  readonly env?: Readonly<Record<string, Word>> | undefined
  /**
   * The process group. "own": a group of its own, which signals reach as a whole. "session": as "own" and explicitly
   * without a terminal; Node makes both at once, so today they are the same. "inherit": in this process' group, for a
   * command that reads the terminal; signals then reach the program alone, and what it leaves behind stays. What
   * leaves its group by itself (setsid, daemons that fork away) is out of reach: run it in the foreground. Default:
   * "own".
   */
  readonly group?: "own" | "session" | "inherit" | undefined
  /**
   * The user to run as, by name or number: Linux, as root, by `setpriv`. The private directory of its job is that user's
   * own. Default: this process' own.
   */
  readonly uid?: number | string | undefined
  /** The group to run as, by name or number: Linux, as root, by `setpriv`. Default: that of `uid`. */
  readonly gid?: number | string | undefined
  /** Standard input. Default: "ignore". */
  readonly stdin?: Input | undefined
  /** Standard output. Default: "capture". */
  readonly stdout?: Output | undefined
  /** Standard error. Default: "capture". */
  readonly stderr?: Output | undefined
  /** Further descriptors by number, from 3 on. Default: none. */
  readonly descriptors?: Readonly<Record<number, Descriptor>> | undefined
}

/**
 * `Options` with the defaults filled in.
 *
 * @category models
 * @since 0.1.0
 */
export interface Settings {
  readonly cwd: string | undefined
  readonly clearEnv: boolean
  readonly removeEnv: ReadonlyArray<string>
  readonly env: Readonly<Record<string, Word>>
  readonly group: "own" | "session" | "inherit"
  readonly uid: number | string | undefined
  readonly gid: number | string | undefined
  readonly stdin: Input
  readonly stdout: Output
  readonly stderr: Output
  readonly descriptors: Readonly<Record<number, Descriptor>>
}

/**
 * The defaults of all options.
 *
 * @category constants
 * @since 0.1.0
 */
export const defaults: Settings = {
  cwd: undefined,
  clearEnv: false,
  removeEnv: [],
  env: {},
  group: "own",
  uid: undefined,
  gid: undefined,
  stdin: "ignore",
  stdout: "capture",
  stderr: "capture",
  descriptors: {}
}

/**
 * What to run, and the surroundings it gets.
 *
 * @category models
 * @since 0.1.0
 */
export interface Command extends Pipeable {
  readonly [TypeId]: typeof TypeId
  readonly program: Program
  readonly settings: Settings
}

const Proto = {
  [TypeId]: TypeId,
  pipe() {
    return pipeArguments(this, arguments)
  },
  toString(this: Command) {
    return show(this)
  },
  toJSON(this: Command) {
    return { _id: "Command", command: show(this) }
  },
  [Symbol.for("nodejs.util.inspect.custom")](this: Command) {
    return `Command(${show(this)})`
  }
}

const settle = (subject: string, base: Settings, options: Options): Settings => ({
  cwd: options.cwd ?? base.cwd,
  clearEnv: options.clearEnv ?? base.clearEnv,
  removeEnv: options.removeEnv ?? base.removeEnv,
  env: environment(subject, options.env ?? base.env),
  group: validate.oneOf(subject, "group", options.group ?? base.group, ["own", "session", "inherit"]),
  uid: user(subject, "uid", options.uid ?? base.uid),
  gid: user(subject, "gid", options.gid ?? base.gid),
  stdin: input(subject, options.stdin ?? base.stdin),
  stdout: validate.oneOf(subject, "stdout", options.stdout ?? base.stdout, ["capture", "inherit", "ignore"]),
  stderr: validate.oneOf(subject, "stderr", options.stderr ?? base.stderr, ["capture", "inherit", "ignore"]),
  descriptors: descriptors(subject, options.descriptors ?? base.descriptors)
})

const user = (subject: string, option: string, value: Settings["uid"]): Settings["uid"] => {
  if (value === undefined || (typeof value === "string" ? value !== "" : Number.isInteger(value) && value >= 0)) {
    return value
  }
  throw new InvalidOption({ subject, option, value, expected: "a name, or a number of at least 0" })
}

const input = (subject: string, value: Input): Input =>
  Stream.isStream(value) ? value : validate.oneOf(subject, "stdin", value, ["ignore", "pipe", "inherit"])

const environment = (subject: string, env: Settings["env"]): Settings["env"] => {
  for (const [name, value] of Object.entries(env)) {
    word(subject, `env.${name}`, value)
    if (name !== "" && !name.includes("=") && !name.includes("\0")) continue
    throw new InvalidOption({
      subject,
      option: "env",
      value: JSON.stringify(name),
      expected: `variables with names that are not empty and have no "="`
    })
  }
  return env
}

const descriptors = (subject: string, given: Settings["descriptors"]): Settings["descriptors"] => {
  for (const [key, kind] of Object.entries(given)) {
    validate.oneOf(subject, `descriptors[${key}]`, kind, ["input", "output", "duplex"])
    if (/^\d+$/.test(key) && Number(key) >= 3 && Number(key) < 256) continue
    throw new InvalidOption({ subject, option: "descriptors", value: key, expected: "numbers from 3 to 255" })
  }
  return given
}

const makeProto = (program: Program, base: Settings, options: Options | undefined): Command => {
  const self = Object.create(Proto)
  self.program = program
  self.settings = base
  if (options !== undefined) self.settings = settle(`Command "${show(self)}"`, base, options)
  return self
}

/**
 * Whether a value is a Command.
 *
 * @category guards
 * @since 0.1.0
 */
export const isCommand = (u: unknown): u is Command => Predicate.hasProperty(u, TypeId)

const text = (option: string, value: string, expected: string): void => {
  if (typeof value === "string" && value.trim() !== "") return
  throw new InvalidOption({ subject: "Command", option, value: JSON.stringify(value), expected })
}

const word = (subject: string, option: string, value: Word): Word => {
  if (typeof value === "string" || Redacted.isRedacted(value)) return value
  throw new InvalidOption({ subject, option, value, expected: "a string, or a Redacted one" })
}

/**
 * A program with its arguments; no shell reads them, so nothing has to be quoted.
 *
 * **Details**
 *
 * Throws `InvalidOption` if the program has no name, or an option makes no sense.
 *
 * **Example** (A web server)
 *
 * ```ts
 * import { Redacted } from "effect"
 * import { Command } from "effect-supervisor/process"
 *
 * const web = Command.make("node", ["server.js", "--port", "8080"], {
 *   cwd: "/srv/app",
 *   env: { NODE_ENV: "production", TOKEN: Redacted.make("secret") }
 * })
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (program: string, args: ReadonlyArray<Word> = [], options?: Options): Command => {
  text("program", program, "the name or path of a program")
  const subject = `Command "${program}"`
  return makeProto(
    { _tag: "Exec", program, args: args.map((value, index) => word(subject, `args[${index}]`, value)) },
    defaults,
    options
  )
}

/**
 * A script for a shell, `/bin/sh` by default.
 *
 * **Gotchas**
 *
 * The script is trusted text: what comes from elsewhere does not belong in it, but into `env`, or into the arguments of
 * `make`. The shell is the program that is started, and it ends when its script does: what the script left in the
 * background is ended with it, since it is in the same process group.
 *
 * **Example** (A pipeline)
 *
 * ```ts
 * import { Command } from "effect-supervisor/process"
 *
 * const pipeline = Command.shell("tail -F access.log | grep --line-buffered ' 500 '")
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const shell = (
  script: string,
  options?: Options & { readonly shell?: string | undefined }
): Command => {
  const name = options?.shell ?? "/bin/sh"
  text("script", script, "the text of a script")
  text("shell", name, "the name or path of a shell")
  return makeProto({ _tag: "Shell", script, shell: name }, defaults, options)
}

/**
 * The text of a script for an interpreter, by name or any other. When it is started, the text is written into a
 * file of its job, which is removed with that.
 *
 * **Example** (A script in Python, and one for another interpreter)
 *
 * ```ts
 * import { Command } from "effect-supervisor/process"
 *
 * const report = Command.script("python3", "import sys; print(sys.argv[1])", ["hello"])
 * const deno = { program: "deno", args: ["run", Command.filePath], extension: "ts" }
 * const serve = Command.script(deno, "Deno.serve(() => new Response())")
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const script = (
  interpreter: keyof typeof interpreters | Interpreter,
  text: string,
  args: ReadonlyArray<Word> = [],
  options?: Options
): Command => {
  const by = typeof interpreter === "string" ? interpreters[interpreter] : interpreter
  if (typeof by?.program !== "string" || by.program.trim() === "" || !/^\w*$/.test(by.extension ?? "")) {
    throw new InvalidOption({
      subject: "Command",
      option: "interpreter",
      value: typeof interpreter === "string" ? interpreter : JSON.stringify(interpreter),
      expected: `${Object.keys(interpreters).join(", ")}, or { program, args, extension }`
    })
  }
  const subject = `Command "${by.program}"`
  return makeProto(
    { _tag: "Script", text, interpreter: by, args: args.map((value, index) => word(subject, `args[${index}]`, value)) },
    defaults,
    options
  )
}

/**
 * The same command with its script in this file; others stay as they are.
 *
 * @internal
 */
export const fromFile = (self: Command, file: string): Command => {
  if (self.program._tag !== "Script") return self
  const { args, interpreter } = self.program
  const before = (interpreter.args ?? [filePath]).map((arg) => arg === filePath ? file : arg)
  return makeProto({ _tag: "Exec", program: interpreter.program, args: [...before, ...args] }, self.settings, undefined)
}

/**
 * The words of a command line, split at blanks, with quotes and backslashes as a POSIX shell reads them, and no shell
 * behind it: what would need one (`|`, `$HOME`, `*`, `~`) is refused.
 *
 * **Example** (A line of configuration)
 *
 * ```ts
 * import { Result } from "effect"
 * import { Command } from "effect-supervisor/process"
 *
 * const web = Result.getOrThrow(Command.parse(`node server.js --title 'My site'`))
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const parse = (line: string, options?: Options): Result.Result<Command, InvalidCommandLine> => {
  const words = CommandLine.template(Object.assign([line], { raw: [line] }))
  if (Result.isFailure(words)) {
    return Result.fail(new InvalidCommandLine({ command: line, detail: words.failure.message }))
  }
  const [program, ...args] = words.success
  return typeof program === "string" && program.trim() !== ""
    ? Result.succeed(make(program, args, options))
    : Result.fail(new InvalidCommandLine({ command: line, detail: "it names no program" }))
}

/**
 * The same command in other surroundings: what is not said stays.
 *
 * **Example** (The same program, elsewhere)
 *
 * ```ts
 * import { Command } from "effect-supervisor/process"
 *
 * const here = Command.make("make", ["watch"])
 * const there = here.pipe(Command.withOptions({ cwd: "/srv/app" }))
 * ```
 *
 * @category combinators
 * @since 0.1.0
 */
export const withOptions: {
  (options: Options): (self: Command) => Command
  (self: Command, options: Options): Command
} = dual(2, (self: Command, options: Options): Command => makeProto(self.program, self.settings, options))

/**
 * The same command with these variables set beside those it has.
 *
 * @category combinators
 * @since 0.1.0
 */
export const withEnv: {
  (env: Readonly<Record<string, Word>>): (self: Command) => Command
  (self: Command, env: Readonly<Record<string, Word>>): Command
} = dual(
  2,
  (self: Command, env: Readonly<Record<string, Word>>): Command =>
    withOptions(self, { env: { ...self.settings.env, ...env } })
)

/**
 * The command as a person would type it, in one line, with `<redacted>` for what is secret. Of a long one it is the
 * beginning.
 *
 * @category conversions
 * @since 0.1.0
 */
export const show = (self: Command): string => {
  const { program } = self
  switch (program._tag) {
    case "Exec":
      return shortened(CommandLine.display([program.program, ...program.args]))
    case "Shell":
      return shortened(program.script.trim().replace(/\s+/g, " "))
    case "Script":
      return shortened(CommandLine.display([program.interpreter.program, "(script)", ...program.args]))
  }
}

/** As much of it as fits into a message. */
const shortened = (line: string): string => line.length <= longest ? line : `${line.slice(0, longest)}...`

const longest = 120
