/**
 * The guardian: a shell process that outlives this one by a moment, to kill the groups of the processes that this one
 * leaves behind when it dies without a chance to do so itself (SIGKILL, out of memory, a crash of the runtime).
 *
 * It holds one end of a pipe and writes down what it reads; the end of the pipe is the death of its supervisor, whatever
 * that died of. There is one per Node process, from the first user to the last. It ends itself, always.
 *
 * Floor 3.
 */
import type * as Context from "effect/Context"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { type ChildProcess, spawn } from "node:child_process"
import { Socket } from "node:net"
import { type Limit, Window } from "../../internal/window.ts"
import { Journal } from "./guardianJournal.ts"
import { script } from "./guardianScript.ts"
import { isGone } from "./processTable.ts"
import type { Tagged } from "../../internal/tagged.ts"

export { script, tokenVariable } from "./guardianScript.ts"

const GuardianUnavailableBase: Tagged<"GuardianUnavailable", {
  readonly detail: string
  readonly cause: unknown
}> = Data.TaggedError("GuardianUnavailable")

/** There is no guardian: everything works without it, but a `kill -9` of this process leaves its processes behind. */
export class GuardianUnavailable extends GuardianUnavailableBase {
  override get message(): string {
    return `No guardian could be started (${this.detail}): if this process is killed with SIGKILL, the processes that it supervises live on. Make sure that /bin/sh runs, or switch the guardian off.`
  }
}

/** What a user of the guardian can do. Nothing here fails; what happens to the guardian is its own business. */
export interface Guardian {
  /**
   * A token for a process about to be spawned, to be put into its environment as `tokenVariable`. From now on until
   * `watch` or `cancel`, a process that has it is found and killed. It waits if the guardian is hundreds of lines behind.
   */
  readonly prepare: Effect.Effect<string>
  /**
   * The process of that token was spawned and leads this group: from now on the group is killed. With "process" only
   * the process of that number is, for one that is in a group of others.
   */
  readonly watch: (token: string, pid: number, kind?: "group" | "process") => Effect.Effect<void>
  /** The spawn of that token failed. */
  readonly cancel: (token: string) => Effect.Effect<void>
  /** The group was seen empty, or the process gone. To be said at once, before its number can be used again. */
  readonly unwatch: (pid: number) => Effect.Effect<void>
  /** The process number of the guardian; `undefined` while there is none. */
  readonly pid: Effect.Effect<number | undefined>
}

/** So many guardians may die within a minute and be replaced. After one more there is none for a minute. */
const limit: Limit = { restarts: 5, withinMillis: 60_000 }

/** How long a spawn waits for the guardian to read, in milliseconds. */
const patienceMillis = 200

/** How long the last user waits for the guardian to end, in milliseconds: it gives its kills less than that. */
const closeMillis = 2000

/** Everything about the one guardian, from its first user to its last. */
interface Post {
  users: number
  /** `undefined` while there is none; then nobody tries to start one before `retryAt`. */
  child: ChildProcess | undefined
  retryAt: number
  warned: boolean
  /** Whether a spawn waits for the guardian to read what it has been told. */
  patient: boolean
  readonly deaths: Window
  /** Where its warning goes. */
  readonly context: Context.Context<never>
  readonly journal: Journal
}

let current: Post | undefined

// ------------------------------------------------------------------------------------------------------- the process

const environment = {
  EFFECT_SUPERVISOR_GUARDIAN: script,
  LC_ALL: "C",
  PATH: "/usr/bin:/bin:/usr/sbin:/sbin:/run/current-system/sw/bin"
}

/**
 * Not through `effect/process`: its processes end with their scope and keep the event loop alive, and this one has to
 * outlive every scope and must not keep anything alive. The text comes in a variable, so that `ps` shows one short line.
 */
const launch = (): ChildProcess => {
  const args = ["-c", "eval \"$EFFECT_SUPERVISOR_GUARDIAN\"", "effect-supervisor-guardian", String(process.pid)]
  const child = spawn("/bin/sh", args, {
    cwd: "/",
    // A session of its own: what a terminal sends to the group of the supervisor does not reach it.
    detached: true,
    env: environment,
    stdio: ["pipe", "ignore", "ignore"]
  })
  // An error without a listener would end this process. That the guardian is gone is seen by its exit.
  child.on("error", ignore)
  child.stdin?.on("error", ignore)
  child.unref()
  if (child.stdin instanceof Socket) child.stdin.unref()
  return child
}

const ignore = (): void => {}

/** The machine's time: guardians do not die in that of a program, which a test may stop. */
const now = (): number => performance.now()

/** Starts a guardian that knows all that holds. `undefined` if that worked. */
const start = (post: Post): GuardianUnavailable | undefined => {
  if (process.platform === "win32") return new GuardianUnavailable({ detail: "not on Windows", cause: undefined })
  try {
    const child = launch()
    if (child.pid === undefined) {
      return new GuardianUnavailable({
        detail: "/bin/sh is missing, or the machine has no process or memory left",
        cause: undefined
      })
    }
    post.child = child
    child.once("exit", () => {
      if (post.child === child) replace(post)
    })
    post.journal.tell(child.stdin ?? undefined)
    return undefined
  } catch (cause) {
    return new GuardianUnavailable({ detail: String(cause), cause })
  }
}

/** Somebody killed the guardian, so there comes another. One that cannot stay alive is left alone for a while. */
const replace = (post: Post): void => {
  post.child = undefined
  post.journal.tell(undefined)
  const error = post.deaths.record(now())
    ? start(post)
    : new GuardianUnavailable({ detail: `it died ${limit.restarts + 1} times within a minute`, cause: undefined })
  if (error === undefined) return
  post.retryAt = now() + limit.withinMillis
  if (post.warned) return
  post.warned = true
  Effect.runForkWith(post.context)(Effect.logWarning(error.message))
}

// -------------------------------------------------------------------------------------------------------- the tokens

/**
 * Waits until the kernel has all tokens. Without end nobody waits, for a guardian that somebody has stopped: then the
 * lines wait alone.
 */
const delivered = (post: Post): Effect.Effect<void> =>
  Effect.callback<void>((resume) => {
    const timer = setTimeout(() => {
      post.patient = false
      resume(Effect.void)
    }, patienceMillis)
    post.journal.whenTaken(() => {
      post.patient = true
      clearTimeout(timer)
      resume(Effect.void)
    })
    return Effect.sync(() => clearTimeout(timer))
  })

/** Nothing is spawned before its token is safe. */
const prepare = (post: Post): Effect.Effect<string> =>
  Effect.suspend(() => {
    // Without users there is none to be had: whoever spawns now has outlived what it was to belong to.
    if (post.child === undefined && post.users > 0 && now() >= post.retryAt) replace(post)
    const { journal } = post
    const token = journal.token()
    if (!post.patient || !journal.isBehind) return Effect.succeed(token)
    return Effect.as(Effect.onInterrupt(delivered(post), () => Effect.sync(() => journal.cancel(token))), token)
  })

// --------------------------------------------------------------------------------------------------------- the users

/** A user, with the targets that it watches. */
interface User {
  readonly post: Post
  readonly targets: Map<number, string>
}

const enter = Effect.fnUntraced(function*() {
  const context = yield* Effect.context()
  const post = current ?? {
    users: 0,
    child: undefined,
    retryAt: 0,
    warned: false,
    patient: true,
    deaths: new Window(limit),
    context,
    journal: new Journal()
  }
  if (post.child === undefined) {
    const error = start(post)
    if (error !== undefined) return yield* error
  }
  current = post
  post.users++
  const user: User = { post, targets: new Map() }
  return user
})

/** What a user leaves behind alive stays watched, and the last user's leaving kills it. */
const leave = ({ post, targets }: User): Effect.Effect<void> =>
  Effect.suspend(() => {
    for (const [pid, target] of targets) {
      // A process is to kill(2) what a group is with the other sign.
      if (isGone(target.startsWith("g") ? pid : -pid)) post.journal.unwatch(target)
    }
    post.users--
    return post.users > 0 ? Effect.void : close(post)
  })

/** Waits for the end of the guardian: this process must not be gone before it has reaped it. */
const close = (post: Post): Effect.Effect<void> =>
  Effect.callback<void>((resume) => {
    if (current === post) current = undefined
    post.journal.close()
    const child = post.child
    post.child = undefined
    if (child === undefined) return resume(Effect.void)
    child.ref()
    // A real timer, for the same reason as in `now`.
    const timer = setTimeout(() => {
      child.unref()
      resume(Effect.void)
    }, closeMillis)
    child.once("exit", () => {
      clearTimeout(timer)
      resume(Effect.void)
    })
    // One that somebody has stopped could not read its end.
    child.kill("SIGCONT")
    child.stdin?.end()
  })

/**
 * A share in the guardian of this Node process, which is started for the first user and ends after the last: it then
 * kills what is still watched. Takes a few milliseconds for the first user and nothing for the others.
 */
export const acquire: Effect.Effect<Guardian, GuardianUnavailable, Scope.Scope> = Effect.map(
  Effect.acquireRelease(enter(), leave),
  ({ post, targets }) => ({
    prepare: prepare(post),
    watch: (token, pid, kind = "group") =>
      Effect.sync(() => {
        if (!Number.isSafeInteger(pid) || pid <= 1) return post.journal.cancel(token)
        const target = `${kind === "group" ? "g" : "p"}${pid}`
        targets.set(pid, target)
        post.journal.watch(token, target)
      }),
    cancel: (token) => Effect.sync(() => post.journal.cancel(token)),
    unwatch: (pid) =>
      Effect.sync(() => {
        const target = targets.get(pid)
        if (target !== undefined && targets.delete(pid)) post.journal.unwatch(target)
      }),
    pid: Effect.sync(() => post.child?.pid)
  })
)
