/** What the server serves and the poller asks for; it outlives their restarts. */
import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import { Config, Context, Effect, FileSystem, Layer, type PlatformError, Ref, Schema } from "effect"
import { fileURLToPath } from "node:url"

const Settings = Schema.fromJsonString(Schema.Struct({ greeting: Schema.String }))

const defaultPath = fileURLToPath(new URL("settings.json", import.meta.url))

export class Site extends Context.Service<Site, {
  /** Where the server is to listen; 0 is any free port. */
  readonly port: number
  readonly url: Ref.Ref<string>
  readonly requests: Ref.Ref<number>
  readonly greeting: Ref.Ref<string>
  /** Reads the settings file again. */
  readonly readSettings: Effect.Effect<string, PlatformError.PlatformError | Schema.SchemaError>
}>()("app/Site") {
  static readonly layer = Layer.effect(
    Site,
    Effect.gen(function*() {
      const files = yield* FileSystem.FileSystem
      const port = yield* Config.Int("PORT").pipe(Config.withDefault(0))
      const path = yield* Config.String("SETTINGS").pipe(Config.withDefault(defaultPath))
      const greeting = yield* Ref.make("")
      const readSettings = Effect.gen(function*() {
        const settings = yield* Schema.decodeEffect(Settings)(yield* files.readFileString(path))
        yield* Ref.set(greeting, settings.greeting)
        return settings.greeting
      })
      yield* readSettings
      return { port, url: yield* Ref.make(""), requests: yield* Ref.make(0), greeting, readSettings }
    })
  ).pipe(Layer.provide(NodeFileSystem.layer))
}
