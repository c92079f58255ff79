#!/bin/sh
# A private PostgreSQL for the tests of the cluster: `postgres.sh start DIR PORT`, then `postgres.sh stop DIR`.
#
# It runs in DIR, listens on the loopback address alone, trusts whoever connects there, and belongs to an unprivileged
# user: to "postgres" if this is run by root. `start` prints its URL. `crash DIR` stops it as a power cut would; `start`
# in the same DIR brings it back. PostgreSQL comes from Debian's package, which is installed if root runs this without.
set -eu

find_bin() { ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -V | tail -n 1; }

# Without the server that Debian would start by itself.
install() {
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq postgresql-common
  sed -i 's/^#*create_main_cluster.*/create_main_cluster = false/' /etc/postgresql-common/createcluster.conf
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq postgresql
}

bin=$(find_bin)
if [ -z "$bin" ] && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
  install >&2
  bin=$(find_bin)
fi
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
