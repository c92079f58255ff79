/**
 * Builds the dashboard's page: `node .ci/page.ts [folder]`. Everything it needs is in three files, which the server sends
 * as they are: nothing is asked of any other origin.
 */
import { copyFile, mkdir, readFile, writeFile } from "node:fs/promises"
import { rolldown } from "rolldown"

const source = "src/control/page"

/** The files of the page, by their names. */
export const bundlePage = async (dir: string): Promise<void> => {
  const bundle = await rolldown({
    input: `${source}/main.tsx`,
    platform: "browser",
    tsconfig: `${source}/tsconfig.json`,
    transform: { target: "es2022" }
  })
  await bundle.write({ file: `${dir}/page.js`, format: "esm", minify: true, sourcemap: false })
  await bundle.close()
  await mkdir(dir, { recursive: true })
  await copyFile(`${source}/index.html`, `${dir}/index.html`)
  await writeFile(`${dir}/page.css`, squeeze(await readFile(`${source}/page.css`, "utf8")))
}

/** Without comments and indentation. */
const squeeze = (css: string): string => css.replace(/\/\*[\s\S]*?\*\//g, "").replace(/^\s+/gm, "")

if (import.meta.main) await bundlePage(process.argv[2] ?? "dist/control/page")
