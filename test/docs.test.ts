/** What the pages about configuration and migration say is held against what there is. */
import { assert, beforeAll, describe, it } from "@effect/vitest"
import { NodeServices } from "@effect/platform-node"
import { Effect, Layer, type Schema, type SchemaAST } from "effect"
import { CliConfig, CliOutput, Command, GlobalFlag, type HelpDoc } from "effect/cli"
import { execFile } from "node:child_process"
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { exitCodes } from "../src/cli/CliError.ts"
import { root as rootCommand } from "../src/cli/commands/root.ts"
import { fileNames } from "../src/cli/config/Config.ts"
import { parse } from "../src/cli/config/DotEnv.ts"
import * as composeSchema from "../src/cli/config/internal/composeSchema.ts"
import * as moduleSchema from "../src/cli/config/internal/moduleSchema.ts"
import * as restart from "../src/cli/config/internal/restart.ts"
import * as Dashboard from "../src/control/Dashboard.ts"
import { managerSettings } from "../src/ManagerOptions.ts"
import * as Job from "../src/process/Job.ts"
import * as LogStore from "../src/process/LogStore.ts"
import { readinessDefaults } from "../src/process/Probe.ts"
import { build, root } from "./fixtures/build.ts"
import { removeFolder } from "./fixtures/removeFolder.ts"

// ---------------------------------------------------------------------------------------------------------- the pages

interface Block {
  readonly language: string
  readonly file: string
  readonly code: string
  readonly where: string
}

interface Table {
  readonly header: ReadonlyArray<string>
  readonly rows: ReadonlyArray<ReadonlyArray<string>>
  readonly where: string
}

const cellsOf = (line: string): ReadonlyArray<string> =>
  line.trim().slice(1, -1).split(/(?<!\\)\|/).map((cell) => cell.trim())

class Page {
  readonly name: string
  readonly text: string
  /** Without what stands in blocks. */
  readonly prose: string
  readonly blocks: ReadonlyArray<Block>

  constructor(name: string, text = readFileSync(join(root, "examples", name), "utf8")) {
    this.name = name
    this.text = text
    this.prose = text.replace(/^```[^]*?^```$/gm, (block) => "\n".repeat(block.split("\n").length - 1))
    this.blocks = Array.from(
      text.matchAll(/^```(\S*) ?(.*)\n([^]*?)^```$/gm),
      ({ 1: language, 2: file, 3: code, index }) => ({
        language: language!,
        file: file!,
        code: code!,
        where: `${name}:${text.slice(0, index).split("\n").length}`
      })
    )
  }

  /** What stands under a heading, with what is below it. */
  section(heading: string): Page {
    const lines = this.prose.split("\n")
    const from = lines.findIndex((line) => /^#+ /.test(line) && line.replace(/^#+ /, "") === heading)
    assert.isAtLeast(from, 0, `${this.name} has no heading "${heading}"`)
    const level = /^#+/.exec(lines[from]!)![0].length
    const rest = lines.slice(from + 1)
    const to = rest.findIndex((line) => (/^#+(?= )/.exec(line)?.[0].length ?? 9) <= level)
    return new Page(`${this.name}, ${heading}`, rest.slice(0, to < 0 ? rest.length : to).join("\n"))
  }

  get tables(): ReadonlyArray<Table> {
    return Array.from(this.prose.matchAll(/^\|.*\n\|[ :|-]+\n(?:\|.*(?:\n|$))*/gm), ({ 0: text, index }) => {
      const [header, , ...rows] = text.trimEnd().split("\n").map(cellsOf)
      return { header: header!, rows, where: `${this.name}:${this.prose.slice(0, index).split("\n").length}` }
    })
  }

  get anchors(): ReadonlyArray<string> {
    return Array.from(
      this.prose.matchAll(/^#+ (.*)$/gm),
      ([, heading]) => heading!.toLowerCase().replaceAll(/[^\w\s-]/g, "").replaceAll(/\s/g, "-")
    )
  }
}

const codeIn = (text: string): ReadonlyArray<string> =>
  Array.from(text.matchAll(/`([^`\n]+)`/g), ([, code]) => code!.replaceAll("\\|", "|"))

const configuration = new Page("configuration.md")
const migrating = new Page("migrating.md")
const pages = [configuration, migrating]

/** The names of files that are ours: a block with such a name is to work as it is. */
const isOurs = ({ file }: Block): boolean => fileNames.includes(file)
const ours = pages.flatMap(({ blocks }) => blocks.filter(isOurs))

// --------------------------------------------------------------------------------------------------------- the blocks

const inDirectories = async <A>(
  blocks: ReadonlyArray<Block>,
  use: (place: string, directories: ReadonlyArray<string>) => Promise<A>
): Promise<A> => {
  const place = mkdtempSync(join(tmpdir(), "effect-supervisor-docs-"))
  try {
    mkdirSync(join(place, "node_modules"))
    symlinkSync(root, join(place, "node_modules", "effect-supervisor"))
    for (const name of ["effect", "@effect", "@types"]) {
      symlinkSync(join(root, "node_modules", name), join(place, "node_modules", name))
    }
    writeFileSync(join(place, "package.json"), `{ "type": "module" }`)
    const directories = blocks.map(({ code, file }, index) => {
      const directory = join(place, `block-${index}`)
      mkdirSync(directory)
      writeFileSync(join(directory, file), code)
      return directory
    })
    return await use(place, directories)
  } finally {
    removeFolder(place)
  }
}

const block = (file: string, code: string): Block => ({ language: "", file, code, where: file })

const outputOf = (program: string, args: ReadonlyArray<string>, cwd: string): Promise<string> =>
  new Promise((resolve, reject) =>
    execFile(program, args, { cwd, timeout: 60_000 }, (error, stdout, stderr) => {
      if (error !== null && stdout === "") reject(new Error(stderr, { cause: error }))
      else resolve(stdout)
    })
  )

/** What is wrong with each, if anything is. */
const problemsOf = (blocks: ReadonlyArray<Block>): Promise<ReadonlyArray<string>> =>
  inDirectories(blocks, async (place, directories) => {
    const output = await outputOf(
      process.execPath,
      [join(root, "test", "fixtures", "docs", "check.ts"), ...directories],
      place
    )
    const found = JSON.parse(output) as ReadonlyArray<ReadonlyArray<string>>
    return found.flatMap((problems, index) => problems.map((problem) => `${blocks[index]!.where}: ${problem}`))
  })

const typeProblemsOf = (blocks: ReadonlyArray<Block>): Promise<string> =>
  inDirectories(blocks, (place) => {
    writeFileSync(
      join(place, "tsconfig.json"),
      JSON.stringify({
        extends: join(root, "tsconfig.json"),
        include: ["block-*/*.ts"],
        compilerOptions: { paths: { "effect-supervisor/cli/config/*": [join(root, "src/cli/config/*.ts")] } }
      })
    )
    return outputOf(join(root, "node_modules", ".bin", "tsc"), [], place)
  })

describe("the files that the pages show", () => {
  beforeAll(build, 120_000)

  it("are ours where they are named as one of ours, and there is one of each kind", () => {
    for (const file of ["supervisor.config.ts", "Procfile", "process-compose.yaml"]) {
      assert.isTrue(ours.some((block) => block.file === file), file)
    }
    const unnamed = pages.flatMap(({ blocks }) =>
      blocks.filter(({ file, language }) => file === "" && ["procfile", "ts", "yaml"].includes(language))
    )
    assert.deepStrictEqual(unnamed.map(({ where }) => where), [])
  })

  it("load without a problem", { timeout: 70_000 }, async () => {
    assert.deepStrictEqual(await problemsOf(ours), [])
  })

  it("compile", { timeout: 70_000 }, async () => {
    assert.strictEqual(await typeProblemsOf(ours.filter(({ language }) => language === "ts")), "")
  })

  it("are found out where they are wrong", { timeout: 70_000 }, async () => {
    const wrong = [
      block("Procfile", "web\n"),
      block("process-compose.yaml", "processes: { web: { command: x, is_tty: true } }\n"),
      block(
        "supervisor.config.ts",
        `import { defineConfig } from "effect-supervisor/cli/config/Config"\n` +
          `export default defineConfig({ children: { web: { command: "x", replica: 2 } } })\n`
      )
    ]
    const problems = await problemsOf(wrong)
    assert.deepStrictEqual(problems.map((problem) => problem.split(":")[0]), wrong.map(({ where }) => where))
    assert.include(await typeProblemsOf(wrong.slice(2)), "TS2353")
  })

  it("have variables that can be read", () => {
    for (const { code, where } of pages.flatMap(({ blocks }) => blocks.filter(({ file }) => file === ".env"))) {
      const { entries, problems } = parse(code, {})
      assert.deepStrictEqual(problems, [], where)
      assert.isAbove(entries.length, 0, where)
    }
  })
})

// ---------------------------------------------------------------------------------------------------- the command line

/** What the command line says of itself, by the path of the command. */
const help = (path: ReadonlyArray<string>): Promise<HelpDoc.HelpDoc> => {
  let found: HelpDoc.HelpDoc | undefined
  const presenter: CliOutput.Presenter = {
    present: (event) =>
      Effect.sync(() => {
        if (event._tag === "Help") found = event.helpDoc
      })
  }
  const services = Layer.mergeAll(
    NodeServices.layer,
    CliConfig.layer({ builtIns: [GlobalFlag.Help, GlobalFlag.Version, GlobalFlag.Completions, GlobalFlag.LogLevel] }),
    CliOutput.layerPresenter(presenter)
  )
  const asked = Command.runWith(rootCommand("esv"), { version: "0" })([...path, "--help"])
  return Effect.runPromise(Effect.as(Effect.ignore(Effect.provide(asked, services)), undefined)).then(() => found!)
}

interface Known {
  readonly subcommands: ReadonlySet<string>
  readonly flags: ReadonlySet<string>
}

const flagsOf = (flags: ReadonlyArray<HelpDoc.FlagDoc>): ReadonlyArray<string> =>
  flags.flatMap(({ aliases, name, type }) => [`--${name}`, ...type === "boolean" ? [`--no-${name}`] : [], ...aliases])

const commands = new Map<string, Known>()

const learn = async (path: ReadonlyArray<string>): Promise<void> => {
  const doc = await help(path)
  const subcommands = (doc.subcommands ?? []).flatMap(({ commands }) => commands.map(({ name }) => name))
  const flags = flagsOf([...doc.flags, ...doc.inheritedFlags ?? [], ...doc.globalFlags ?? []])
  commands.set(path.join(" "), { subcommands: new Set(subcommands), flags: new Set(flags) })
  for (const name of subcommands) {
    // oxlint-disable-next-line eslint/no-await-in-loop -- one after the other is quick enough
    await learn([...path, name])
  }
}

/** Everything that is typed as a call of the command line. */
const callsIn = ({ blocks, name, prose }: Page): ReadonlyArray<readonly [where: string, call: string]> =>
  [
    ...codeIn(prose).map((code) => [name, code] as const),
    ...blocks.flatMap(({ code, where }) => code.split("\n").map((line) => [where, line] as const))
  ].flatMap(([where, code]) =>
    code.split("&&").flatMap((part) => {
      const call = /(?:^|[\s/])esv ([^;|]*)/.exec(part)?.[1]
      return call === undefined ? [] : [[where, call.trim()] as const]
    })
  )

/** What a call has that the command line has not. */
const unknownIn = (call: string): ReadonlyArray<string> => {
  const words = call.split(/\s+/)
  let path = ""
  for (const word of words) {
    const { subcommands } = commands.get(path)!
    if (word.startsWith("-") || subcommands.size === 0) break
    if (!subcommands.has(word)) return [word]
    path = `${path} ${word}`.trim()
  }
  return words.filter((word) => word.startsWith("-") && !commands.get(path)!.flags.has(word))
}

describe("the commands that the pages name", () => {
  beforeAll(() => learn([]))

  it("are those of the command line, with their flags", () => {
    const calls = pages.flatMap(callsIn)
    assert.isAbove(calls.length, 80)
    for (const [where, call] of calls) assert.deepStrictEqual(unknownIn(call), [], `${where}: esv ${call}`)
  })

  it("are found out where there are no such ones", () => {
    assert.deepStrictEqual(unknownIn("restrat web"), ["restrat"])
    assert.deepStrictEqual(unknownIn("config chek"), ["chek"])
    assert.deepStrictEqual(unknownIn("logs --folow -f --json web"), ["--folow"])
    assert.deepStrictEqual(unknownIn("ps --follow"), ["--follow"])
  })

  it("are all there are", () => {
    const named = new Set(pages.flatMap(callsIn).map(([, call]) => call.split(" ")[0]))
    assert.deepStrictEqual([...commands.get("")!.subcommands].filter((name) => !named.has(name)), [])
  })

  it("have flags that some command has, also where they stand alone in a column of ours", () => {
    for (const code of hereIn(migrating).filter((code) => code.startsWith("-"))) {
      assert.isTrue([...commands.values()].some(({ flags }) => flags.has(code)), code)
    }
  })
})

// ------------------------------------------------------------------------------------------------------------ the keys

/** All keys of a schema, with those around them: "stop", "stop.signal". */
const pathsOf = (ast: SchemaAST.AST, prefix = ""): ReadonlyArray<string> => {
  switch (ast._tag) {
    case "Union":
      return ast.types.flatMap((type) => pathsOf(type, prefix))
    case "Objects":
      return ast.propertySignatures.flatMap(({ name, type }) => [
        `${prefix}${String(name)}`,
        ...pathsOf(type, `${prefix}${String(name)}.`)
      ])
    default:
      return []
  }
}

const keysOf = (...schemas: ReadonlyArray<Schema.Top>): ReadonlySet<string> =>
  new Set(schemas.flatMap(({ ast }) => pathsOf(ast)))

const moduleKeys = keysOf(moduleSchema.config, moduleSchema.command, moduleSchema.code)
const composeKeys = keysOf(composeSchema.project, composeSchema.process)
const lastOf = (path: string): string => path.slice(path.lastIndexOf(".") + 1)

/** What stands in the columns that say what something is here. */
const hereIn = (page: Page): ReadonlyArray<string> =>
  page.tables.flatMap(({ header, rows }) =>
    rows.flatMap((row) => header.flatMap((name, index) => name === "Here" ? codeIn(row[index]!) : []))
  )

/** The keys that the tables of a section describe, each with its default if there is such a column. */
const describedIn = (section: Page): ReadonlyMap<string, string> =>
  new Map(section.tables.flatMap(({ header, rows }) => {
    if (!header[0]!.startsWith("Key")) return []
    const owner = codeIn(header[0]!)[0]
    const at = header.indexOf("Default")
    return rows.flatMap((row) =>
      codeIn(row[0]!).map((key) => [owner === undefined ? key : `${owner}.${key}`, at < 0 ? "" : row[at]!] as const)
    )
  }))

describe("the reference of supervisor.config.ts", () => {
  const section = configuration.section("supervisor.config.ts")
  const described = describedIn(section)
  const ofProbes = describedIn(section.section("Probes"))
  const inProbes = new Set(codeIn(section.section("Probes").prose))

  it("describes every key that there is", () => {
    const missing = [...moduleKeys].filter((path) => {
      const [owner, key] = path.split(".")
      return !described.has(path) && !((owner === "ready" || owner === "liveness") && inProbes.has(key!))
    })
    assert.deepStrictEqual(missing, [])
  })

  it("describes no key that there is not", () => {
    const wrong = [...described.keys()].filter((path) =>
      !moduleKeys.has(path) && !(ofProbes.has(path) && moduleKeys.has(`ready.${path}`))
    )
    assert.deepStrictEqual(wrong, [])
  })

  it("says what the defaults are", () => {
    const { autoShutdown, escalate, shutdownOrder, strategy } = managerSettings("docs", {})
    const defaults = {
      ...Object.fromEntries(Object.entries(readinessDefaults).map(([key, value]) => [`ready.${key}`, value])),
      ...Object.fromEntries(Object.entries(restart.defaults).map(([key, value]) => [`restart.${key}`, value])),
      "dashboard.port": Dashboard.defaults.port,
      "stop.grace": Job.defaults.grace,
      autoShutdown,
      escalate,
      shutdownOrder,
      strategy
    }
    for (const [key, value] of Object.entries(defaults)) {
      const written = typeof value === "string" ? `"${value}"` : String(value)
      assert.include(described.get(key) ?? "", written, key)
    }
    const { maxFileSize, maxFiles } = LogStore.defaults
    assert.include(configuration.text, `${maxFiles} files of ${maxFileSize / 1024 / 1024} MiB`)
  })
})

describe("the reference of process-compose files", () => {
  const section = configuration.section("process-compose.yaml")
  const described = [...describedIn(section).keys()].filter((key) => !key.endsWith("-"))
  const rowsUnder = (name: string) =>
    section.tables.flatMap(({ header, rows }) => {
      const at = header.indexOf(name)
      return at < 0 ? [] : rows.flatMap((row) => codeIn(row[at]!))
    })

  it("names every key that there is", () => {
    const named = new Set(codeIn(section.prose))
    assert.deepStrictEqual([...composeKeys].filter((path) => !named.has(lastOf(path))), [])
  })

  it("names no key that there is not", () => {
    const names = new Set([...composeKeys].map(lastOf))
    assert.deepStrictEqual(described.filter((key) => !names.has(key)), [])
  })

  it("names the conditions", () => {
    assert.sameMembers([...rowsUnder("Condition")], Object.keys(composeSchema.conditions))
  })

  it("names all that is refused with advice, and nothing else", () => {
    assert.sameMembers([...rowsUnder("Refused")], Object.keys(composeSchema.unsupported))
  })
})

describe("the page about other tools", () => {
  /** Words that look like keys, and are none of ours. */
  const others = new Set([
    "all",
    "esv",
    "false",
    "first",
    "import",
    "last",
    "process.send",
    "setpriv",
    "supervisor.config.ts"
  ])

  it("sends nobody to a key that there is not", () => {
    const keys = hereIn(migrating).flatMap((code) => /^([a-z]\w*(?:\.[a-z]\w*)*)(?:: .*)?$/.exec(code)?.[1] ?? [])
    const wrong = keys.filter((key) => !moduleKeys.has(key) && !others.has(key))
    assert.isAbove(keys.length, 60)
    assert.deepStrictEqual(wrong, [])
  })

  it("tells of every key that process-compose has what it is here", () => {
    const keys = new Set(
      Array.from(describedIn(migrating.section("process-compose")).keys(), (key) => key.split(".")[0])
    )
    const theirs = pathsOf(composeSchema.process.ast).filter((path) => !path.includes("."))
    assert.deepStrictEqual(theirs.filter((key) => !keys.has(key)), [])
  })
})

// ------------------------------------------------------------------------------------------------------------ the rest

const sources = readdirSync(join(root, "src"), { recursive: true, encoding: "utf8" }).filter((name) =>
  name.endsWith(".ts")
)
const variable = /\b(?:EFFECT_SUPERVISOR|XDG|OTEL)_[A-Z_]*[A-Z]\b|\b(?:NO|FORCE)_COLOR\b/g
const variablesIn = (text: string): ReadonlySet<string> => new Set(text.match(variable))

describe("the pages", () => {
  const used = variablesIn(sources.map((name) => readFileSync(join(root, "src", name), "utf8")).join("\n"))

  it("name every variable that is read or given, but the guardian's own", () => {
    const named = variablesIn(configuration.text)
    const missing = [...used].filter((name) => !named.has(name))
    assert.deepStrictEqual(missing, ["EFFECT_SUPERVISOR_GUARDIAN"])
  })

  it("name no variable of ours that there is not", () => {
    const named = variablesIn(pages.map(({ text }) => text).join("\n"))
    assert.deepStrictEqual([...named].filter((name) => !used.has(name)), [])
  })

  it("say which files are looked for, in their order, and which exit codes there are", () => {
    assert.include(configuration.text.replaceAll("\n", " "), fileNames.map((name) => `\`${name}\``).join(", "))
    const codes = configuration.section("Exit codes").tables[0]!.rows.map(([code]) => Number(code))
    assert.deepStrictEqual(codes, Object.values(exitCodes))
  })

  it("have rows as wide as their tables", () => {
    for (const { header, rows, where } of pages.flatMap(({ tables }) => tables)) {
      for (const row of rows) assert.strictEqual(row.length, header.length, `${where}: ${row[0]}`)
    }
  })

  it("link to what there is", () => {
    for (const page of pages) {
      for (const [, target] of page.prose.matchAll(/\]\(([^)\s]+)\)/g)) {
        const [file, anchor] = target!.split("#")
        const meant = file === "" ? page : pages.find(({ name }) => name === file)
        assert.isDefined(meant, `${page.name}: ${target}`)
        if (anchor !== undefined) assert.include(meant!.anchors, anchor, `${page.name}: ${target}`)
      }
    }
  })
})
