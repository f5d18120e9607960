#!/bin/sh
# tests/graph.sh - print the road of a request from the source: "step -> the steps it may lead to"
#
#   tests/graph.sh            prints it
#   tests/graph.sh --check    fails when README.md says otherwise
#   tests/graph.sh --write    puts it into README.md
set -eu
cd "$(dirname "$0")/.."

graph() {
	awk '
	# The table of steps: [STEP_X] = { "name", function }
	FILENAME == "proxy/request.c" && /^\t\[STEP_/ {
		match($0, /STEP_[A-Z_]+/); id = substr($0, RSTART, RLENGTH)
		match($0, /"[a-z-]+"/); name[id] = substr($0, RSTART + 1, RLENGTH - 2)
		match($0, /, [a-z_]+ }/); fn[id] = substr($0, RSTART + 2, RLENGTH - 4)
		order[++n] = id
		next
	}
	# A table of endpoints: { "name", function, ... }
	/^\t\{ "[^"]*", [a-z_0-9]+[ ,]/ {
		row = $0; sub(/^[^,]*, /, "", row); sub(/[ ,].*/, "", row)
		rows[FILENAME] = rows[FILENAME] " " row
	}
	# Functions: a static one is known in its file alone.
	/^(static )?[a-z].*[a-z *]$/ { is_static = /^static / }
	/^[a-z_0-9]+\((const )?struct request \*r/ {
		match($0, /^[a-z_0-9]+/); in_fn = (is_static ? FILENAME : "") ":" substr($0, RSTART, RLENGTH)
		file_of[in_fn] = FILENAME
	}
	/^}/ { in_fn = "" }
	in_fn != "" {
		line = $0
		if (match(line, /bodyread_[a-z]+\(r, STEP_[A-Z_]+/)) # where to when the body is there: take-body
			line = substr(line, 1, RSTART - 1)
		if (line ~ /return|\? STEP_|: STEP_/)
			while (match(line, /STEP_[A-Z_]+/)) {
				leads[in_fn] = leads[in_fn] " " substr(line, RSTART, RLENGTH)
				line = substr(line, RSTART + RLENGTH)
			}
		if ($0 ~ /request_(fail|refuse)\(/) leads[in_fn] = leads[in_fn] " STEP_REFUSE"
		if ($0 ~ /s\[i\]\.run\(r\)/) picks[in_fn] = 1 # from the table in its file
		line = $0
		while (match(line, /[a-z_0-9]+\(r[,)]/)) {
			called = substr(line, RSTART, RLENGTH); sub(/\(.*/, "", called)
			calls[in_fn] = calls[in_fn] " " called
			line = substr(line, RSTART + RLENGTH)
		}
	}
	function key(called, file) { return (file ":" called) in file_of ? file ":" called : ":" called }
	function follow(fn,    parts, k, i) {
		if (!(fn in file_of) || (fn in visited)) return
		visited[fn] = 1
		k = split(leads[fn], parts, " ")
		for (i = 1; i <= k; i++) reach[parts[i]] = 1
		k = split(calls[fn] (fn in picks ? rows[file_of[fn]] : ""), parts, " ")
		for (i = 1; i <= k; i++) follow(key(parts[i], file_of[fn]))
	}
	END {
		for (i = 1; i <= n; i++) {
			split("", reach); split("", visited)
			follow(key(fn[order[i]], "proxy/request.c"))
			out = ""
			for (k = 1; k <= n; k++) if (order[k] in reach) out = out (out == "" ? "" : ", ") name[order[k]]
			if ("STEP_END" in reach) out = out (out == "" ? "" : ", ") "(end)"
			printf "%-18s -> %s\n", name[order[i]], out
		}
	}' proxy/*.c
}

begin='<!-- road: printed by tests/graph.sh -->'
end='<!-- /road -->'
case ${1:-} in
--check)
	[ "$(graph | wc -l)" -gt 20 ] || { echo "tests/graph.sh: the table of steps was not found" >&2; exit 1; }
	sed -n "\|$begin|,\|$end|p" README.md | sed '1,2d' | sed '$d' | sed '$d' >"${TMPDIR:-/tmp}/road.$$"
	if ! graph | cmp -s - "${TMPDIR:-/tmp}/road.$$"; then
		echo "README.md: the road of a request is another one now: tests/graph.sh --write" >&2
		graph | diff - "${TMPDIR:-/tmp}/road.$$" >&2 || true
		rm -f "${TMPDIR:-/tmp}/road.$$"
		exit 1
	fi
	rm -f "${TMPDIR:-/tmp}/road.$$"
	;;
--write)
	graph >"${TMPDIR:-/tmp}/road.$$"
	awk -v begin="$begin" -v end="$end" -v file="${TMPDIR:-/tmp}/road.$$" '
	$0 == begin || $0 == "<!-- road -->" {
		print begin; print "```"; while ((getline line < file) > 0) print line; print "```"; print end
		skip = $0 == begin; next
	}
	skip { if ($0 == end) skip = 0; next }
	{ print }' README.md >README.md.new
	mv README.md.new README.md
	rm -f "${TMPDIR:-/tmp}/road.$$"
	;;
*) graph ;;
esac
