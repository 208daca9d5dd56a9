#!/usr/bin/env bash
# revoke.sh: how long a revocation takes, and what decisions cost in a large firm (see README.md).
set -euo pipefail
cd "$(dirname "$0")/.."

# bench TITLE PACKAGE PATTERN ARGS...: the result lines of Go benchmarks; a failure shows all of the output.
bench() {
  local title=$1 package=$2 pattern=$3 out
  shift 3
  echo "$title"
  if ! out=$(go test -run '^$' -bench "$pattern" -timeout 30m "$@" "$package" 2>&1); then
    echo "$out" >&2
    return 1
  fi
  grep '^Benchmark' <<<"$out" | sed 's/^Benchmark/  /; s/  *0 ns\/op//'
}

bench "revocation, with FUSE_NOTIFY_INC_EPOCH where the kernel has it" ./cmd/matterfs 'Revocation|UserDisable' -benchtime 1x
bench "revocation, as before Linux 6.16" ./cmd/matterfs 'Revocation|UserDisable' -benchtime 1x -tags oldkernel
bench "1,000 users x 10,000 matters: load and check, decisions" ./policy '^Benchmark(Load|Decide)$'
bench "a decision that an open handle remembers" ./fs 'RememberedDecision'
bench "the same: listing the mounted root as a member of 200 matters" ./fs 'RootListing'
