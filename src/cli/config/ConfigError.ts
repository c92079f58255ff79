/**
 * What can be wrong with a configuration, and what a dependency can do to the child that needs it.
 *
 * A configuration is looked at as a whole: `ConfigInvalid` holds every problem at once, each with its file and line, and
 * says what to do about it. No value of a variable is ever part of a problem.
 *
 * @since 0.1.0
 */
import * as Data from "effect/Data"
import * as Predicate from "effect/Predicate"
import type { Tagged } from "../../internal/tagged.ts"
import { neutralise } from "../internal/escapes.ts"

/**
 * What sort of problem it is: the text cannot be read as its format, a value is not what its key takes, a key is unknown
 * or outside of what is supported, a name is used twice, a dependency is unknown or cannot be met, dependencies form a
 * cycle, or another file cannot be read.
 *
 * @category models
 * @since 0.1.0
 */
export type ProblemKind =
  | "Syntax"
  | "WrongValue"
  | "Unsupported"
  | "Duplicate"
  | "UnknownDependency"
  | "ImpossibleDependency"
  | "Cycle"
  | "File"

/**
 * One thing that is wrong with a configuration.
 *
 * @category models
 * @since 0.1.0
 */
export interface Problem {
  readonly kind: ProblemKind
  readonly file: string
  /** Counted from 1; `undefined` where the format does not tell. */
  readonly line: number | undefined
  /** Which part of the configuration, such as "processes.web.depends_on.db"; empty for all of it. */
  readonly path: string
  /** What is wrong. */
  readonly message: string
  /** What to do about it. */
  readonly advice: string
}

/**
 * A problem in one line, beginning with `file:line`, as editors and terminals make links of it.
 *
 * @category conversions
 * @since 0.1.0
 */
export const show = ({ advice, file, line, message, path }: Problem): string =>
  `${neutralise(file)}${line === undefined ? "" : `:${line}`}: ${path === "" ? "" : `${path}: `}${message}. ${advice}.`

const ConfigNotFoundBase: Tagged<"ConfigNotFound", {
  readonly directory: string
  readonly tried: ReadonlyArray<string>
}> = Data.TaggedError("ConfigNotFound")

/**
 * There is no configuration where one was looked for.
 *
 * @category errors
 * @since 0.1.0
 */
export class ConfigNotFound extends ConfigNotFoundBase {
  override get message(): string {
    return `No configuration was found in ${neutralise(this.directory)}: there is no ${
      neutralise(this.tried.join(", "))
    }. Name the file, or write one: a Procfile with a line such as "web: node server.js" is enough.`
  }
}

const ConfigInvalidBase: Tagged<"ConfigInvalid", {
  readonly file: string
  readonly problems: readonly [Problem, ...ReadonlyArray<Problem>]
}> = Data.TaggedError("ConfigInvalid")

/**
 * A configuration cannot be used. Its problems are all there are, in the order of the file.
 *
 * @category errors
 * @since 0.1.0
 */
export class ConfigInvalid extends ConfigInvalidBase {
  override get message(): string {
    return this.problems.map(show).join("\n")
  }
}

const DependencyFailedBase: Tagged<"DependencyFailed", {
  readonly child: string
  readonly dependency: string
  readonly condition: string
  readonly reason: string
}> = Data.TaggedError("DependencyFailed")

/**
 * A child waited for another one, and what it waited for cannot happen any more. It was not started, and its restart
 * policy is not asked: trying again would change nothing.
 *
 * @category errors
 * @since 0.1.0
 */
export class DependencyFailed extends DependencyFailedBase {
  override get message(): string {
    return `Child "${this.child}" was not started: it needs "${this.dependency}" ${this.condition}, but that ${this.reason}. Start "${this.dependency}" again, then "${this.child}".`
  }
}

/**
 * Whether a value is a `DependencyFailed`.
 *
 * @category guards
 * @since 0.1.0
 */
export const isDependencyFailed = (u: unknown): u is DependencyFailed => Predicate.isTagged(u, "DependencyFailed")
