import { assert, it } from "@effect/vitest"
import { Effect } from "effect"
import { mkdtempSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { detach } from "../../src/cli/internal/detach.ts"
import { removeFolder } from "../fixtures/removeFolder.ts"

const nothing = { name: undefined, socket: undefined, dashboard: undefined, port: undefined, timeout: 5000 }

it.live("a process that cannot be made is told as such, and what to do instead", () =>
  Effect.gen(function*() {
    const folder = mkdtempSync(join(tmpdir(), "es-detach-"))
    const { execPath } = process
    const state = process.env["XDG_STATE_HOME"]
    process.execPath = join(folder, "no-node")
    process.env["XDG_STATE_HOME"] = folder
    yield* Effect.addFinalizer(() =>
      Effect.sync(() => {
        process.execPath = execPath
        if (state === undefined) delete process.env["XDG_STATE_HOME"]
        else process.env["XDG_STATE_HOME"] = state
        removeFolder(folder)
      })
    )
    const { message } = yield* Effect.flip(detach({ ...nothing, file: folder }))
    assert.match(message, /could not be started in the background \(spawn .* ENOENT\).*"esv run"/)
  }))
