#!/bin/sh
# tests/registered.sh - a test that is written is also run: every START_TEST is added to a test case
set -eu
cd "$(dirname "$0")/.."
awk '
FNR == 1 { files[++n_files] = FILENAME }
/^START_TEST\(/ {
	name = $0
	sub(/^START_TEST\([ \t]*/, "", name)
	sub(/[ \t]*\).*/, "", name)
	at[FILENAME, name] = FNR
	n++
}
{ body[FILENAME] = body[FILENAME] " " $0 }
END {
	for (i = 1; i <= n_files; i++)
		while (match(body[files[i]], /tcase_add_[a-z_]*test[a-z_]*\([^,]*,[ \t]*[A-Za-z0-9_]+/)) {
			call = substr(body[files[i]], RSTART, RLENGTH)
			body[files[i]] = substr(body[files[i]], RSTART + RLENGTH)
			sub(/.*[ \t,]/, "", call)
			added[files[i], call]++
		}
	for (k in at) {
		split(k, part, SUBSEP)
		if (!(k in added))
			bad = bad part[1] ":" at[k] ": " part[2] " is not added to any test case, so it never runs\n"
	}
	for (k in added) {
		split(k, part, SUBSEP)
		if (added[k] > 1)
			bad = bad part[1] ": " part[2] " is added " added[k] " times\n"
	}
	printf "%s", bad
	if (n == 0)
		print "no START_TEST found in " n_files " files, nothing checked"
	exit (bad != "" || n == 0)
}' tests/unit/test_*.c >&2
