#!/bin/sh
# A leader for the benchmark of survivors: leader.sh <case> <sleep of the child> <sleep of the leader> <file>
case $1 in
  # Crashes and leaves a child in its group, twice; then stays.
  crashes)
    printf x >> "$4"
    if [ "$(wc -c < "$4")" -le 2 ]; then
      /bin/sleep "$2" &
      kill -SEGV $$
    fi
    exec /bin/sleep "$3"
    ;;
  # Obeys SIGTERM, while its child ignores it.
  obeys)
    (trap '' TERM; exec /bin/sleep "$2") &
    exec /bin/sleep "$3"
    ;;
  # A child that ignores SIGTERM, alone.
  ignores)
    trap '' TERM
    exec /bin/sleep "$2"
    ;;
esac
