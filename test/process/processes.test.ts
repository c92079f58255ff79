import { assert, describe } from "@effect/vitest"
import { Effect, Fiber, PlatformError, Redacted, Result, Stream } from "effect"
import { Command, ExitStatus, Job, ProcessError, Spawner } from "effect-supervisor/process"
import * as diagnostics from "node:diagnostics_channel"
import { chmodSync, existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"
import {
  fixture,
  isRoot,
  look,
  node,
  notStarted,
  pidOf,
  ran,
  real,
  said,
  sh,
  started,
  stdoutOf,
  timed,
  until
} from "../fixtures/process/job-support.ts"
import { removeFolder } from "../fixtures/removeFolder.ts"

const encoder = new TextEncoder()
const bytes = (...texts: ReadonlyArray<string>) => Stream.fromIterable(texts.map((text) => encoder.encode(text)))

/** Says its arguments. */
const args = (...words: ReadonlyArray<Command.Word>) =>
  Command.make(node, ["-e", "console.log(JSON.stringify(process.argv.slice(1)))", "--", ...words])

/** Many lines, and what writes them. */
const lines = (from: number) => Array.from({ length: 100_000 }, (_, index) => String(from + index))
const seq = (from: number) => `seq ${from} ${from + 99_999}`

/** By the first that is wrong: a hundred thousand are too many to be shown. */
const same = (found: ReadonlyArray<string>, wanted: ReadonlyArray<string>) => {
  const wrong = wanted.findIndex((line, index) => line !== found[index])
  assert.deepStrictEqual([found.length, wrong, found[wrong]], [wanted.length, -1, undefined])
}

describe("Command: what a process gets", () => {
  real("arguments arrive as they are, whatever is in them", () =>
    Effect.gen(function*() {
      const words = ["two words", "", "'", "\"", "\\", "$HOME", "*", "`id`", "a\nb", "ä€😀", "--flag=\"x y\"", ";", "&"]
      const { stdout } = yield* ran(args(...words))
      assert.deepStrictEqual(JSON.parse(stdout[0]!), words)
    }))

  real("the words of a command line arrive as a shell would have read them", () =>
    Effect.gen(function*() {
      const script = `printf '<%s>' "$@"`
      const command = Result.getOrThrow(
        Command.parse(`sh -c '${script.replaceAll("'", "'\\''")}' sh 'a b' "c \\"d\\"" e\\ f "" g'h'"i"`)
      )
      const { stdout } = yield* ran(command)
      assert.deepStrictEqual(stdout, ["<a b><c \"d\"><e f><><ghi>"])
    }))

  real("the environment is inherited, cleared, taken from and set, in that order", () =>
    Effect.gen(function*() {
      process.env["JOB_INHERITED"] = "inherited"
      yield* Effect.addFinalizer(() => Effect.sync(() => delete process.env["JOB_INHERITED"]))
      const env = Effect.fnUntraced(function*(options: Command.Options) {
        const { stdout } = yield* ran(Command.make("env", [], options))
        return new Map(stdout.map((line) => [line.slice(0, line.indexOf("=")), line.slice(line.indexOf("=") + 1)]))
      })
      const name = "JOB_INHERITED"
      assert.strictEqual((yield* env({})).get(name), "inherited")
      assert.isFalse((yield* env({ removeEnv: [name] })).has(name))
      assert.strictEqual((yield* env({ removeEnv: [name], env: { [name]: "set" } })).get(name), "set")
      assert.strictEqual((yield* env({ env: { [name]: "" } })).get(name), "")

      // And with nothing inherited, only what belongs to the job is there.
      const cleared = yield* env({ clearEnv: true, env: { A: "1", B: "two = 2\t" } })
      for (const own of ["EFFECT_SUPERVISOR_DATA_DIR", "EFFECT_SUPERVISOR_SPAWN"]) {
        assert.isTrue(cleared.delete(own), own)
      }
      assert.deepStrictEqual([...cleared], [["A", "1"], ["B", "two = 2\t"]])
    }))

  real("what is redacted reaches the process and is shown nowhere", ({ logged }) =>
    Effect.gen(function*() {
      const secret = Redacted.make("hunter2")
      const command = sh("printf '%s\\n' \"$TOKEN\" >&2; exit 7", { env: { TOKEN: secret } })
      const { job, stderr } = yield* ran(command)
      assert.deepStrictEqual(stderr, ["hunter2"])
      const told = JSON.stringify(yield* job.info) + String(command) + JSON.stringify(command)
      assert.notInclude(told, "hunter2")

      const { job: echoing, stdout } = yield* ran(args("-p", secret))
      assert.deepStrictEqual(JSON.parse(stdout[0]!), ["-p", "hunter2"])
      assert.notInclude(JSON.stringify(yield* echoing.info), "hunter2")
      assert.include((yield* echoing.info).command, "<redacted>")

      const error = yield* notStarted(Command.make("no-such-program", [secret], { env: { TOKEN: secret } }))
      assert.notInclude(error.message + JSON.stringify(error) + String(error.stack), "hunter2")
      const invalid = yield* notStarted(
        Command.make("true", [Redacted.make("hunter2\0")], { env: { TOKEN: Redacted.make("hunter2\0") } })
      )
      assert.notInclude(invalid.message + invalid.detail, "hunter2")
      assert.notInclude(logged.join(), "hunter2")
    }))

  real("it runs in its directory", ({ directory }) =>
    Effect.gen(function*() {
      const { stdout } = yield* ran(Command.make("pwd", ["-P"], { cwd: directory }))
      assert.deepStrictEqual(stdout, [directory])
      // A program by a relative path is looked for there.
      writeFileSync(`${directory}/tool`, "#!/bin/sh\necho here\n", { mode: 0o755 })
      assert.deepStrictEqual((yield* ran(Command.make("./tool", [], { cwd: directory }))).stdout, ["here"])
    }))

  real("a shell reads a script, and another one where it is named", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual((yield* ran(sh("printf 'b\\na\\n' | sort; echo \"$0\""))).stdout, ["a", "b", "/bin/sh"])
      const bash = Command.shell("a=(1 2 3); echo ${#a[@]}", { shell: "bash" })
      assert.deepStrictEqual((yield* ran(bash)).stdout, ["3"])
    }))

  real(
    "a program is found in the PATH that the command gets, and by the system's default without one",
    ({ directory }) =>
      Effect.gen(function*() {
        writeFileSync(`${directory}/job-tool`, "#!/bin/sh\necho found\n", { mode: 0o755 })
        const tool = Command.make("job-tool", [], { env: { PATH: `${directory}:/usr/bin:/bin` } })
        assert.deepStrictEqual((yield* ran(tool)).stdout, ["found"])
        assert.strictEqual((yield* notStarted(Command.make("job-tool"))).reason, "NotFound")
        assert.deepStrictEqual((yield* ran(Command.make("echo", ["hi"], { clearEnv: true }))).stdout, ["hi"])
        assert.deepStrictEqual((yield* ran(Command.make("echo", ["hi"], { removeEnv: ["PATH"] }))).stdout, ["hi"])
      })
  )
})

describe("Command: descriptors", () => {
  real("standard input is at its end where it is ignored", () =>
    Effect.gen(function*() {
      const { status, stdout } = yield* ran(sh("cat; echo end"))
      assert.deepStrictEqual([status, stdout], [ExitStatus.Exited({ code: 0 }), ["end"]])
    }))

  real("standard input is the bytes of a stream, and then its end", () =>
    Effect.gen(function*() {
      const { stdout } = yield* ran(sh("cat; echo end", { stdin: bytes("one\n", "tw", "o\n") }))
      assert.deepStrictEqual(stdout, ["one", "two", "end"])
      const large = yield* ran(sh("wc -c", { stdin: bytes(...Array.from({ length: 64 }, () => "x".repeat(65_536))) }))
      assert.strictEqual(large.stdout[0]!.trim(), String(64 * 65_536))
    }))

  real("each run reads the stream anew", () =>
    Effect.gen(function*() {
      const { job } = yield* ran(sh("cat", { stdin: bytes("again\n") }))
      yield* job.start
      yield* job.wait
      assert.deepStrictEqual(yield* stdoutOf(job), ["again", "again"])
    }))

  real("a stream that goes on does not keep a process, nor its stop", () =>
    Effect.gen(function*() {
      const endless = Stream.concat(bytes("line\n"), Stream.never)
      const { stdout } = yield* ran(sh("read line; echo \"$line\"", { stdin: endless }))
      assert.deepStrictEqual(stdout, ["line"])
      const job = yield* started(sh("exec cat", { stdin: endless }))
      yield* said(job, "line")
      const [, millis] = yield* timed(job.stop())
      assert.isBelow(millis, 1000)
    }))

  real("one that does not read all of its input is as good as any other", ({ logged }) =>
    Effect.gen(function*() {
      const lines = bytes(...Array.from({ length: 100 }, () => "line\n".repeat(10_000)))
      const { status, stdout } = yield* ran(Command.make("head", ["-n", "1"], { stdin: lines }))
      assert.deepStrictEqual([status, stdout], [ExitStatus.Exited({ code: 0 }), ["line"]])
      assert.strictEqual((yield* ran(Command.make("true", [], { stdin: lines }))).status._tag, "Exited")
      assert.deepStrictEqual(logged, [])
    }))

  real("a stream that fails is the end of its input, and is told", ({ logged }) =>
    Effect.gen(function*() {
      const broken = PlatformError.systemError({
        _tag: "Unknown",
        module: "Test",
        method: "read",
        description: "broken"
      })
      const { stdout } = yield* ran(sh("cat; echo end", { stdin: Stream.concat(bytes("line\n"), Stream.fail(broken)) }))
      assert.deepStrictEqual(stdout, ["line", "end"])
      assert.strictEqual(logged.length, 1)
      assert.include(logged[0], "Warn")
    }))

  real("what is written reaches it in order, until the input is ended", () =>
    Effect.gen(function*() {
      const job = yield* started(sh("while read -r line; do echo \"<$line>\"; done; echo end", { stdin: "pipe" }))
      yield* job.write("one\n")
      assert.strictEqual(yield* said(job, /one/), "<one>")
      yield* job.write("two\nth")
      yield* job.write(encoder.encode("ree\n"))
      yield* job.endInput
      yield* job.wait
      assert.deepStrictEqual(yield* stdoutOf(job), ["<one>", "<two>", "<three>", "end"])
      // A second time it is nothing, and there is nobody to write to.
      yield* job.endInput
      assert.strictEqual((yield* Effect.flip(job.write("more"))).reason, "not running")
    }))

  real("it has the further descriptors, in their direction", () =>
    Effect.gen(function*() {
      const spawner = yield* Spawner
      const child = yield* spawner.spawn(sh(
        "read -r word <&5; echo \"out $word\" >&6; read -r word <&7; echo \"duplex $word\" >&7",
        { descriptors: { 5: "input", 6: "output", 7: "duplex" } }
      ))
      yield* Effect.addFinalizer(() => child.release)
      yield* Effect.forkScoped(Stream.run(bytes("five\n"), child.input(5)))
      yield* Effect.forkScoped(Stream.run(bytes("seven\n"), child.input(7)))
      const read = (fd: number) => Stream.mkString(Stream.decodeText(child.output(fd)))
      assert.deepStrictEqual(
        yield* Effect.all([read(6), read(7)], { concurrency: "unbounded" }),
        ["out five\n", "duplex seven\n"]
      )
      assert.deepStrictEqual(yield* child.status, ExitStatus.Exited({ code: 0 }))
      yield* child.empty
    }))

  real(
    "of those that write much at the same time, each has its own output, whoever reads it",
    () =>
      Effect.gen(function*() {
        const spawner = yield* Spawner
        const streamed = Effect.fnUntraced(function*(from: number) {
          const child = yield* spawner.spawn(sh(seq(from)))
          // The first chunk alone: a reader that stops loses nothing of what comes after it.
          const first = yield* Stream.runCollect(Stream.take(child.stdout, 1))
          const chunks = [...first, ...(yield* Stream.runCollect(child.stdout))]
          yield* child.empty
          yield* child.release
          same(Buffer.concat(chunks).toString().trimEnd().split("\n"), lines(from))
        })
        const stored = Effect.fnUntraced(function*(from: number) {
          const job = yield* started(sh(`${seq(from)} & ${seq(from + 200_000)} >&2; wait`))
          yield* job.wait
          for (const [stream, first] of [["stdout", from], ["stderr", from + 200_000]] as const) {
            const stored = yield* Stream.runCollect(job.logs!.query({ stream }))
            same(stored.map(({ text }) => text), lines(first))
          }
        })
        yield* Effect.all([streamed(1_000_000), streamed(2_000_000), stored(3_000_000), stored(4_000_000)], {
          concurrency: "unbounded",
          discard: true
        })
      })
  )

  real("output that is ignored is not in the logs", () =>
    Effect.gen(function*() {
      const { stderr, stdout } = yield* ran(sh("echo out; echo err >&2", { stdout: "ignore" }))
      assert.deepStrictEqual([stdout, stderr], [[], ["err"]])
    }))

  real("everything that was written in the instant of its end is in the logs", () =>
    Effect.gen(function*() {
      const { stdout } = yield* ran(Command.make("seq", ["20000"]))
      assert.strictEqual(stdout.length, 20_000)
      assert.strictEqual(stdout.at(-1), "20000")
      const { stderr } = yield* ran(sh("printf 'no line end' >&2; kill -KILL $$"))
      assert.deepStrictEqual(stderr, ["no line end"])
    }))
})

describe("Command: whose process it is", () => {
  real("it leads a group and a session of its own", () =>
    Effect.gen(function*() {
      const job = yield* started(sh("echo up; exec sleep 60"))
      yield* said(job, "up")
      const pid = yield* pidOf(job)
      const { pgid, ppid, session } = look(pid)!
      assert.deepStrictEqual([pgid, session, ppid], [pid, pid, process.pid])
    }))

  real("in the group of this process, signals reach the program alone", () =>
    Effect.gen(function*() {
      const job = yield* started(sh("trap 'echo hup' HUP; echo up; while :; do sleep 0.01; done", { group: "inherit" }))
      yield* said(job, "up")
      const pid = yield* pidOf(job)
      assert.strictEqual(look(pid)!.pgid, look(process.pid)!.pgid)
      yield* job.signal("SIGHUP")
      yield* said(job, "hup")
      const outcome = yield* job.stop()
      assert.deepInclude(outcome, { _tag: "Done", forced: false })
      yield* until("its sleep has ended", () => look(pid) === undefined)
    }))

  real("it runs as another user and group, by number and by name", () =>
    Effect.gen(function*() {
      if (!isRoot) return
      const id = sh("id -u; id -g; id -G; id -un")
      const byNumber = yield* ran(Command.withOptions(id, { uid: 65_534, gid: 65_534 }))
      assert.deepStrictEqual(byNumber.stdout.slice(0, 3), ["65534", "65534", "65534"])
      const byName = yield* ran(Command.withOptions(id, { uid: "nobody", gid: "nogroup" }))
      assert.deepStrictEqual(byName.stdout, ["65534", "65534", "65534", "nobody"])
      const groupOnly = yield* ran(Command.withOptions(id, { gid: 65_534 }))
      assert.deepStrictEqual(groupOnly.stdout.slice(0, 2), ["0", "65534"])
    }))

  real("as another user it is found where it would be found otherwise", ({ directory }) =>
    Effect.gen(function*() {
      if (!isRoot) return
      chmodSync(directory, 0o755)
      writeFileSync(`${directory}/job-tool`, "#!/bin/sh\necho \"$(id -u)\"\n", { mode: 0o755 })
      const nobody = { uid: 65_534, gid: 65_534 }
      const byCwd = yield* ran(Command.make("./job-tool", [], { ...nobody, cwd: directory }))
      assert.deepStrictEqual(byCwd.stdout, ["65534"])
      const byPath = yield* ran(
        Command.make("job-tool", [], { ...nobody, env: { PATH: `${directory}:/usr/bin:/bin` } })
      )
      assert.deepStrictEqual(byPath.stdout, ["65534"])
      assert.strictEqual((yield* notStarted(Command.make("no-such-program", [], nobody))).reason, "NotFound")
      assert.strictEqual(
        (yield* notStarted(Command.make("sh", [], { ...nobody, env: { PATH: "/usr/bin/nowhere" } }))).reason,
        "NotFound"
      )
    }))

  real("a user or group that there is not runs nothing, and is told", ({ file }) =>
    Effect.gen(function*() {
      if (!isRoot) return
      for (const who of [{ uid: "no-such-user" }, { gid: "no-such-group" }]) {
        const error = yield* notStarted(Command.make("touch", [file("ran")], who))
        assert.strictEqual(error.reason, "InvalidArgument")
        assert.match(error.message, /no.such.(user|group)/)
      }
      assert.isFalse(existsSync(file("ran")))
    }))

  real("a user's own group is the group, unless another is said", () =>
    Effect.gen(function*() {
      if (!isRoot) return
      for (const uid of ["nobody", 65_534, "65534"]) {
        const { stdout } = yield* ran(sh("id -u; id -g", { uid }))
        assert.deepStrictEqual(stdout, ["65534", "65534"])
      }
    }))

  real("as another user it sees nothing of what is not its own", ({ directory }) =>
    Effect.gen(function*() {
      if (!isRoot) return
      chmodSync(directory, 0o755)
      mkdirSync(join(directory, "jobs"), { mode: 0o711 })
      const neighbour = yield* started(
        sh("echo secret; echo secret > \"$EFFECT_SUPERVISOR_DATA_DIR/file\"; exec sleep 60")
      )
      yield* said(neighbour, "secret")
      const other = (yield* neighbour.info).directory
      const places = [
        dirname(other),
        other,
        join(other, "file"),
        neighbour.logs!.directory,
        dirname(neighbour.logs!.directory)
      ]
      for (const place of places) {
        const { stdout } = yield* ran(sh(`ls ${place} 2>/dev/null; cat ${place} 2>/dev/null`, { uid: 65_534 }))
        assert.deepStrictEqual(stdout, [], place)
      }
      const modeOf = (place: string) => statSync(join(directory, "jobs", place)).mode & 0o777
      assert.deepStrictEqual([modeOf("data"), modeOf("logs")], [0o711, 0o700])
    }))

  real("as another user it may use its private directory", ({ directory }) =>
    Effect.gen(function*() {
      if (!isRoot) return
      // A place that was given is not made passable for it.
      chmodSync(directory, 0o755)
      mkdirSync(join(directory, "jobs"), { mode: 0o711 })
      const script = "echo data > \"$EFFECT_SUPERVISOR_DATA_DIR/file\" && cat \"$EFFECT_SUPERVISOR_DATA_DIR/file\""
      for (const uid of [65_534, "nobody"]) {
        const { stderr, stdout } = yield* ran(sh(script, { uid }))
        assert.deepStrictEqual([stdout, stderr], [["data"], []])
        const { stdout: byScript } = yield* ran(Command.script("sh", "id -u", [], { uid }))
        assert.deepStrictEqual(byScript, ["65534"])
      }
    }))

  real(
    "what it puts where it may write is no way to write where it may not",
    ({ directory, file }) =>
      Effect.gen(function*() {
        if (!isRoot) return
        chmodSync(directory, 0o755)
        mkdirSync(join(directory, "jobs"), { mode: 0o711 })
        writeFileSync(file("secret"), "secret", { mode: 0o600 })
        const plant = `for f in "$0" "$EFFECT_SUPERVISOR_DATA_DIR/\${0##*/}"; do ln -sf "${file("secret")}" "$f"; done`
        const { job } = yield* ran(Command.script("sh", plant, [], { uid: 65_534 }))
        // Its next run writes the script anew.
        yield* job.start
        yield* job.wait
        assert.strictEqual(readFileSync(file("secret"), "utf8"), "secret")
        assert.strictEqual(statSync(file("secret")).uid, 0)
      })
  )
})

describe("ExitStatus: how a process ended", () => {
  real("by a code, by a signal, and the two are not mixed up", () =>
    Effect.gen(function*() {
      for (const code of [0, 1, 126, 127, 128, 137, 143, 255]) {
        assert.deepStrictEqual((yield* ran(sh(`exit ${code}`))).status, ExitStatus.Exited({ code }))
      }
      for (const name of ["TERM", "KILL", "HUP", "USR1", "PIPE"]) {
        const { status } = yield* ran(sh(`kill -${name} $$`))
        assert.deepStrictEqual(status, ExitStatus.Signaled({ signal: `SIG${name}`, coreDumped: false }))
      }
      const { status } = yield* ran(sh("ulimit -c 0; kill -SEGV $$"))
      assert.strictEqual(status._tag === "Signaled" && status.signal, "SIGSEGV")
      assert.strictEqual(ExitStatus.toShellCode(status), 139)
    }))
})

describe("SpawnFailed: a command that cannot be started", () => {
  real("of words that only a shell knows it is said that they are", () =>
    Effect.gen(function*() {
      for (const words of ["exec node", "PORT=80 node", "export A=1"]) {
        const [program = "", ...args] = words.split(" ")
        assert.match((yield* notStarted(Command.make(program, args))).message, /make it a line for a shell/)
      }
      for (const program of ["executor", "no-such-program", "./cd"]) {
        assert.match((yield* notStarted(Command.make(program))).message, /check its name/)
      }
    }))

  real("says why, names the command, and runs nothing", ({ directory, file }) =>
    Effect.gen(function*() {
      writeFileSync(file("plain"), "text")
      writeFileSync(file("script"), "#!/no/such/interpreter\n", { mode: 0o755 })
      writeFileSync(file("closed"), "#!/bin/sh\n", { mode: 0o600 })
      const cases: ReadonlyArray<readonly [Command.Command, ReadonlyArray<ProcessError.SpawnFailedReason>]> = [
        [Command.make("no-such-program"), ["NotFound"]],
        [Command.make("/no/such/program"), ["NotFound"]],
        [Command.make(file("script")), ["NotFound"]],
        [Command.make(file("plain")), ["PermissionDenied"]],
        [Command.make(file("closed")), ["PermissionDenied"]],
        [Command.make(directory), ["PermissionDenied"]],
        [Command.make("true", [], { cwd: file("nowhere") }), ["BadDirectory"]],
        [Command.make("true", [], { cwd: file("plain") }), ["BadDirectory"]],
        [Command.make("true", ["a\0b"]), ["InvalidArgument"]],
        [Command.make("true", [], { env: { A: "a\0b" } }), ["InvalidArgument"]],
        [Command.make("true", [], { cwd: "a\0b" }), ["InvalidArgument", "BadDirectory"]],
        [Command.make("true\0"), ["InvalidArgument", "NotFound"]],
        [Command.make("true", ["x".repeat(4_000_000)]), ["InvalidArgument"]]
      ]
      for (const [command, reasons] of cases) {
        const error = yield* notStarted(command)
        assert.include(reasons, error.reason, `${Command.show(command).slice(0, 80)}: ${error.detail.slice(0, 200)}`)
        assert.include(error.message, Command.show(command).slice(0, 20))
      }
    }))

  real("a message stays short, also when the command is not", () =>
    Effect.gen(function*() {
      const error = yield* notStarted(Command.make("true", ["x".repeat(4_000_000)]))
      assert.isBelow(error.message.length, 10_000)
    }))

  real("a directory that may not be entered", ({ file }) =>
    Effect.gen(function*() {
      if (!isRoot) return
      mkdirSync(file("closed"), { mode: 0o700 })
      const nobody = Command.make("true", [], { cwd: file("closed"), uid: 65_534, gid: 65_534 })
      // As root it can be entered; `setpriv` has changed to it by then.
      assert.deepStrictEqual((yield* ran(nobody)).status, ExitStatus.Exited({ code: 0 }))
    }))

  real("the job is left as it says, and starts when the reason is gone", ({ file }) =>
    Effect.gen(function*() {
      const job = yield* Job.make("job", Command.make(file("tool")), { onError: () => Effect.void })
      yield* Effect.flip(job.start)
      const state = yield* job.state
      assert.strictEqual(state._tag === "Finished" && state.status._tag, "SpawnFailed")
      assert.strictEqual((yield* job.info).runs, 0)
      writeFileSync(file("tool"), "#!/bin/sh\necho ok\n", { mode: 0o755 })
      yield* job.start
      yield* job.wait
      assert.deepStrictEqual(yield* stdoutOf(job), ["ok"])
    }))

  real("no descriptor left is told as that, and costs nothing for good", () =>
    Effect.gen(function*() {
      const { status, stderr, stdout } = yield* ran(
        sh(`ulimit -n 64; exec "${node}" "${fixture("job-emfile.ts")}"`, { env: { NODE_OPTIONS: "" } })
      )
      assert.deepStrictEqual([stderr, status], [[], ExitStatus.Exited({ code: 0 })])
      const [tag, reason, message, ended] = JSON.parse(stdout.join(""))
      assert.deepStrictEqual([tag, reason], ["SpawnFailed", "Resources"], message)
      assert.deepInclude(ended, { _tag: "Done", status: { _tag: "Exited", code: 0 } })
    }))
})

describe("Job: many at once", () => {
  real("the event loop goes on between them", () =>
    Effect.gen(function*() {
      // All that a first run makes is there already.
      const jobs = yield* Effect.forEach(Array.from({ length: 40 }), () => Effect.map(ran(sh(":")), ({ job }) => job))
      let turn = 0
      const count = () => {
        turn++
        counting = setImmediate(count)
      }
      let counting = setImmediate(count)
      const turns = new Set<number>()
      const onMade = () => turns.add(turn)
      diagnostics.subscribe("child_process", onMade)
      yield* Effect.addFinalizer(() =>
        Effect.sync(() => {
          clearImmediate(counting)
          diagnostics.unsubscribe("child_process", onMade)
        })
      )
      yield* Effect.forEach(jobs, (job) => Effect.andThen(job.start, job.wait), { concurrency: "unbounded" })
      assert.isAbove(turns.size, 1)
    }))
})

describe("Job: what can go wrong with a process that runs", () => {
  real(
    "a signal that there is not is an error that names the command; one to nobody is nothing",
    () =>
      Effect.gen(function*() {
        const job = yield* started(sh("exec sleep 60"), { onError: () => Effect.void })
        const error = yield* Effect.flip(job.signal("SIGNOPE" as "SIGHUP"))
        assert.instanceOf(error, ProcessError.SignalFailed)
        assert.include(error.message, "SIGNOPE")
        assert.include(error.message, "exec sleep 60")
        assert.strictEqual((yield* job.state)._tag, "Running")
        yield* job.stop()
        assert.deepStrictEqual(yield* job.signal("SIGHUP"), {
          _tag: "NoOp",
          verb: "signal SIGHUP",
          reason: "not running"
        })
      })
  )

  real(
    "an unknown signal to stop with is an error at once, or the process is ended nevertheless",
    () =>
      Effect.gen(function*() {
        const job = yield* started(sh("exec sleep 60"), { onError: () => Effect.void })
        const [, millis] = yield* timed(Effect.exit(job.stop({ signal: "SIGNOPE" as "SIGHUP", grace: "300 millis" })))
        assert.isBelow(millis, 1000)
        yield* job.stop({ grace: 0 })
        assert.strictEqual((yield* job.state)._tag, "Finished")
      })
  )

  real(
    "a process that closed its standard input cannot be written to, and nothing else comes of it",
    () =>
      Effect.gen(function*() {
        const job = yield* started(sh("exec <&-; echo closed; exec sleep 60", { stdin: "pipe" }))
        yield* said(job, "closed")
        // What was accepted before it showed is lost with the pipe.
        const write = Effect.andThen(job.write("text\n"), Effect.sleep(2))
        const error = yield* Effect.flip(Effect.forever(write)).pipe(Effect.timeout("2 seconds"))
        assert.instanceOf(error, ProcessError.InputClosed)
        assert.strictEqual((error as ProcessError.InputClosed).reason, "closed")
        assert.strictEqual((yield* job.state)._tag, "Running")
      })
  )

  real("a process that does not read holds up who writes, until it ends", () =>
    Effect.gen(function*() {
      const job = yield* started(sh("echo up; exec sleep 60", { stdin: "pipe" }))
      yield* said(job, "up")
      const writing = yield* Effect.forkScoped(Effect.flip(Effect.forever(job.write("x".repeat(65_536)))))
      yield* Effect.sleep("50 millis")
      assert.isUndefined(writing.pollUnsafe())
      const [, millis] = yield* timed(job.stop())
      assert.isBelow(millis, 1000)
      const error = yield* Effect.timeout(Fiber.join(writing), "1 second")
      assert.include(["closed", "not running"], error.reason)
    }))

  real("without a pipe there is nothing to write to", () =>
    Effect.gen(function*() {
      const job = yield* started(sh("exec sleep 60"))
      assert.strictEqual((yield* Effect.flip(job.write("x"))).reason, "not a pipe")
    }))
})

describe("Job: its directory and what it knows", () => {
  real("the private directory is there, is told to the process, and is nobody else's", () =>
    Effect.gen(function*() {
      const { job, stdout } = yield* ran(
        sh("echo \"$EFFECT_SUPERVISOR_DATA_DIR\"; echo x > \"$EFFECT_SUPERVISOR_DATA_DIR/f\"")
      )
      const { directory } = yield* job.info
      assert.deepStrictEqual(stdout, [directory])
      assert.strictEqual(statSync(directory).mode & 0o777, 0o700)
      assert.isTrue(existsSync(`${directory}/f`))
    }))

  real("a place where nothing can be written is said to be one", ({ file }) =>
    Effect.gen(function*() {
      const job = yield* Job.make("job", sh("true"), { onError: () => Effect.void, logs: false })
      const { directory } = yield* job.info
      mkdirSync(join(directory, ".."), { recursive: true })
      writeFileSync(directory, "a file is in the way")
      yield* Effect.addFinalizer(() => Effect.sync(() => removeFolder(directory)))
      const error = yield* Effect.flip(job.start)
      assert.strictEqual(error._tag === "SpawnFailed" && error.reason, "BadWorkspace")
      assert.include(error.message, "private directory")
      assert.isFalse(existsSync(file("ran")))
    }))

  real("what is no command is refused at once", () =>
    Effect.sync(() => {
      for (const make of [Job.make, Job.runnable]) {
        assert.throws(() => make("job", "sleep 600" as never), /command/)
      }
    }))

  real("what a group uses is that of all its members", () =>
    Effect.gen(function*() {
      const burn = "let cpu; do { for (let i = 0; i < 1e7; i++); cpu = process.cpuUsage() } while (cpu.user < 300e3);"
      const grandchild = `${burn} const b = Buffer.alloc(100e6, 1); console.log("ready"); setInterval(() => b, 1e6)`
      const job = yield* started(sh(`sh -c '"${node}" -e '"'"'${grandchild}'"'"'; :'; :`))
      yield* said(job, "ready")
      const { usage } = yield* job.info
      assert.isAtLeast(usage!.processes, 3)
      assert.isAtLeast(usage!.memoryBytes, 100e6)
      assert.isAtLeast(usage!.cpuMillis, 250)
      yield* job.stop()
      assert.isUndefined((yield* job.info).usage)
    }))

  real("it remembers how its runs ended, and answers after the last", () =>
    Effect.gen(function*() {
      let code = 0
      const job = yield* Job.make("job", sh("exit $CODE"), {
        history: 2,
        onSpawn: ({ command }) => Effect.sync(() => Command.withEnv(command, { CODE: String(code++) }))
      })
      for (let run = 0; run < 3; run++) {
        yield* job.start
        yield* job.wait
      }
      const info = yield* job.info
      assert.strictEqual(info.runs, 3)
      assert.deepStrictEqual(
        info.history.map(({ run, status }) => [run, status]),
        [[2, ExitStatus.Exited({ code: 1 })], [3, ExitStatus.Exited({ code: 2 })]]
      )
      assert.isUndefined(info.pid)
      for (const { endedAt, pid, startedAt } of info.history) {
        assert.isAbove(pid, 1)
        assert.isAtLeast(endedAt, startedAt)
      }
      assert.strictEqual(info.state._tag, "Finished")
    }))
})
