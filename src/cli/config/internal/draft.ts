/**
 * A file that has been read, before its children are completed and ordered.
 */
import * as Predicate from "effect/Predicate"
import type { Word } from "../../../process/Command.ts"
import type { CodeSpec, CommandSpec, ConfigSpec } from "../ConfigSpec.ts"
import type { Format, SupervisorConfig } from "../SupervisorConfig.ts"
import type { Where } from "./problems.ts"

/** Which of its replicas a child is. */
export interface Replica {
  readonly name: string
  /** Counted from 0. */
  readonly index: number
}

/** A child by its name in the file. */
export interface DraftChild {
  readonly group: string
  /** `undefined`: one, under the name in the file. */
  readonly replicas: number | undefined
  /** What it is, for one of its replicas. */
  readonly spec: (replica: Replica) => CommandSpec | CodeSpec
  /** What its restart is, where it says nothing. */
  readonly restart: "never" | "on-failure"
}

/** A child with what is asked of it again and again. */
export interface Group {
  readonly child: DraftChild
  readonly replicas: ReadonlyArray<Replica>
  /** What the first of them is. */
  readonly spec: CommandSpec | CodeSpec
}

/** By the name in the file. */
export type Groups = ReadonlyMap<string, Group>

export const isNames = (given: unknown): given is ReadonlyArray<string> => Array.isArray(given)

/** The names of those that something needs, as far as it says them in a way that is understood. */
export const namesIn = (given: unknown): ReadonlyArray<string> =>
  isNames(given)
    ? given.filter((name) => typeof name === "string")
    : Predicate.isObject(given)
    ? Object.keys(given)
    : []

export interface Draft {
  readonly file: string
  readonly directory: string
  readonly format: Format
  readonly name: string | undefined
  readonly children: ReadonlyArray<DraftChild>
  /**
   * Children that are there but could not be understood, with the names of those that they need: what needs them is not
   * wrong about that, and what they need has to be there.
   */
  readonly broken: ReadonlyMap<string, ReadonlyArray<string>>
  /** Variables for every command. */
  readonly env: Readonly<Record<string, Word>>
  readonly options: SupervisorConfig["options"]
  readonly logDirectory: string | undefined
  readonly dashboard: ConfigSpec["dashboard"]
  readonly telemetry: ConfigSpec["telemetry"]
  /** A part of a child, by its key in a `CommandSpec`, as the file calls it. */
  readonly where: (child: string, key?: Key, name?: string) => Where
  /** What code without a version of its own is compared by. */
  readonly version: string
}

export type Key =
  | "command"
  | "dependsOn"
  | "env"
  | "envFile"
  | "cwd"
  | "replicas"
  | "endsAllOnFailure"
  | "stop"
  | "logFile"
