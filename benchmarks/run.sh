#!/usr/bin/env bash
# run.sh MATTERFS: speed of matterfs in its default, fully audited configuration, beside its peers (see README.md).
#   PEERS="gocryptfs ref ref-direct"  the peers to mount; one that cannot be is MISSING, exit code 1
#   QUICK=1                           small files, two rounds, about four minutes; ROUNDS=N sets the rounds
#   BENCH_DIR=DIR                     where the backing directories lie (a disk, not tmpfs); default /var/tmp
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/.." && pwd)
matterfs=$(realpath "${1:?usage: run.sh MATTERFS}")
peers=${PEERS:-gocryptfs ref ref-direct}
base=$(mktemp -d "${BENCH_DIR:-/var/tmp}/matterfs-bench.XXXXXX")
chmod 0755 "$base"
targets=() missing=()

clean_up() {
  local m pid
  for m in "$base"/*.mnt; do
    mountpoint -q "$m" || continue
    if [ "$m" = "$base/matterfs.mnt" ]; then "$matterfs" umount "$m" 2>/dev/null || umount -l "$m"; else umount "$m" || umount -l "$m"; fi
  done
  for pid in "$base"/*.pid; do
    [ -e "$pid" ] || continue
    for _ in $(seq 50); do kill -0 "$(cat "$pid")" 2>/dev/null || break; sleep 0.1; done
  done
  rm -rf "$base"
}
trap clean_up EXIT
trap 'exit 130' INT TERM

# start NAME COMMAND...: a peer's daemon in the foreground of its own session; waits until it is mounted.
start() {
  local name=$1
  shift
  setsid "$@" >"$base/$name.log" 2>&1 </dev/null &
  echo $! >"$base/$name.pid"
  for _ in $(seq 100); do
    mountpoint -q "$base/$name.mnt" && return 0
    sleep 0.1
  done
  sed "s/^/    $name: /" "$base/$name.log" >&2
  return 1
}

up() {
  local name=$1 back=$base/$1.back mnt=$base/$1.mnt
  mkdir -p "$back" "$mnt"
  case $name in
  ref) start ref "$root/build/ref" "$back" "$mnt" ;;
  ref-direct) start ref-direct "$root/build/ref" -direct "$back" "$mnt" ;;
  gocryptfs)
    "$root/internal/setup/deps.sh" gocryptfs || return 1
    echo benchmark >"$base/passphrase"
    gocryptfs -q -init -scryptn 10 -passfile "$base/passphrase" "$back" &&
      start gocryptfs gocryptfs -q -fg -allow_other -passfile "$base/passphrase" "$back" "$mnt" ;;
  *) echo "run.sh: no such peer: $name (gocryptfs, ref, ref-direct)" >&2; exit 2 ;;
  esac
}

# The bench runs as root, who is nobody in a firm unless the policy lists the uid; nothing else differs from a default.
up_matterfs() {
  local firm=$base/firm
  mkdir -p "$base/matterfs.mnt"
  "$matterfs" init "$firm" >/dev/null
  cat >"$firm/policy/firm.yaml" <<'YAML'
version: 1
timezone: Asia/Shanghai
levels: { 秘密: {}, 机密: { purpose: required } }
roles: { lawyer: { clearance: 机密, rights: [read, write, create, delete, rename] } }
users: { bench: { uid: 0, role: lawyer } }
matters:
  - { matter: bench, client: C0001, level: 机密, lead: bench, status: active }
YAML
  "$matterfs" mount --background "$firm" "$base/matterfs.mnt" >/dev/null 2>"$base/matterfs.log" || { cat "$base/matterfs.log" >&2; exit 1; }
  "$matterfs" status --json "$firm" | python3 -c 'import json,sys; print(json.load(sys.stdin)["pid"])' >"$base/matterfs.pid"
  targets+=("matterfs=$base/matterfs.mnt/bench@$(cat "$base/matterfs.pid")")
}

"$root/internal/setup/deps.sh" bench
(cd "$root" && go build -trimpath -o build/ref ./benchmarks/ref)
up_matterfs
for p in $peers; do
  if up "$p"; then targets+=("$p=$base/$p.mnt@$(cat "$base/$p.pid")"); else missing+=("$p"); fi
done

python3 "$here/bench.py" ${QUICK:+--quick} ${ROUNDS:+--rounds "$ROUNDS"} --tree "$(go env GOROOT)/src" --work "$base/work" \
  --save "$root/build/bench.json" "${targets[@]}"
"$matterfs" audit verify "$base/firm" >&2
if cat "$base"/firm/log/audit*.jsonl | grep -q '"ev":"audit.flood"'; then
  echo "run.sh: the bench used up its budget of records, and was slowed: the figures are those of a flooder" >&2
  exit 1
fi
[ ${#missing[@]} = 0 ] && exit 0
echo "MISSING: ${missing[*]} (could not be installed or mounted; name the set with PEERS= to do without)"
exit 1
