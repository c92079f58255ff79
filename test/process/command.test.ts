/** Commands and exit statuses as data. */
import { assert, describe, it } from "@effect/vitest"
import { Cause, Redacted, Result, Stream } from "effect"
import { SupervisorError } from "effect-supervisor"
import { Command, ExitStatus, ProcessError, Signal } from "effect-supervisor/process"
import { CommandLine } from "effect/process"
import * as fc from "fast-check"
import { inspect } from "node:util"

const secret = "s3cr3t"
const hidden = Redacted.make(secret)

/** The words of a program. */
const words = (command: Command.Command): ReadonlyArray<Command.Word> =>
  command.program._tag === "Exec" ? [command.program.program, ...command.program.args] : []

/** What is thrown has to say what is wrong. */
const refused = (make: () => unknown): string => {
  try {
    make()
  } catch (error) {
    assert.instanceOf(error, SupervisorError.InvalidOption)
    return error.message
  }
  throw new Error("it was taken")
}

describe("A command", () => {
  it("is a program with its arguments, and defaults for the rest", () => {
    const command = Command.make("node", ["server.js", hidden])
    assert.deepStrictEqual(words(command), ["node", "server.js", hidden])
    assert.deepStrictEqual(command.settings, Command.defaults)
    assert.isTrue(Command.isCommand(command))
    assert.isFalse(Command.isCommand({ program: command.program, settings: command.settings }))
  })

  it("may be a script for a shell, /bin/sh if nothing else is said", () => {
    assert.deepStrictEqual(Command.shell("a | b").program, { _tag: "Shell", script: "a | b", shell: "/bin/sh" })
    const bash = Command.shell("a | b", { shell: "/bin/bash", cwd: "/" })
    assert.deepStrictEqual(bash.program, { _tag: "Shell", script: "a | b", shell: "/bin/bash" })
    assert.strictEqual(bash.settings.cwd, "/")
  })

  it("may be a script for an interpreter, by name or any other", () => {
    const report = Command.script("python3", "print(1)", ["a b"], { cwd: "/" })
    assert.isTrue(report.program._tag === "Script" && report.program.interpreter.program === "python3")
    assert.strictEqual(report.settings.cwd, "/")
    assert.strictEqual(Command.show(report), "python3 '(script)' 'a b'")
    const serve = Command.script({ program: "deno", args: ["run", Command.filePath] }, "serve()")
    assert.isTrue(serve.program._tag === "Script" && serve.program.text === "serve()")
  })

  it("stays as it is: options make another one", () => {
    const one = Command.make("a", ["b"], { cwd: "/one", env: { A: "1" } })
    const two = one.pipe(Command.withOptions({ env: { B: "2" }, clearEnv: true }))
    assert.deepStrictEqual([one.settings.cwd, one.settings.env, one.settings.clearEnv], ["/one", { A: "1" }, false])
    assert.deepStrictEqual([two.settings.cwd, two.settings.env, two.settings.clearEnv], ["/one", { B: "2" }, true])
    assert.deepStrictEqual(words(two), ["a", "b"])
  })

  it("gets further variables beside those it has", () => {
    const command = Command.withEnv(Command.make("a", [], { env: { A: "1", B: "1" } }), { B: "2", C: hidden })
    assert.deepStrictEqual(command.settings.env, { A: "1", B: "2", C: hidden })
  })

  it("an option that is undefined leaves what there was", () => {
    const command = Command.make("a", [], { cwd: "/one", stdin: "pipe", uid: 0, group: "session" })
    const same = Command.withOptions(command, { cwd: undefined, stdin: undefined, uid: undefined, group: undefined })
    assert.deepStrictEqual(same.settings, command.settings)
  })

  it("takes a stream as its input", () => {
    const stdin = Stream.make(new Uint8Array([1]))
    assert.strictEqual(Command.make("cat", [], { stdin }).settings.stdin, stdin)
  })
})

describe("A command line", () => {
  const good: Record<string, ReadonlyArray<string>> = {
    "node server.js": ["node", "server.js"],
    "  node \t server.js\n": ["node", "server.js"],
    "say 'My site' \"a b\"": ["say", "My site", "a b"],
    "say a\\ b 'it'\\''s'": ["say", "a b", "it's"],
    "say ''": ["say", ""],
    "say \"a\\\"b\" '$HOME' '*'": ["say", "a\"b", "$HOME", "*"],
    "'/opt/my program' --x=1": ["/opt/my program", "--x=1"]
  }
  for (const [line, expected] of Object.entries(good)) {
    it(`is split into words: ${JSON.stringify(line)}`, () =>
      assert.deepStrictEqual(words(Result.getOrThrow(Command.parse(line))), expected))
  }

  const bad = [
    "",
    "   ",
    "''",
    "'' a",
    "'  '",
    "say 'a",
    "say \"a",
    "say a\\",
    "a | b",
    "a && b",
    "a; b",
    "a > b",
    "a &",
    "echo $HOME",
    "echo `id`",
    "ls *",
    "ls ~",
    "A=1 b",
    "a # b",
    "(a)"
  ]
  for (const line of bad) {
    it(`is refused with the line and what is wrong: ${JSON.stringify(line)}`, () => {
      const parsed = Command.parse(line)
      assert.isTrue(Result.isFailure(parsed), "it was taken")
      const error = (parsed as Result.Failure<never, ProcessError.InvalidCommandLine>).failure
      assert.strictEqual(error._tag, "InvalidCommandLine")
      assert.include(error.message, `"${line}"`)
      assert.match(error.message, /Command.shell/)
    })
  }

  it("any words come out as they were quoted", () =>
    fc.assert(fc.property(
      fc.string({ unit: "grapheme", minLength: 1 }).filter((word) => !word.includes("\0") && word.trim() !== ""),
      fc.array(fc.string({ unit: "grapheme" }).filter((word) => !word.includes("\0"))),
      (program, args) => {
        const line = Result.getOrThrow(CommandLine.join([program, ...args]))
        assert.deepStrictEqual(words(Result.getOrThrow(Command.parse(line))), [program, ...args])
      }
    )))

  it("takes options", () => assert.strictEqual(Result.getOrThrow(Command.parse("a b", { cwd: "/" })).settings.cwd, "/"))
})

describe("What is secret", () => {
  const command = Command.make("psql", ["--password", hidden], { env: { TOKEN: hidden } })
  const spawnFailed = new ProcessError.SpawnFailed({
    command: Command.show(command),
    reason: "NotFound",
    detail: "no such file",
    cause: undefined
  })
  const errors = [
    spawnFailed,
    new ProcessError.ProcessFailed({
      command: Command.show(command),
      status: ExitStatus.Exited({ code: 1 }),
      lastLines: []
    })
  ]

  it("is shown nowhere", () => {
    const shown = [
      Command.show(command),
      String(command),
      JSON.stringify(command),
      JSON.stringify({ command }),
      inspect(command, { depth: 10, showHidden: true }),
      inspect({ deep: { command } }, { depth: 10 }),
      JSON.stringify(command.settings),
      inspect(command.settings),
      JSON.stringify(command.program),
      inspect(command.program),
      ...errors.flatMap((error) => [error.message, String(error), inspect(error), JSON.stringify(error)]),
      Cause.pretty(Cause.fail(spawnFailed)),
      inspect(ExitStatus.SpawnFailed({ error: spawnFailed }), { depth: 10 })
    ]
    for (const text of shown) assert.notInclude(text, secret)
    assert.strictEqual(shown[0], "psql --password <redacted>")
  })

  it("is not in what bad options are answered with", () => {
    const message = refused(() => Command.withOptions(command, { env: { "": hidden } }))
    assert.notInclude(message, secret)
    assert.include(message, "psql --password")
  })
})

describe("A command shows itself", () => {
  it("as a person would type it", () => {
    assert.strictEqual(Command.show(Command.make("say", ["My site", "it's", ""])), "say 'My site' 'it'\\''s' ''")
    assert.strictEqual(Command.show(Command.shell("a | b")), "a | b")
    assert.strictEqual(`${Command.make("a", ["b"])}`, "a b")
    assert.strictEqual(inspect(Command.make("a", ["b"])), "Command(a b)")
    assert.deepStrictEqual(JSON.parse(JSON.stringify(Command.make("a", ["b"]))), { _id: "Command", command: "a b" })
  })

  it("in one line", () => {
    assert.notInclude(Command.show(Command.shell("a\nb")), "\n")
    assert.notInclude(Command.show(Command.make("a", ["b\nc", "\u001b[31m"])), "\u001b")
  })
})

describe("Bad input throws InvalidOption, which names the command and says what is wrong", () => {
  const bad: Record<string, [make: () => unknown, says: RegExp]> = {
    "no program": [() => Command.make(""), /program is "".*name or path/],
    "a blank program": [() => Command.make("  "), /program is/],
    "a program that is no text": [() => Command.make(1 as never), /program is 1/],
    "an argument that is no text": [() => Command.make("a", ["b", 1 as never]), /"a": args\[1\] is 1/],
    "no script": [() => Command.shell(" "), /script is " "/],
    "a shell without a name": [() => Command.shell("a", { shell: "" }), /shell/],
    "an unknown interpreter": [() => Command.script("perl" as never, "1"), /interpreter is perl.*python3/],
    "an interpreter without a name": [() => Command.script({ program: " " }, "1"), /interpreter/],
    "an unknown group": [() => Command.make("a", [], { group: "mine" as never }), /"a": group is mine/],
    "an unknown output": [() => Command.make("a", [], { stdout: "pipe" as never }), /"a": stdout is pipe/],
    "an unknown error output": [() => Command.make("a", [], { stderr: "pipe" as never }), /"a": stderr is pipe/],
    "an unknown input": [() => Command.make("a", [], { stdin: "none" as never }), /"a": stdin is none/],
    "a variable without a name": [() => Command.make("a", [], { env: { "": "1" } }), /"a": env is ""/],
    "a variable with = in its name": [() => Command.make("a", [], { env: { "A=B": "1" } }), /"a": env is "A=B"/],
    "a variable with NUL in its name": [() => Command.make("a", [], { env: { "A\0": "1" } }), /"a": env is/],
    "a variable whose value is no text": [() => Command.make("a", [], { env: { A: 1 as never } }), /"a": env/],
    "a descriptor of the standard three": [
      () => Command.make("a", [], { descriptors: { 2: "output" } }),
      /"a": descriptors is 2.*from 3 to 255/
    ],
    "a descriptor that is too large": [
      () => Command.make("a", [], { descriptors: { 256: "output" } }),
      /"a": descriptors is 256/
    ],
    "a descriptor of an unknown kind": [
      () => Command.make("a", [], { descriptors: { 5: "both" as never } }),
      /"a": descriptors/
    ],
    "bad options of a parsed line": [() => Command.parse("a b", { group: "mine" as never }), /"a.*": group is mine/],
    "bad options later": [() => Command.withOptions(Command.make("a", ["b"]), { group: "mine" as never }), /"a b"/],
    "bad variables later": [() => Command.withEnv(Command.make("a"), { "": "1" }), /"a": env/]
  }
  for (const [what, [make, says]] of Object.entries(bad)) {
    it(what, () => assert.match(refused(make), says))
  }
})

const spawnFailed = (reason: ProcessError.SpawnFailedReason) =>
  ExitStatus.SpawnFailed({
    error: new ProcessError.SpawnFailed({ command: "a", reason, detail: "as it is", cause: undefined })
  })

describe("An exit status", () => {
  const killed = ExitStatus.Signaled({ signal: "SIGKILL", coreDumped: undefined })
  const aborted = ExitStatus.Signaled({ signal: "SIGABRT", coreDumped: true })

  it("is good if its code is among the good ones: 0 if nothing else is said", () => {
    assert.isTrue(ExitStatus.isSuccess(ExitStatus.Exited({ code: 0 })))
    assert.isFalse(ExitStatus.isSuccess(ExitStatus.Exited({ code: 3 })))
    assert.isTrue(ExitStatus.isSuccess(ExitStatus.Exited({ code: 3 }), [0, 3]))
    assert.isFalse(ExitStatus.isSuccess(ExitStatus.Exited({ code: 0 }), [3]))
  })

  it("by a signal is good only if that is named; 128 + n is no name for it", () => {
    assert.isFalse(ExitStatus.isSuccess(killed))
    assert.isTrue(ExitStatus.isSuccess(killed, ["SIGKILL"]))
    assert.isFalse(ExitStatus.isSuccess(killed, [137]))
    assert.isFalse(ExitStatus.isSuccess(ExitStatus.Exited({ code: 137 }), ["SIGKILL"]))
  })

  it("of a command that never ran is never good", () =>
    assert.isFalse(ExitStatus.isSuccess(spawnFailed("NotFound"), [127, "NotFound"])))

  it("shows itself in one line", () =>
    assert.deepStrictEqual(
      [ExitStatus.Exited({ code: 3 }), killed, aborted, spawnFailed("NotFound")].map(ExitStatus.show),
      [
        "exited with code 3",
        "was ended by SIGKILL",
        "was ended by SIGABRT (core dumped)",
        "could not be started: NotFound"
      ]
    ))

  it("is for a shell the code, 128 + n, 127 if there is no such program, and 126 if it cannot be run", () => {
    const all = [
      ExitStatus.Exited({ code: 3 }),
      killed,
      ExitStatus.Signaled({ signal: "SIGTERM", coreDumped: false }),
      spawnFailed("NotFound"),
      spawnFailed("PermissionDenied")
    ]
    assert.deepStrictEqual(all.map(ExitStatus.toShellCode), [3, 137, 143, 127, 126])
  })

  it("is matched case by case", () => {
    const name = ExitStatus.match({
      Exited: ({ code }) => `code ${code}`,
      Signaled: ({ signal }) => signal,
      SpawnFailed: ({ error }) => error.reason
    })
    assert.deepStrictEqual([ExitStatus.Exited({ code: 1 }), killed, spawnFailed("Resources")].map(name), [
      "code 1",
      "SIGKILL",
      "Resources"
    ])
  })
})

describe("Signals", () => {
  it("have their number on this machine, and none if it does not have them", () => {
    assert.strictEqual(Signal.signalNumber("SIGKILL"), 9)
    assert.strictEqual(Signal.signalNumber("SIGTERM"), 15)
    assert.isUndefined(Signal.signalNumber("SIGNOPE"))
    assert.isUndefined(Signal.signalNumber("TERM"))
    assert.isUndefined(Signal.signalNumber("constructor"))
  })
})
