import { assert, describe, it } from "@effect/vitest"
import { hostsOf, turnAway } from "../../../src/control/internal/web/gate.ts"

const hosts = hostsOf(4790, ["Ops.example.com"])

const statusOf = (headers: ReadonlyArray<string>, target = "/") =>
  turnAway({ target, rawHeaders: headers }, hosts)?.status

const own = ["Host", "127.0.0.1:4790"]

/** The status that a request is turned away with, if it is. */
const cases: ReadonlyArray<readonly [what: string, headers: ReadonlyArray<string>, status: number | undefined]> = [
  ["its address", own, undefined],
  ["its name", ["Host", "localhost:4790"], undefined],
  ["its name in capitals", ["HOST", "LocalHost:4790"], undefined],
  ["a name of a proxy", ["Host", "ops.example.com"], undefined],
  ["no name", [], 403],
  ["an empty name", ["Host", ""], 403],
  ["another name (DNS rebinding)", ["Host", "evil.example:4790"], 403],
  ["a name that begins with its own", ["Host", "127.0.0.1:4790.evil.example"], 403],
  ["a name that ends with its own", ["Host", "evil-127.0.0.1:4790"], 403],
  ["another port", ["Host", "127.0.0.1:80"], 403],
  ["no port", ["Host", "127.0.0.1"], 403],
  ["another address of this machine", ["Host", "127.0.0.2:4790"], 403],
  ["any address", ["Host", "0.0.0.0:4790"], 403],
  ["a user in it", ["Host", "x@127.0.0.1:4790"], 403],
  ["two names", [...own, "Host", "evil.example"], 403],
  ["its own origin", [...own, "Origin", "http://127.0.0.1:4790"], undefined],
  ["the origin of a proxy with TLS", [...own, "Origin", "https://ops.example.com"], undefined],
  ["a foreign origin", [...own, "Origin", "https://evil.example"], 403],
  ["an origin without a name", [...own, "Origin", "null"], 403],
  ["an empty origin", [...own, "Origin", ""], 403],
  ["an origin on another port", [...own, "Origin", "http://127.0.0.1:8080"], 403],
  ["an origin that begins like its own", [...own, "Origin", "http://127.0.0.1:4790.evil.example"], 403],
  ["an origin with a path", [...own, "Origin", "http://127.0.0.1:4790/"], 403],
  ["an extension", [...own, "Origin", "chrome-extension://127.0.0.1:4790"], 403],
  ["two origins", [...own, "Origin", "http://127.0.0.1:4790", "Origin", "https://evil.example"], 403],
  ["its own page", [...own, "Sec-Fetch-Site", "same-origin"], undefined],
  ["an address that a person typed", [...own, "Sec-Fetch-Site", "none"], undefined],
  ["another port of the same site", [...own, "Sec-Fetch-Site", "same-site"], 403],
  ["another site", [...own, "Sec-Fetch-Site", "cross-site"], 403],
  [
    "another site that says it is the same",
    [...own, "Sec-Fetch-Site", "same-origin", "Sec-Fetch-Site", "cross-site"],
    403
  ],
  ["a change of protocol", [...own, "Upgrade", "websocket"], 400]
]

describe("the gate", () => {
  for (const [what, headers, status] of cases) {
    it(`${status === undefined ? "lets in" : "turns away"}: ${what}`, () => {
      assert.strictEqual(statusOf(headers), status)
    })
  }

  it("turns away a target that names a host itself, or none", () => {
    for (const target of ["http://127.0.0.1:4790/", "http://evil.example/", "*", "127.0.0.1:4790", ""]) {
      assert.strictEqual(statusOf(own, target), 400, target)
    }
  })
})
