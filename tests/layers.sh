#!/bin/sh
# tests/layers.sh - an include may only point to the left:
#	conf  <-  oidc  <-  session  <-  proxy
# and of oidc/ a session may know nothing but who somebody is.  A unit test and
# a fuzz target may know their room and those below, which the linker checks.
set -eu
cd "$(dirname "$0")/.."
bad=0

may() { # room, then what its files may include: rooms, or single headers
	dir=$1
	shift
	n=0
	for f in "$dir"/*.[ch]; do
		[ -e "$f" ] || continue
		n=$((n + 1))
		for h in $(sed -n 's|^[[:space:]]*#[[:space:]]*include[[:space:]]*"\([^"]*\)".*|\1|p' "$f"); do
			[ -e "$h" ] || { echo "$f: includes \"$h\"; write the path from the project's root" >&2; bad=1; }
			case " $* " in
			*" $h "* | *" ${h%%/*} "*) ;;
			*)
				line=$(grep -nF "\"$h\"" "$f" | head -n 1 | cut -d: -f1)
				echo "$f:$line: includes $h; $dir/ may include: $*" >&2
				bad=1
				;;
			esac
		done
	done
	[ $n -gt 0 ] || { echo "$dir: no sources found, nothing checked" >&2; bad=1; }
}

may conf conf
may oidc conf oidc
may session conf session oidc/identity.h
may proxy conf oidc session proxy
exit $bad
