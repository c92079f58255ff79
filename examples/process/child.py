#!/usr/bin/env python3
"""
A child in Python that exchanges messages with its supervisor. Standard library only.

It is told      {"id": 1, "text": "hello"}
and answers     {"id": 1, "upper": "HELLO"}

The supervisor gives the number of a descriptor in EFFECT_SUPERVISOR_MESSAGES_FD and how messages are written on it in
EFFECT_SUPERVISOR_MESSAGES_FORMAT. One descriptor serves both ways; stdout stays free for printing.

  json     one JSON value a line, UTF-8, each line ended by a line feed
  msgpack  four bytes with the length of the body, big-endian, then the body: one MessagePack value

Use the package `msgpack` for the second in earnest (msgpack.packb and msgpack.unpackb take the place of `pack` and
`unpack`); the two here know what JSON knows, and bytes.
"""
import json
import os
import struct

fd = int(os.environ["EFFECT_SUPERVISOR_MESSAGES_FD"])
# A child of this process must not hold the channel open after this one has ended.
os.set_inheritable(fd, False)
reader = open(fd, "rb")
writer = open(os.dup(fd), "wb")


def receive_json():
    """The next message; None when the supervisor has gone."""
    line = reader.readline()
    return json.loads(line) if line.endswith(b"\n") else None


def send_json(message):
    writer.write(json.dumps(message).encode() + b"\n")
    writer.flush()


def receive_msgpack():
    prefix = reader.read(4)
    if len(prefix) < 4:
        return None
    (length,) = struct.unpack(">I", prefix)
    body = reader.read(length)
    return unpack(body, 0)[0] if len(body) == length else None


def send_msgpack(message):
    body = pack(message)
    writer.write(struct.pack(">I", len(body)) + body)
    writer.flush()


def pack(value):
    """MessagePack, always in the widest form."""
    if value is None:
        return b"\xc0"
    if isinstance(value, bool):
        return b"\xc3" if value else b"\xc2"
    if isinstance(value, int):
        return struct.pack(">Bq", 0xD3, value)
    if isinstance(value, float):
        return struct.pack(">Bd", 0xCB, value)
    if isinstance(value, bytes):
        return struct.pack(">BI", 0xC6, len(value)) + value
    if isinstance(value, str):
        text = value.encode()
        return struct.pack(">BI", 0xDB, len(text)) + text
    if isinstance(value, (list, tuple)):
        return struct.pack(">BI", 0xDD, len(value)) + b"".join(map(pack, value))
    items = (pack(key) + pack(item) for key, item in value.items())
    return struct.pack(">BI", 0xDF, len(value)) + b"".join(items)


NUMBERS = {0xCA: "f", 0xCB: "d", 0xCC: "B", 0xCD: "H", 0xCE: "I", 0xCF: "Q", 0xD0: "b", 0xD1: "h", 0xD2: "i", 0xD3: "q"}
# By head byte: what it is, and how its length is written.
SIZED = {
    0xC4: ("bytes", "B"), 0xC5: ("bytes", "H"), 0xC6: ("bytes", "I"),
    0xD9: ("text", "B"), 0xDA: ("text", "H"), 0xDB: ("text", "I"),
    0xDC: ("list", "H"), 0xDD: ("list", "I"),
    0xDE: ("map", "H"), 0xDF: ("map", "I"),
}


def unpack(body, at):
    """The value at that place, and the place after it."""
    head = body[at]
    at += 1
    if head <= 0x7F:
        return head, at
    if head >= 0xE0:
        return head - 0x100, at
    if head in (0xC0, 0xC2, 0xC3):
        return {0xC0: None, 0xC2: False, 0xC3: True}[head], at
    if head in NUMBERS:
        (number,) = struct.unpack_from(">" + NUMBERS[head], body, at)
        return number, at + struct.calcsize(NUMBERS[head])
    if head in SIZED:
        kind, width = SIZED[head]
        (length,) = struct.unpack_from(">" + width, body, at)
        at += struct.calcsize(width)
    elif head <= 0x8F:
        kind, length = "map", head & 0x0F
    elif head <= 0x9F:
        kind, length = "list", head & 0x0F
    elif head <= 0xBF:
        kind, length = "text", head & 0x1F
    else:
        raise ValueError(f"MessagePack type 0x{head:02x} is not known here")
    if kind == "bytes":
        return body[at:at + length], at + length
    if kind == "text":
        return body[at:at + length].decode(), at + length
    values = []
    for _ in range(length * 2 if kind == "map" else length):
        value, at = unpack(body, at)
        values.append(value)
    return (dict(zip(values[::2], values[1::2])) if kind == "map" else values), at


if os.environ["EFFECT_SUPERVISOR_MESSAGES_FORMAT"] == "msgpack":
    receive, send = receive_msgpack, send_msgpack
else:
    receive, send = receive_json, send_json

while (message := receive()) is not None:
    send({"id": message["id"], "upper": message["text"].upper()})
