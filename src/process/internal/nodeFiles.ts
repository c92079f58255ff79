/**
 * The file system of Node, for jobs: a directory is made at once.
 *
 * Each run looks whether its own is there, which is one system call. To have another thread of Node do that takes
 * several times as long as to do it, much more when the machine is busy, and the run waits for it.
 *
 * Floor 3.
 */
import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import * as Effect from "effect/Effect"
import { FileSystem } from "effect/FileSystem"
import * as Layer from "effect/Layer"
import { mkdirSync } from "node:fs"

export const layer: Layer.Layer<FileSystem> = Layer.effect(
  FileSystem,
  Effect.map(FileSystem, (fs): FileSystem => ({
    ...fs,
    makeDirectory: (path, options) =>
      Effect.catch(
        Effect.try(() => void mkdirSync(path, options)),
        // What is wrong with it is told as the file system tells it.
        () => fs.makeDirectory(path, options)
      )
  }))
).pipe(Layer.provide(NodeFileSystem.layer))
