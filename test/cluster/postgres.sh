#!/bin/sh
# A private PostgreSQL for the tests of the cluster: `postgres.sh start DIR PORT`, then `postgres.sh stop DIR`.
#
# It runs in DIR, listens on the loopback address alone, trusts whoever connects there, and belongs to an unprivileged
# user: to "postgres" if this is run by root. `start` prints its URL. `crash DIR` stops it as a power cut would; `start`
# in the same DIR brings it back. PostgreSQL comes from Debian's package: `apt-get install -y postgresql`.
set -eu

bin=$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -V | tail -n 1)
if [ -z "$bin" ] || [ ! -x "$bin/initdb" ]; then
  echo "PostgreSQL is not installed: run apt-get install -y postgresql" >&2
  exit 3
fi

as_user() {
  if [ "$(id -u)" = 0 ]; then
    setpriv --reuid postgres --regid postgres --clear-groups -- "$@"
  else
    "$@"
  fi
}

command=${1:?start, stop or crash}
dir=${2:?a directory}
case "$command" in
  start)
    port=${3:?a port}
    if [ ! -d "$dir/data" ]; then
      mkdir -p "$dir"
      if [ "$(id -u)" = 0 ]; then chown postgres "$dir"; fi
      as_user "$bin/initdb" -D "$dir/data" -U cluster -A trust -E UTF8 --no-locale --no-sync >"/dev/null"
      cat >>"$dir/data/postgresql.conf" <<CONF
listen_addresses = '127.0.0.1'
unix_socket_directories = '$dir'
fsync = off
max_connections = 200
CONF
    fi
    as_user "$bin/pg_ctl" -D "$dir/data" -o "-p $port" -l "$dir/log" -w -t 30 start >/dev/null
    echo "postgres://cluster@127.0.0.1:$port/postgres"
    ;;
  stop) as_user "$bin/pg_ctl" -D "$dir/data" -m fast -w stop >/dev/null ;;
  crash) as_user "$bin/pg_ctl" -D "$dir/data" -m immediate -w stop >/dev/null ;;
  *)
    echo "start, stop or crash" >&2
    exit 2
    ;;
esac
