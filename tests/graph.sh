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
		split($0, part, /[][]|", |"| }/)
		for (i in part) gsub(/[ ,}]/, "", part[i])
		match($0, /STEP_[A-Z_]+/); id = substr($0, RSTART, RLENGTH)
		match($0, /"[a-z-]+"/); name[id] = substr($0, RSTART + 1, RLENGTH - 2)
		match($0, /, [a-z_]+ }/); fn = substr($0, RSTART + 2, RLENGTH - 4)
		of[fn] = id
		order[++n] = id
		next
	}
	/^[a-z_0-9]+\(struct request \*r/ {
		match($0, /^[a-z_0-9]+/); in_fn = substr($0, RSTART, RLENGTH)
		here[FILENAME] = here[FILENAME] " " in_fn
		file_of[in_fn] = FILENAME
	}
	/^}/ { in_fn = "" }
	in_fn != "" {
		line = $0
		if (line ~ /return|\? STEP_|: STEP_/)
			while (match(line, /STEP_[A-Z_]+/)) {
				leads[in_fn] = leads[in_fn] " " substr(line, RSTART, RLENGTH)
				line = substr(line, RSTART + RLENGTH)
			}
		if ($0 ~ /request_(fail|refuse)\(/) leads[in_fn] = leads[in_fn] " STEP_REFUSE"
		if ($0 ~ /\.run\(r\)/) rows[in_fn] = 1 # a row of the table in this file
		line = $0
		while (match(line, /[a-z_0-9]+\(r[,)]/)) {
			called = substr(line, RSTART, RLENGTH); sub(/\(.*/, "", called)
			calls[in_fn] = calls[in_fn] " " called
			line = substr(line, RSTART + RLENGTH)
		}
	}
	function follow(fn, depth,    parts, k, i) {
		if (depth > 3 || (fn in visited)) return
		visited[fn] = 1
		k = split(leads[fn], parts, " ")
		for (i = 1; i <= k; i++) reach[parts[i]] = 1
		k = split(calls[fn], parts, " ")
		for (i = 1; i <= k; i++) if (!(parts[i] in of)) follow(parts[i], depth + 1)
	}
	END {
		for (fn in of) step_fn[of[fn]] = fn
		for (fn in rows) if (!(fn ~ /^run$/)) calls[fn] = calls[fn] here[file_of[fn]]
		for (i = 1; i <= n; i++) {
			split("", reach); split("", visited)
			follow(step_fn[order[i]], 0)
			out = ""
			for (k = 1; k <= n; k++) if (order[k] in reach) out = out (out == "" ? "" : ", ") name[order[k]]
			if ("STEP_END" in reach) out = out (out == "" ? "" : ", ") "(end)"
			printf "%-16s -> %s\n", name[order[i]], out
		}
	}' proxy/request.c proxy/refresh.c proxy/bearer_road.c proxy/mobile.c proxy/usertokens.c proxy/onbehalf.c proxy/login.c proxy/logout.c proxy/endpoint.c proxy/bodyread.c proxy/admin.c proxy/admin_revoke.c proxy/backchannel.c proxy/frontchannel.c
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
