import { assert, describe, it } from "@effect/vitest"
import { Effect, Redacted } from "effect"
import { join } from "node:path"
import * as Config from "../../../src/cli/config/Config.ts"
import { childOf, commandOf, compose, fixtures, load, onNode, problems } from "./support.ts"

const example = onNode(Config.load({ file: join(fixtures, "process-compose.yaml"), environment: { HOME: "/home/me" } }))

describe("A process-compose file", () => {
  it.effect("becomes what one would write in TypeScript", () =>
    Effect.gen(function*() {
      const config = yield* example
      assert.deepStrictEqual(config.children.map(({ name }) => name), ["db", "migrate", "web-1", "web-2", "watcher"])
      const db = commandOf(config, "db")
      assert.deepStrictEqual(db.command, { shell: "postgres -D $PGDATA" })
      assert.strictEqual(db.cwd, join(fixtures, "data"))
      assert.strictEqual(db.logFile, join(fixtures, "logs/all.log"))
      assert.deepStrictEqual(db.ready, {
        exec: ["pg_isready"],
        cwd: undefined,
        timeout: (1 + 5 * (2 + 1)) * 1000,
        interval: 2000,
        tryTimeout: 1000
      })
      assert.deepStrictEqual(db.restart, {
        policy: "on-failure",
        delay: 2000,
        factor: 1,
        maxDelay: 2000,
        jitter: false,
        maxRestarts: 3,
        resetAfter: false
      })
      assert.deepStrictEqual(db.stop, { signal: "SIGINT", grace: 20_000, command: undefined })
      assert.strictEqual(commandOf(config, "migrate").restart, "never")
      assert.isTrue(childOf(config, "watcher").disabled)
      assert.deepStrictEqual(childOf(config, "web-2").namespaces, ["front"])
      assert.strictEqual(config.options.escalate, "never")
    }))

  it.effect("has five conditions", () =>
    Effect.gen(function*() {
      const config = yield* load(compose(`
a: {command: a, readiness_probe: {exec: {command: x}}}
b: {command: b, ready_log_line: ready}
c:
  command: c
  depends_on:
    a: {condition: process_healthy}
    b: {condition: process_log_ready}
    d: {condition: process_completed}
    e: {condition: process_completed_successfully}
    f: {condition: process_started}
    g:
d: {command: d}
e: {command: e}
f: {command: f}
g: {command: g}`))
      assert.deepStrictEqual(childOf(config, "c").dependsOn.map(({ child, condition }) => `${child} ${condition}`), [
        "a ready",
        "b ready",
        "d completed",
        "e succeeded",
        "f started",
        "g started"
      ])
      assert.strictEqual(config.children.at(-1)!.name, "c")
    }))

  it.effect("starts replicas as web-1, web-2, and tells each its number from 0 on", () =>
    Effect.gen(function*() {
      const config = yield* example
      for (const [name, index] of [["web-1", 0], ["web-2", 1]] as const) {
        const { env, liveness } = commandOf(config, name)
        assert.strictEqual(env["PC_REPLICA_NUM"], String(index))
        assert.strictEqual(env["PC_PROC_NAME"], "web")
        assert.strictEqual(env["EFFECT_SUPERVISOR_REPLICA"], String(index + 1))
        assert.deepInclude(liveness, { http: `http://127.0.0.1:808${index}/health`, statuses: [200], failures: 3 })
      }
    }))

  it.effect("leaves variables in commands to the shell, which shows them to nobody; $$ is a dollar", () =>
    Effect.gen(function*() {
      const config = yield* example
      assert.deepStrictEqual(commandOf(config, "web-1").command, { shell: "node server.js $PC_REPLICA_NUM" })
      assert.deepStrictEqual(commandOf(config, "web-1").stop.command, { shell: "./drain.sh $HOME" })
    }))

  it.effect("expands variables elsewhere, from the environment, .env and what is set above", () =>
    Effect.gen(function*() {
      const config = yield* load({
        ".env": "PORT=8080\nNAME=file\n",
        "process-compose.yaml": [
          "environment: [ 'GREETING=hello ${NAME}', 'PRICE=5$$' ]",
          "processes:",
          "  web:",
          "    command: run",
          "    working_dir: ${ROOT}/web",
          "    environment: { TEXT: '$GREETING ${NO:-there}', NUMBER: 5 }",
          "    readiness_probe: { http_get: { port: $PORT } }"
        ].join("\n")
      }, { environment: { ROOT: "/srv", NAME: "world" } })
      const { cwd, env, ready } = commandOf(config, "web")
      assert.strictEqual(cwd, "/srv/web")
      assert.deepInclude(env, { GREETING: "hello world", PRICE: "5$", TEXT: "hello world there", NUMBER: "5" })
      assert.deepInclude(ready, { http: "http://127.0.0.1:8080/" })
      assert.isTrue(Redacted.isRedacted(env["PORT"]))
    }))

  it.effect("is left as it is with disable_env_expansion", () =>
    Effect.gen(function*() {
      const config = yield* load({
        "process-compose.yaml":
          "disable_env_expansion: true\nprocesses: {web: {command: 'run $$', environment: ['A=$B']}}"
      })
      assert.strictEqual(commandOf(config, "web").env["A"], "$B")
      assert.deepStrictEqual(commandOf(config, "web").command, { shell: "run $$" })
    }))

  it.effect("is refused by name and line where it is outside of what is supported", () =>
    Effect.gen(function*() {
      const text = [
        "version: '0.5'",
        "log_level: debug",
        "vars: {A: 1}",
        "processes:",
        "  web:",
        "    command: run",
        "    is_tty: true",
        "    availabilty: {restart: always}",
        "    availability:",
        "      exit_on_end: true",
        "    shutdown:",
        "      parent_only: yes",
        "    readiness_probe:",
        "      http_get: {port: 80, headers: {A: b}}",
        "      success_threshold: 2",
        "x-anything: {goes: here}"
      ].join("\n")
      assert.deepStrictEqual(yield* problems({ "process-compose.yaml": text }), [
        `process-compose.yaml:2: log_level: "log_level" is not supported. Remove it: the command that runs this has an option for it.`,
        `process-compose.yaml:3: vars: "vars" is not supported. Use "environment" and $NAME.`,
        `process-compose.yaml:7: processes.web.is_tty: "is_tty" is not supported. Remove it: processes do not get a terminal.`,
        `process-compose.yaml:8: processes.web.availabilty: "availabilty" is not known here. Perhaps "availability" is meant.`,
        `process-compose.yaml:10: processes.web.availability.exit_on_end: "exit_on_end" is not supported. Remove it: use "restart: exit_on_failure", or end the supervisor from the process.`,
        `process-compose.yaml:12: processes.web.shutdown.parent_only: "parent_only" is not supported. Remove it: a signal always reaches the whole process group, so that nothing is left behind.`,
        `process-compose.yaml:14: processes.web.readiness_probe.http_get.headers: "headers" is not supported. Use an "exec" probe with curl.`
      ])
    }))

  it.effect("is told all its wrong values at once, by line", () =>
    Effect.gen(function*() {
      const found = yield* problems(compose(`
web:
  command: 5
  replicas: 0
  availability:
    restart: sometimes
  depends_on:
    db: {condition: process_ready}
  environment: [5]
  shutdown: {timeout_seconds: -1}
db: {}`))
      assert.deepStrictEqual(found.map((line) => line.replace("process-compose.yaml:", "")), [
        "3: processes.web.command: it is not what this takes. Write a text that is not empty.",
        "4: processes.web.replicas: it is not what this takes. Write a whole number from 1 to 1000.",
        `6: processes.web.availability.restart: it is not what this takes. Write "no", "on_failure", "always" or "exit_on_failure".`,
        `8: processes.web.depends_on.db.condition: it is not what this takes. Write "process_started", "process_healthy", "process_completed", "process_completed_successfully" or "process_log_ready".`,
        "9: processes.web.environment.0: it is not what this takes. Write a text.",
        "10: processes.web.shutdown.timeout_seconds: it is not what this takes. Write a whole number of at least 1.",
        `11: processes.db.command: it is missing. Add "command".`
      ])
    }))

  it.effect("is refused where its parts contradict each other, by line", () =>
    Effect.gen(function*() {
      const found = yield* problems(compose(`
web:
  command: run
  ready_log_line: "("
  readiness_probe: {exec: {command: a}, http_get: {port: 1}}
  liveness_probe: {}
  environment: [NOVALUE]
  shutdown: {signal: 99}
  depends_on:
    db: {condition: process_healthy}
    log: {condition: process_log_ready}
    off:
    forever: {condition: process_completed}
db: {command: db}
log: {command: log, readiness_probe: {http_get: {port: 99999}, success_threshold: 2}}
off: {command: off, disabled: true}
forever: {command: f, availability: {restart: always}}
templated: {command: "run {{.PC_REPLICA_NUM}}"}`))
      assert.deepStrictEqual(found.map((line) => line.replace("process-compose.yaml:", "")), [
        `4: processes.web.ready_log_line: there is a readiness_probe too. Keep one of the two.`,
        `4: processes.web.ready_log_line: it is no regular expression. Escape what is meant literally.`,
        `6: processes.web.liveness_probe: it needs one way to find out. Write either "exec" or "http_get".`,
        `7: processes.web.environment.0: it is no variable with a value. Write "NAME=value".`,
        `8: processes.web.shutdown.signal: there is no signal 99. Write its number, such as 2 for SIGINT.`,
        `10: processes.web.depends_on.db: "db" has no readiness_probe, so it is never process_healthy. Give "db" a readiness_probe, or wait for process_started.`,
        `11: processes.web.depends_on.log: "log" has no ready_log_line, so it is never process_log_ready. Give "log" a ready_log_line, or wait for process_started.`,
        `12: processes.web.depends_on.off: "off" is disabled. Enable "off", or disable "web" too.`,
        `13: processes.web.depends_on.forever: "forever" is always restarted, so it never ends for good. Restart "forever" on failure only, or wait for it to be ready.`,
        `15: processes.log.readiness_probe.success_threshold: more than one success is not supported. Remove it: one success is enough.`,
        `15: processes.log.readiness_probe.http_get: "http://127.0.0.1:99999/" is no address. Write a host, a port from 1 to 65535 and a path.`,
        `18: processes.templated.command: templates are not supported. Write $PC_REPLICA_NUM instead of {{.PC_REPLICA_NUM}}.`
      ])
    }))

  it.effect("that is no YAML is refused by line, as one that repeats a name or hides a bomb", () =>
    Effect.gen(function*() {
      assert.match(
        (yield* problems({ "process-compose.yaml": "processes:\n  a: [1\n  b: 2\n" }))[0]!,
        /^\S+yaml:3: this is not YAML: /
      )
      assert.match(
        (yield* problems(compose("a: {command: x}\na: {command: y}")))[0]!,
        /^\S+yaml:3: this is not YAML: duplicate key\. /
      )
      const bomb = Array.from({ length: 9 }, (_, n) => `x${n}: &x${n} [${n === 0 ? "1" : `*x${n - 1},`.repeat(9)}]`)
      assert.match((yield* problems({ "process-compose.yaml": bomb.join("\n") }))[0]!, /aliases stand for too much/)
      assert.match((yield* problems({ "process-compose.yaml": "" }))[0]!, /it is not what this takes\. Write object/)
    }))
})

describe("Dependencies", () => {
  it.effect("on what is not there are refused, with what may have been meant", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(
        yield* problems(compose(`
web:
  command: run
  depends_on:
    databse:
database: {command: db}`)),
        [
          `process-compose.yaml:5: processes.web.depends_on.databse: there is no "databse". Perhaps "database" is meant.`
        ]
      )
    }))

  it.effect("that form a cycle are refused, and the cycle is named", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(
        yield* problems(compose(`
a: {command: a, depends_on: {b: }}
b: {command: b, depends_on: {c: }}
c: {command: c, depends_on: {a: }}
d: {command: d, depends_on: {d: }}`)),
        [
          `process-compose.yaml:2: processes.a.depends_on.b: these need each other: a -> b -> c -> a. Take one of the dependencies out.`,
          `process-compose.yaml:5: processes.d.depends_on.d: these need each other: d -> d. Take one of the dependencies out.`
        ]
      )
    }))

  it.effect("order the children, which else stay as they were", () =>
    Effect.gen(function*() {
      const config = yield* load(compose(`
web: {command: x, depends_on: {api: , db: }}
docs: {command: x}
db: {command: x}
api: {command: x, depends_on: {db: }}`))
      assert.deepStrictEqual(config.children.map(({ name }) => name), ["db", "api", "web", "docs"])
    }))

  it.effect("on replicas are dependencies on all of them", () =>
    Effect.gen(function*() {
      const config = yield* load(compose(`
lb: {command: x, depends_on: {web: }}
web: {command: x, replicas: 3}`))
      assert.deepStrictEqual(childOf(config, "lb").dependsOn.map(({ child }) => child), ["web-1", "web-2", "web-3"])
    }))
})

describe("Secrets", () => {
  it.effect("are hidden: all of .env and env_file, and what has such a name or looks so", () =>
    Effect.gen(function*() {
      const config = yield* load({
        ".env": "FROM_DOT_ENV=hush-1\nGIVEN=hush-2",
        "web.env": "FROM_FILE=hush-3",
        ...compose(`
web:
  command: run
  env_file: web.env
  environment:
    - API_TOKEN=hush-4
    - DB_URL=postgres://me:hush-5@db/x
    - COPY=\${FROM_DOT_ENV}
    - COLOUR=blue`)
      }, { environment: { GIVEN: "given" } })
      const { env } = commandOf(config, "web")
      assert.notInclude(JSON.stringify(config), "hush")
      assert.strictEqual(env["COLOUR"], "blue")
      assert.isUndefined(env["GIVEN"], "the environment is over .env")
      const values = Object.entries(env).flatMap(([name, word]) =>
        Redacted.isRedacted(word) ? [`${name}=${Redacted.value(word)}`] : []
      )
      assert.deepStrictEqual(values.toSorted(), [
        "API_TOKEN=hush-4",
        "COPY=hush-1",
        "DB_URL=postgres://me:hush-5@db/x",
        "FROM_DOT_ENV=hush-1",
        "FROM_FILE=hush-3"
      ])
    }))

  it.effect("are refused where they would be shown, without showing them", () =>
    Effect.gen(function*() {
      const found = yield* problems({
        ".env": "API_TOKEN=hush",
        ...compose(`
web:
  command: run
  readiness_probe:
    http_get: {port: 80, path: "/?t=$API_TOKEN"}`)
      })
      assert.deepStrictEqual(found, [
        "process-compose.yaml:5: processes.web.readiness_probe.http_get.path: the value of API_TOKEN is secret and would be shown here. Give it to the process in its environment, and let the process read it there."
      ])
    }))

  it.effect("are no part of problems, also not of those of .env", () =>
    Effect.gen(function*() {
      const found = yield* problems({
        ".env": "GOOD=1\nhush hush\nBAD='hush",
        "Procfile": "web: run"
      })
      assert.deepStrictEqual(found, [
        ".env:2: this line is no assignment. Write NAME=value, or begin the line with # to keep it as a comment.",
        ".env:3: BAD: a value begins with ' and does not end. Close it with '."
      ])
    }))

  it.effect("files that are named have to be there, .env does not, and need not be read", () =>
    Effect.gen(function*() {
      const found = yield* problems(compose("web: {command: run, env_file: no.env}"))
      assert.lengthOf(found, 1)
      assert.match(found[0]!, /^process-compose\.yaml:2: processes\.web\.env_file: the file no\.env cannot be read/)
      assert.deepStrictEqual(yield* problems({ ".env": "!", "Procfile": "web: run" }, { dotEnv: false }), [])
      const off = yield* load({ ".env": "A=1", ...compose("web: {command: run, is_dotenv_disabled: true}") })
      assert.notProperty(commandOf(off, "web").env, "A")
    }))
})
