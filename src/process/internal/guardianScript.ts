/**
 * The program of the guardian, for any POSIX shell.
 *
 * Floor 3.
 */

/** The environment variable in which a child gets its token. */
export const tokenVariable = "EFFECT_SUPERVISOR_SPAWN"

/**
 * What the guardian runs, in the words that every POSIX shell knows (dash, bash, ash, ksh, zsh as sh).
 *
 * Lines it reads: `? <token>` a spawn begins, `! <token>` it failed, `+ <token> <target>` it succeeded, `- <target>` the
 * target is gone, `= <entry>...` forget everything but this. A target is `g<pgid>` or `p<pid>`; an entry is a target
 * with a `+` before it or a token with a `?`. A line that its writer's death cut short is not a line.
 *
 * It only writes a journal, and works out what holds when the end has come: a line costs it next to nothing, and the
 * supervisor sends a `=` now and then to keep the journal short.
 */
export const script: string = `
trap '' HUP INT QUIT PIPE ALRM TERM USR1 USR2 TSTP TTIN TTOU
exec 3>&- 4>&- 5>&- 6>&- 7>&- 8>&- 9>&-
unset EFFECT_SUPERVISOR_GUARDIAN
set -f
supervisor=$1 journal= news= tokens=

number() { case $1 in '' | *[!0-9]* | 0* | 1) return 1 ;; esac; }
token() { case $1 in '' | *[!0-9a-f]*) return 1 ;; esac; }
group_of() {
  stat= group=
  if [ -r /proc/self/stat ]; then
    { read -r stat < "/proc/$1/stat"; }
    set -- \${stat##*) }
    group=\${3-}
  else
    group=$(ps -o pgid= -p "$1")
    set -- $group
    group=\${1-}
  fi
}
group_of "$supervisor"
ours=$group

while read -r verb one two; do
  case $verb in
    '?') token "$one" && news="$news ?$one" ;;
    '!') token "$one" && news="$news !$one" ;;
    '+') token "$one" && number "\${two#[gp]}" && news="$news !$one +$two" ;;
    '-') number "\${one#[gp]}" && news="$news -$one" ;;
    '=') journal="$one $two" news= ;;
  esac
  [ \${#news} -lt 1000 ] || journal="$journal$news" news=
done
journal="$journal$news"

kill_one() {
  number "\${1#?}" || return 1
  case $1 in
    g*)
      [ "\${1#g}" != "$$" ] && [ "\${1#g}" != "$ours" ] && kill -KILL "-\${1#g}" ;;
    p*)
      [ "\${1#p}" != "$$" ] && kill -KILL "\${1#p}" ;;
  esac
}
kill_spawned() {
  [ "$2" != "$$" ] || return
  kill_one "p$1"
  kill_one "g$2" && targets="$targets g$2"
}
find_spawned() {
  patterns=
  for t in $tokens; do patterns="$patterns -e ${tokenVariable}=$t"; done
  if [ -r /proc/self/environ ]; then
    set +f
    set -- $(grep -l -F $patterns /proc/[0-9]*/environ)
    set -f
    for f; do
      f=\${f#/proc/}
      f=\${f%/environ}
      group_of "$f"
      kill_spawned "$f" "$group"
    done
  else
    set -- $(ps -A -E -ww -o pid= -o pgid= -o command= | grep -F $patterns | while read -r p g rest; do
      echo "$p $g"
    done)
    while [ $# -gt 1 ]; do
      kill_spawned "$1" "$2"
      shift 2
    done
  fi
}

targets=
for e in $journal; do
  case \${e#?} in '' | *[!0-9a-gp]*) continue ;; esac
  case $e in
    [+?]*) eval "v\${e#?}=1" ;;
    [-!]*) eval "v\${e#?}=" ;;
  esac
done
for e in $journal; do
  n=\${e#?}
  case $n in '' | *[!0-9a-gp]*) continue ;; esac
  eval "v=\\\${v$n-}; v$n="
  [ -z "$v" ] || case $e in
    [+-]*) targets="$targets $n" ;;
    *) tokens="$tokens $n" ;;
  esac
done
for pause in 0.02 0.05 0.1 0.2 0.4 -; do
  left=$targets targets=
  for t in $left; do kill_one "$t" && targets="$targets $t"; done
  [ -z "$tokens" ] || find_spawned
  [ -n "$targets$tokens" ] && [ $pause != - ] || exit 0
  sleep $pause || sleep 1
done
`
