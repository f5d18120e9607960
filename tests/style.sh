#!/bin/sh
# tests/style.sh - what CONTRIBUTING.md asks for and a machine can see
#
# Prints file:line and the reason, one line each; exit 1 when there is any.
# Exceptions stand in tests/style.exceptions, one line each with its reason;
# one that excuses nothing is an error as well, so that the list stays true.
# The direction of includes is tests/layers.sh's business.
set -eu
cd "$(dirname "$0")/.."
rooms='conf oidc session proxy'
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
command -v ctags >/dev/null || { echo "tests/style.sh needs universal-ctags" >&2; exit 1; }

ours=$(for r in $rooms; do ls "$r"/*.[ch] 2>/dev/null || :; done)
tests=$(ls tests/unit/*.[ch] tests/fuzz/*.[ch] 2>/dev/null || :)
[ -n "$ours" ] || { echo "tests/style.sh: no sources found, nothing checked" >&2; exit 1; }

# Each finding: rule, what an exception may name besides the file, file:line, reason.
found() {
	printf '%s\t%s\t%s\t%s\n' "$1" "$2" "$3" "$4" >>"$tmp/found"
}
: >"$tmp/found"

# The sources without comments and without what stands in quotes, line by line as they were.
for f in $ours $tests; do
	mkdir -p "$tmp/code/${f%/*}"
	awk '
	{
		out = ""
		for (i = 1; i <= length($0); i++) {
			two = substr($0, i, 2); c = substr($0, i, 1)
			if (inside) { if (two == "*/") { inside = 0; i++ } continue }
			if (two == "/*") { inside = 1; i++; continue }
			if (two == "//") break
			if ((c == "\"" || c == "\047") && !($0 ~ /^[ \t]*#[ \t]*include/)) {
				for (i++; i <= length($0) && substr($0, i, 1) != c; i++)
					if (substr($0, i, 1) == "\\") i++
				out = out c c
				continue
			}
			out = out c
		}
		print out
	}' "$f" >"$tmp/code/$f"
done

# grep over the code: files, pattern, rule, reason.
look() {
	(cd "$tmp/code" && grep -nE "$2" $1 /dev/null || :) | while IFS=: read -r file line rest; do
		found "$3" "$file" "$file:$line" "$4"
	done
}
w='(^|[^A-Za-z0-9_>.])'

look "$ours $tests" "$w(strcpy|strcat|sprintf|vsprintf|strtok|gets|atoi|atol|atoll|localtime|gmtime|ctime|asctime|rand|random|alloca)[[:space:]]*\\(" \
	banned "this function is banned (CONTRIBUTING.md)"
look "$ours" "$w(time|clock_gettime|gettimeofday)[[:space:]]*\\(" clock "reads the clock; decisions are given \`now\`"
look "$ours" '#[[:space:]]*include[[:space:]]*<event2/' event2 "knows libevent; callbacks and loops live in few files"
look "$ours" '#[[:space:]]*include[[:space:]]*<curl/' curl "knows libcurl; only oidc/fetch.c does"
look "$ours" '#[[:space:]]*include[[:space:]]*<cjose/' cjose "knows cjose; only the key files of oidc/ do"
look "$ours" '^typedef struct' typedef "hides a struct behind a typedef"

# Marks of unfinished work count in comments too; the brackets keep this line from being one.
{ grep -nwE 'T[O]DO|F[I]XME|X[X]X' $ours $tests /dev/null || :; } | while IFS=: read -r file line rest; do
	found mark "$file" "$file:$line" "a mark of unfinished work: do it, or write down what is not supported"
done
{ grep -nE '^ {8}|[[:space:]]+$' $ours $tests /dev/null || :; } | while IFS=: read -r file line rest; do
	found blanks "$file" "$file:$line" "indented with spaces, or blanks at the end"
done

for f in $ours; do
	n=$(wc -l <"$f")
	[ "$n" -le 600 ] || found file "$f" "$f:1" "$n lines; a file has at most 600"
done

# Functions as ctags sees them: name, file, line, end, number of arguments, seen by other files or not.
ctags -f - --sort=no --languages=C --langmap=C:.c.h --kinds-C=f --fields=nSef --extras=+F \
	-I MUST_CHECK,PRINTF+ $ours | awk -F '\t' '
{
	line = end = sig = ""
	seen = "exported"
	for (i = 4; i <= NF; i++) {
		if ($i ~ /^line:/) line = substr($i, 6)
		if ($i ~ /^end:/) end = substr($i, 5)
		if ($i ~ /^file:/) seen = "static"
		if ($i ~ /^signature:/) sig = substr($i, 12)
	}
	sub(/\)$/, "", sig)
	sub(/,[ ]*\.\.\.$/, "", sig)
	args = sig == "" || sig == "void" ? 0 : 1
	depth = 0
	for (i = 1; i <= length(sig); i++) {
		c = substr(sig, i, 1)
		if (c == "(") depth++
		else if (c == ")") depth--
		else if (c == "," && depth == 0) args++
	}
	print $1, $2, line, end, args, seen
}' >"$tmp/tags"
[ -s "$tmp/tags" ] || { echo "tests/style.sh: ctags found no function, nothing checked" >&2; exit 1; }

while read -r name file line end args seen; do
	[ $((end - line + 1)) -le 60 ] ||
		found function "$name" "$file:$line" "$name has $((end - line + 1)) lines; a function has at most 60"
	case $name in
	*_cb) ;; # the library that calls it chose the arguments
	*)
		[ "$args" -le 5 ] ||
			found arguments "$name" "$file:$line" "$name takes $args arguments; at most 5, the rest is a struct"
		;;
	esac
	stem=${file##*/}
	stem=${stem%.[ch]}
	case "$seen $name $file" in
	static\ *.c) ;;
	*" $stem"* | *" ${stem%s}_"* | *" ${stem%%_*}_"*) ;; # client_body.c is a part of client
	*) found name "$name" "$file:$line" "$name does not begin with its file's name" ;;
	esac
done <"$tmp/tags"

# Take the exceptions off; complain about the rest, and about exceptions that nothing needed.
awk -F '\t' '
FNR == NR {
	if ($0 ~ /^[ \t]*(#|$)/) next
	split($0, part, " ")
	reason = $0
	sub(/^[^ ]+ +[^ ]+ */, "", reason)
	if (reason == "") print FILENAME ":" FNR ": an exception without a reason"
	excused[part[1], part[2]] = FILENAME ":" FNR
	next
}
{
	file = $3
	sub(/:.*/, "", file)
	if (($1, $2) in excused) used[$1, $2] = 1
	else if (($1, file) in excused) used[$1, file] = 1
	else print $3 ": " $4
}
END {
	for (k in excused)
		if (!(k in used)) print excused[k] ": excuses nothing any more"
}' tests/style.exceptions "$tmp/found" | sort >"$tmp/left"
cat "$tmp/left" >&2
[ ! -s "$tmp/left" ]
