#!/bin/sh
# A child in the shell that exchanges messages with its supervisor, in format "json": one JSON value a line.
#
# It is told      {"id":1,"text":"hello"}
# and answers     {"id":1,"upper":"HELLO"}
#
# The supervisor gives the number of a descriptor in EFFECT_SUPERVISOR_MESSAGES_FD. One descriptor serves both ways;
# stdout stays free for printing.
#
# A shell cannot read JSON: this relies on the keys coming in the order of the channel's schema and on texts without
# quotes. Use jq when that is not so. Printing JSON needs nothing.

fd=${EFFECT_SUPERVISOR_MESSAGES_FD:?start this as a job with messages}

while IFS= read -r line <&"$fd"; do
  id=$(printf '%s' "$line" | sed 's/.*"id":\([0-9]*\).*/\1/')
  # What is started here inherits the descriptor. A process that outlives this one should close it, as by `3>&-`.
  upper=$(printf '%s' "$line" | sed 's/.*"text":"\([^"]*\)".*/\1/' | tr '[:lower:]' '[:upper:]')
  printf '{"id":%s,"upper":"%s"}\n' "$id" "$upper" >&"$fd"
done
