# workflow-proxy - see README.md.  `make` builds ./workflow-proxy.
#
#   make check       everything CI runs: unit tests, fuzz seeds, lints, end-to-end (ASan + UBSan build)
#   make demo        proxy, provider and a sample backend on loopback
#   make unit        unit tests only            make e2e         end-to-end tests only
#   make fuzz T=http1 [SECONDS=60]              make analyze     static analysers
#   make format      make lint                  make install PREFIX= DESTDIR=
#
# VARIANT=release (default) | asan

VARIANT  ?= release
PREFIX   ?= /usr/local
DESTDIR  ?=
VERSION  := 0.1.0
B        := build/$(VARIANT)
CC       ?= gcc
ROOMS    := conf oidc session proxy

PKGS     := libevent libcurl cjose jansson openssl libconfuse libxml-2.0 hiredis libnghttp2
# Asked for only when something is compiled, so that `make check` on a bare machine can install them first.
PKGFLAGS  = $(shell pkg-config --cflags $(PKGS) 2>/dev/null)
PKGLIBS   = $(shell pkg-config --libs $(PKGS) 2>/dev/null) -lpthread

WARN     := -Wall -Wextra -Wshadow -Wconversion -Wsign-conversion -Wstrict-prototypes -Wmissing-prototypes \
            -Wwrite-strings -Wcast-qual -Wpointer-arith -Wformat=2 -Wvla -Wundef -Wswitch-enum \
            -Wimplicit-fallthrough -Wbidi-chars=any -Wtrampolines -Werror
HARDEN   := -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3 -fstack-protector-strong -fstack-clash-protection \
            -fcf-protection=full -ftrivial-auto-var-init=zero -fno-delete-null-pointer-checks \
            -fno-strict-overflow -fno-strict-aliasing -fPIE
LDHARDEN := -pie -Wl,-z,noexecstack -Wl,-z,relro -Wl,-z,now -Wl,--as-needed

ifeq ($(VARIANT),asan)
CFLAGS   ?= -O1 -g -fno-omit-frame-pointer
MODE     := -fsanitize=address,undefined -fno-sanitize-recover=undefined
else
CFLAGS   ?= -O2 -g
MODE     := $(HARDEN)
LDMODE   := $(LDHARDEN)
endif
ALLFLAGS  = -std=gnu11 -D_GNU_SOURCE -DWORKFLOW_PROXY_VERSION='"$(VERSION)"' -I. $(WARN) $(CFLAGS) $(MODE) $(CPPFLAGS) $(PKGFLAGS)
V        ?=
Q         = $(if $(V),,@)
say       = $(if $(V),@:,@printf '  %-5s %s\n' $(1) $(2))
LINK      = $(CC) $(MODE) $(LDMODE) $(CFLAGS) $(LDFLAGS)

src       = $(sort $(wildcard $(1)/*.c))
objs      = $(patsubst %.c,$(B)/%.o,$(1))
MAIN     := proxy/main.c
LIBSRC    = $(filter-out $(MAIN),$(foreach r,$(ROOMS),$(call src,$(r))))
# The chain conf <- oidc <- session <- proxy, said once more to the linker.
ARCHIVES := $(B)/proxy.a $(B)/session.a $(B)/oidc.a $(B)/conf.a

.PHONY: all check unit e2e fuzz replay lint analyze format format-check demo bench install clean deps deps-test deps-dev
all: workflow-proxy

ifeq ($(VARIANT),release)
workflow-proxy: $(B)/workflow-proxy
	@ln -f $< $@ 2>/dev/null || cp $< $@
else
workflow-proxy: $(B)/workflow-proxy
endif

$(B)/workflow-proxy: $(B)/proxy/main.o $(ARCHIVES)
	$(call say,LD,$@)
	$(Q)$(LINK) -o $@ $^ $(PKGLIBS)

define archive
$(B)/$(1).a: $$(call objs,$$(filter-out $(MAIN),$$(call src,$(1))))
	$$(call say,AR,$$@)
	$$(Q)rm -f $$@ && ar rcs $$@ $$^
endef
$(foreach r,$(ROOMS),$(eval $(call archive,$(r))))

$(B)/%.o: %.c Makefile
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(CC) $(ALLFLAGS) -MMD -MP -c -o $@ $<

$(B)/proxy/frontend.o: proxy/session.js

# --- tests ---------------------------------------------------------------------------------------------------------
# tests/unit/test_<room>_<module>.c links the archive of its room and those below it, nothing else.

UNIT     := $(patsubst tests/unit/%.c,%,$(wildcard tests/unit/test_*.c))
FUZZ     := $(patsubst tests/fuzz/fuzz_%.c,%,$(wildcard tests/fuzz/fuzz_*.c))
below_conf    := conf
below_oidc    := oidc conf
below_session := session oidc conf
below_proxy   := proxy session oidc conf
room_of   = $(word 2,$(subst _, ,$(1)))
below     = $(foreach r,$(below_$(call room_of,$(1))),$(B)/$(r).a)

define unit_test
$(B)/tests/$(1): $(B)/tests/unit/$(1).o $(call below,$(1))
	$$(call say,LD,$$@)
	$$(Q)$$(LINK) -o $$@ $$^ $$(PKGLIBS) $$(shell pkg-config --libs check 2>/dev/null)
endef
$(foreach t,$(UNIT),$(eval $(call unit_test,$(t))))

# A fuzz target as a plain program that replays its seeds: tests/fuzz/corpus/<name>/*
define replay_test
$(B)/tests/replay_$(1): $(B)/tests/fuzz/fuzz_$(1).o $(B)/tests/fuzz/replay.o $(ARCHIVES)
	$$(call say,LD,$$@)
	$$(Q)$$(LINK) -o $$@ $$^ $$(PKGLIBS)
endef
$(foreach t,$(FUZZ),$(eval $(call replay_test,$(t))))

TESTENV  := CK_FORK=no ASAN_OPTIONS=detect_leaks=1:abort_on_error=0 UBSAN_OPTIONS=print_stacktrace=1

unit: $(foreach t,$(UNIT),$(B)/tests/$(t))
	@set -e; for t in $^; do echo "== $$t"; $(TESTENV) $$t; done

replay: $(foreach t,$(FUZZ),$(B)/tests/replay_$(t))
	@set -e; for t in $(FUZZ); do $(TESTENV) $(B)/tests/replay_$$t tests/fuzz/corpus/$$t; done

# libFuzzer, with clang: make fuzz T=http1 SECONDS=60
SECONDS  ?= 60
fuzz:
	@test -n "$(T)" || { echo "make fuzz T=<one of: $(FUZZ)> [SECONDS=60]"; exit 2; }
	@mkdir -p build/fuzz/$(T)
	clang -std=gnu11 -D_GNU_SOURCE -DWORKFLOW_PROXY_VERSION='"fuzz"' -I. -g -O1 -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=undefined \
	    $(PKGFLAGS) -o build/fuzz/fuzz_$(T) tests/fuzz/fuzz_$(T).c $(LIBSRC) $(PKGLIBS)
	build/fuzz/fuzz_$(T) -max_total_time=$(SECONDS) -timeout=5 -rss_limit_mb=2048 build/fuzz/$(T) tests/fuzz/corpus/$(T)

-include tests/Makefile.inc

install: workflow-proxy
	install -D -m 0755 workflow-proxy $(DESTDIR)$(PREFIX)/bin/workflow-proxy
	install -D -m 0644 workflow-proxy.conf.example $(DESTDIR)$(PREFIX)/share/doc/workflow-proxy/workflow-proxy.conf.example

clean:
	rm -rf build workflow-proxy

-include $(shell find build -name '*.d' 2>/dev/null)
.SECONDARY:
