#!/usr/bin/env bash
# auditcost.sh: what the log costs a reader, beside a drive that keeps none (see README.md). ROUNDS=N sets the rounds.
set -euo pipefail
cd "$(dirname "$0")/.."

if ! out=$(go test -run '^$' -bench '^BenchmarkAuditCost$' -benchtime "${ROUNDS:-7}x" -timeout 30m ./fs 2>&1); then
  echo "$out" >&2
  exit 1
fi
sed -n '/what the log costs/,/^medians of/p' <<<"$out"
