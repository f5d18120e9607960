#!/bin/sh
# What a make target needs beyond a bare Debian 12, said and installed.
#
#   tests/need.sh [--hint] GROUP...     groups: build test demo bench bench-check bench-sessions analyze format
#
# Nothing missing: silent and quick.  Missing packages: installed when we are root, else the one command is
# printed (exit 1).  --hint never installs.  The packages of npm land in tests/e2e/node_modules, whoever we are.
set -eu
cd "$(dirname "$0")/.."

hint=no
[ "${1:-}" != --hint ] || { hint=yes; shift; }

# One row: group, how to see that it is here, the Debian package that brings it.
rows='
build cmd:gcc gcc
build file:/usr/include/stdlib.h libc6-dev
build cmd:make make
build cmd:pkg-config pkg-config
build pc:libevent libevent-dev
build pc:libcurl libcurl4-openssl-dev
build pc:cjose libcjose-dev
build pc:jansson libjansson-dev
build pc:openssl libssl-dev
build pc:libconfuse libconfuse-dev
build pc:libxml-2.0 libxml2-dev
build pc:hiredis libhiredis-dev
build pc:libnghttp2 libnghttp2-dev
test pc:check check
test cmd:node nodejs
test cmd:npm npm
test cmd:chromium chromium
test cmd:nginx nginx
test file:/usr/lib/nginx/modules/ngx_stream_module.so libnginx-mod-stream
test cmd:openssl openssl
test cmd:ps procps
test cmd:redis-server redis-server
test cmd:redis-cli redis-tools
test cmd:haproxy haproxy
test cmd:ctags universal-ctags
test file:/etc/ssl/certs/ca-certificates.crt ca-certificates
demo cmd:node nodejs
demo cmd:npm npm
demo file:/etc/ssl/certs/ca-certificates.crt ca-certificates
bench cmd:nginx nginx-light
bench cmd:h2load nghttp2-client
bench cmd:node nodejs
bench cmd:curl curl
bench cmd:openssl openssl
bench cmd:python3 python3
bench cmd:taskset util-linux
bench cmd:ss iproute2
bench-check cmd:nginx nginx-light
bench-check cmd:h2load nghttp2-client
bench-check cmd:node nodejs
bench-check cmd:curl curl
bench-check cmd:openssl openssl
bench-check cmd:python3 python3
bench-check cmd:taskset util-linux
bench-check cmd:ss iproute2
bench-check cmd:valgrind valgrind
bench cmd:valgrind valgrind
bench cmd:wrk wrk
bench cmd:haproxy haproxy
bench cmd:apache2 apache2-bin
bench file:/usr/lib/apache2/modules/mod_auth_openidc.so libapache2-mod-auth-openidc
bench cmd:strace strace
bench-sessions cmd:nginx nginx-light
bench-sessions cmd:node nodejs
bench-sessions cmd:redis-server redis-server
bench-sessions cmd:redis-cli redis-tools
bench-sessions cmd:taskset util-linux
bench-sessions cmd:wrk wrk
analyze cmd:clang clang
analyze cmd:clang-tidy clang-tidy
analyze cmd:cppcheck cppcheck
format cmd:clang-format clang-format
'

has() {
	case $1 in
	cmd:*) PATH="$PATH:/usr/sbin:/sbin" command -v "${1#cmd:}" >/dev/null 2>&1 ;;
	file:*) [ -e "${1#file:}" ] ;;
	pc:*) pkg-config --exists "${1#pc:}" 2>/dev/null ;;
	esac
}

in_groups() {
	for g in $groups; do
		[ "$g" != "$1" ] || return 0
	done
	return 1
}

groups=$*
missing=
while read -r group what package; do
	in_groups "${group:-none}" || continue
	has "$what" || case " $missing " in
	*" $package "*) ;;
	*) missing="${missing:+$missing }$package" ;;
	esac
done <<EOF
$rows
EOF

install='apt-get install -y --no-install-recommends'
if [ -n "$missing" ]; then
	if [ "$hint" = yes ]; then
		echo "missing here: $missing - as root: \`make deps\`, or: apt-get update && $install $missing" >&2
		exit 1
	fi
	if ! command -v apt-get >/dev/null 2>&1; then
		echo "missing here (names of Debian 12's packages): $missing" >&2
		exit 1
	fi
	if [ "$(id -u)" != 0 ]; then
		echo "missing here: $missing.  Run this, then again what you ran:" >&2
		echo "  sudo sh -c 'apt-get update && $install $missing'" >&2
		exit 1
	fi
	echo "== installing what is missing: $missing"
	export DEBIAN_FRONTEND=noninteractive
	apt-get update -q >/dev/null
	# shellcheck disable=SC2086 # a list of package names
	$install -q -o Dpkg::Use-Pty=0 $missing >/dev/null
fi

[ "$hint" = no ] || exit 0
if in_groups test || in_groups demo; then
	modules=tests/e2e/node_modules
	if ! cmp -s tests/e2e/package-lock.json "$modules/.installed-lock.json"; then
		echo "== installing the npm packages of tests and demo into $modules"
		npm ci --prefix tests/e2e --include=dev --no-audit --no-fund --no-update-notifier --loglevel=error
		cp tests/e2e/package-lock.json "$modules/.installed-lock.json"
	fi
fi
