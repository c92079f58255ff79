/**
 * How files with a configuration are called, apart from what reads them: for commands that only look whether there is one.
 *
 * Floor 4.
 */

export const fileNames: ReadonlyArray<string> = [
  "supervisor.config.ts",
  "supervisor.config.mts",
  "supervisor.config.js",
  "supervisor.config.mjs",
  "process-compose.yaml",
  "process-compose.yml",
  "Procfile"
]

/** Whether a configuration is a module, and not text. */
export const isCode = (file: string): boolean => /\.[cm]?[jt]s$/.test(file)
