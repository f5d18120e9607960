#!/bin/sh
# tests/reasons.sh - docs/reasons.md says what conf/reasons.h says
#
#	tests/reasons.sh          fail when they differ, or when docs/operating.md forgets a reason
#	tests/reasons.sh --write  print docs/reasons.md anew
set -eu
cd "$(dirname "$0")/.."
tmp=$(mktemp)
trap 'rm -f "$tmp"' EXIT

awk '
BEGIN {
	print "# Reasons\n"
	print "Every refusal and every failure has one stable word. It stands in the log (`reason=`), in the metrics"
	print "(`workflow_proxy_refusals_total{reason=\"...\"}`) and in JSON answers (`\"error\"`). Words are added to, never renamed."
	print "What to do about each is in [operating.md](operating.md#what-to-do-about-a-reason)."
	print "\nThis page is printed from `conf/reasons.h` by `tests/reasons.sh --write`; do not edit it."
}
/^\t\/\* .* \*\/ \\$/ {
	title = $0
	sub(/^\t\/\* /, "", title)
	sub(/ \*\/ \\$/, "", title)
	print "\n## " toupper(substr(title, 1, 1)) substr(title, 2) "\n"
	print "| reason | status | meaning |\n|---|---|---|"
	next
}
/^\tX\(/ {
	if (!match($0, /^\tX\([A-Z_0-9]+, "[a-z_0-9]*", [0-9]+, ".*"\)( \\)?$/)) {
		print FILENAME ":" FNR ": not a row as tests/reasons.sh reads it" >"/dev/stderr"
		exit 1
	}
	split($0, part, "\"")
	status = part[3]
	gsub(/[^0-9]/, "", status)
	meaning = $0
	sub(/^[^"]*"[^"]*"[^"]*"/, "", meaning)
	sub(/"\)( \\)?$/, "", meaning)
	gsub(/\\"/, "\"", meaning)
	gsub(/\|/, "\\|", meaning)
	if (part[2] == "") next
	print "| `" part[2] "` | " status " | " meaning " |"
	n++
}
END { if (n == 0) { print "conf/reasons.h: no rows found" >"/dev/stderr"; exit 1 } }
' conf/reasons.h >"$tmp"

if [ "${1:-}" = --write ]; then
	cp "$tmp" docs/reasons.md
	exit 0
fi
bad=0
diff -u docs/reasons.md "$tmp" >&2 || { echo "docs/reasons.md is not what conf/reasons.h says: run tests/reasons.sh --write" >&2; bad=1; }
for word in $(sed -n 's/^| `\([a-z_0-9]*\)`.*/\1/p' "$tmp"); do
	grep -q "\`$word\`" docs/operating.md || { echo "docs/operating.md: does not say what to do about \`$word\`" >&2; bad=1; }
done
for word in $(sed -n '/^## What to do about a reason/,/^## [^W]/s/^| *\(`[a-z_0-9`, ]*\)|.*/\1/p' docs/operating.md | tr -d '`,'); do
	grep -q "^| \`$word\`" "$tmp" || { echo "docs/operating.md: \`$word\` is no reason" >&2; bad=1; }
done
exit $bad
