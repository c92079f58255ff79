/**
 * Is every string in a MessagePack body UTF-8? The library reads what is not as other characters, silently.
 *
 * A container is its head and then its elements, so the values lie one after the other and no stack is needed.
 *
 * Floor 3.
 */
import { isUtf8 } from "node:buffer"

/** By head byte from 0xc0 to 0xdf: how many bytes of it say a length, and how many follow whatever that is. */
const lengthBytes = [0, 0, 0, 0, 1, 2, 4, 1, 2, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 4, 0, 0, 0, 0]
const fixedBytes = [0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 4, 8, 1, 2, 4, 8, 1, 2, 4, 8, 2, 3, 5, 9, 17, 0, 0, 0, 2, 4, 2, 4]

/** Below this, looking at every byte here is faster than asking. */
const shortText = 24

const isText = (body: Uint8Array, from: number, to: number): boolean => {
  if (to - from < shortText) {
    let at = from
    while (at < to && body[at]! < 0x80) at++
    if (at === to) return true
  }
  return isUtf8(body.subarray(from, to))
}

const lengthAt = (body: Uint8Array, at: number, bytes: number): number => {
  let length = 0
  for (let i = at; i < at + bytes; i++) length = length * 256 + (body[i] ?? 0)
  return length
}

/** Where the first string that is not UTF-8 begins; -1 if there is none. A body that is cut short is not judged. */
export const badText = (body: Uint8Array): number => {
  let at = 0
  while (at < body.length) {
    const head = body[at++]!
    let length = 0
    let text = false
    if (head >= 0xa0 && head <= 0xbf) {
      length = head & 0x1f
      text = true
    } else if (head >= 0xc0 && head <= 0xdf) {
      const bytes = lengthBytes[head - 0xc0]!
      text = head >= 0xd9 && head <= 0xdb
      length = lengthAt(body, at, bytes) + fixedBytes[head - 0xc0]!
      at += bytes
    }
    if (text && at + length <= body.length && !isText(body, at, at + length)) return at
    at += length
  }
  return -1
}
