import { render } from "preact"
import * as app from "./app.ts"
import { App } from "./App.tsx"

app.connect()
const page = document.getElementById("page")!
page.replaceChildren()
render(<App />, page)
