#!/bin/bash
# Measures workflow-proxy beside nginx, HAProxy and Apache with mod_auth_openidc: interleaved, one core each,
# loopback only, every run bounded; prints Markdown tables with medians, spread and ratios to nginx.
# Everything it starts is ended on exit.
#
#   tests/bench/bench.sh [options]               all phases, all peers (about half an hour)
#   tests/bench/bench.sh --phases rps,syscalls --only haproxy-hs256 --rounds 3 --secs 3
#   --phases rps,free,bearer,idle,body,upload,tls,workers,syscalls,instr    --list    --json FILE
#   --keep   leaves the servers up and waits for Enter (for perf, strace, curl by hand)
#
# WORKFLOW_PROXY names the binary (default: ./workflow-proxy).  Needs root, for pinning and strace.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
export PYTHONDONTWRITEBYTECODE=1 PATH="$PATH:/usr/sbin:/sbin" JWT_SECRET="${JWT_SECRET:-bench-secret-bench-secret-bench-32}"
export WORKFLOW_PROXY="${WORKFLOW_PROXY:-$here/../../workflow-proxy}"
tmp=$(mktemp -d /tmp/bench.XXXXXX)
chmod 755 "$tmp"
trap 'rm -rf "$tmp"' EXIT
ulimit -n "$(ulimit -Hn)" # 10,000 idle connections want about 11,000
python3 "$here/bench.py" --tmp "$tmp" "$@"
