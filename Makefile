# haplo-poll: `make deps demo` shows it at work, `make test-deps test` tests it.

VERSION := 0.1.0
SOVERSION := 0
PREFIX ?= /usr/local
BINDIR ?= $(PREFIX)/bin
LIBDIR ?= $(PREFIX)/lib
INCLUDEDIR ?= $(PREFIX)/include
DATADIR ?= $(PREFIX)/share
UNITDIR ?= $(PREFIX)/lib/systemd/system
ZSHDIR ?= $(DATADIR)/zsh/site-functions
DESTDIR ?=
BUILD ?= build
PYTHON ?= /usr/bin/python3

.DEFAULT_GOAL := all

# -- What a new machine needs: Debian 12's packages -------------------------

# To build, to run and for the demo; then what each of the others adds.
BUILD_PACKAGES := gcc libc6-dev make libuv1-dev libcurl4-openssl-dev \
	libyajl-dev libxxhash-dev libtre-dev libsqlite3-dev libyaml-dev \
	libhttp-parser-dev libssl-dev zlib1g-dev libpq-dev librdkafka-dev \
	libnats-dev libmicrohttpd-dev pkg-config ca-certificates python3
TEST_PACKAGES := libcmocka-dev python3-pytest curl openssl mount spin sqlite3 \
	postgresql pgbouncer nats-server kcat nginx zsh systemd strace chromium \
	chromium-driver prometheus cmake g++ python3-dev python3-uvloop \
	python3-asyncpg python3-pip python3-setuptools python3-wheel \
	lua5.1 luajit lua5.4 liblua5.1-0-dev liblua5.4-dev lua-luv lua-luv-dev \
	lua-sql-sqlite3 abigail-tools
# A nodejs that is not Debian's brings its own npm and headers, and cannot have
# Debian's.
TEST_PACKAGES += $(shell command -v node >/dev/null || \
	echo nodejs libnode-dev npm)
# To build the libcurl of the package for Node.js.
TEST_PACKAGES += dpkg-dev
CHECK_PACKAGES := clang-format clang-tidy valgrind mandoc debhelper dpkg-dev \
	lintian debootstrap qemu-system-x86 e2fsprogs
FUZZ_PACKAGES := clang libclang-rt-14-dev
# Peers that cannot be had are named as missing by `make bench`.
BENCH_PACKAGES := nginx openssl ca-certificates util-linux valgrind wrk curl \
	python3 golang-go python3-aiohttp python3-uvloop python3-pycurl
SUDO := $(if $(filter 0,$(shell id -u)),,sudo)

# `make deps demo`, `make test-deps test`, `make check-deps check`,
# `make fuzz-deps fuzz`.
.PHONY: deps test-deps check-deps fuzz-deps
deps: PACKAGES := $(BUILD_PACKAGES)
test-deps: PACKAGES := $(BUILD_PACKAGES) $(TEST_PACKAGES)
check-deps: PACKAGES := $(BUILD_PACKAGES) $(TEST_PACKAGES) $(CHECK_PACKAGES)
fuzz-deps: PACKAGES := $(BUILD_PACKAGES) $(TEST_PACKAGES) $(FUZZ_PACKAGES)
deps test-deps check-deps fuzz-deps:
	$(SUDO) apt-get update -q
	$(SUDO) env DEBIAN_FRONTEND=noninteractive apt-get install -q -y \
		--no-install-recommends $(PACKAGES)

# One by one, so that one that is missing does not keep the others away. A
# nodejs that is not Debian's brings its own npm, and cannot have Debian's.
.PHONY: bench-deps
bench-deps:
	$(SUDO) apt-get update -q
	for package in $(BENCH_PACKAGES) \
			$$(command -v node >/dev/null || echo nodejs) \
			$$(command -v npm >/dev/null || echo npm); do \
		$(SUDO) env DEBIAN_FRONTEND=noninteractive apt-get install -q -y \
			--no-install-recommends $$package || \
			echo "bench-deps: not installed: $$package"; \
	done
	$(MAKE) bench-peers

# The other goals follow in a make of their own, which finds what was installed.
deps_goals := $(filter %deps,$(MAKECMDGOALS))
ifneq ($(deps_goals),)
goals := $(filter-out %deps,$(MAKECMDGOALS))
.PHONY: $(goals)
$(goals): $(deps_goals)
	$(if $(filter $@,$(firstword $(goals))),+$(MAKE) $(goals),@:)
else

# -- Compiling ----------------------------------------------------------------

CC ?= cc
OBJCOPY ?= objcopy
CFLAGS ?= -O2 -g
WARNINGS := -Wall -Wextra -Wshadow -Wconversion -Wstrict-prototypes \
	-Wmissing-prototypes -Wpointer-arith -Wwrite-strings
WERROR ?= $(if $(CI),-Werror)
# HARDENING= leaves out what makes faults harder to exploit.
HARDENING ?= -fstack-protector-strong -fstack-clash-protection \
	$(if $(filter -O%,$(filter-out -O0 -Og,$(CFLAGS))), \
		-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2)
ALL_LDFLAGS = $(if $(HARDENING),-z relro -z now) $(LDFLAGS)
ALL_CFLAGS := -std=c11 -D_GNU_SOURCE $(WARNINGS) $(WERROR) -fPIC \
	-fvisibility=hidden -Iinclude -Isrc -MMD -MP $(HARDENING) $(CPPFLAGS) \
	$(CFLAGS)
LIBPQ_CFLAGS := $(shell pkg-config --cflags libpq 2>/dev/null)

# Types of inboxes and outlets are included if pkg-config finds their library.
# WITHOUT="postgres kafka" leaves these out.
WITHOUT ?=
found = $(if $(filter $(1),$(WITHOUT)),,$(shell \
	pkg-config --exists $(2) 2>/dev/null && echo $(1)))
TYPES := $(call found,postgres,libpq) $(call found,kafka,rdkafka) \
	$(call found,nats,libnats)
TYPE_LIBS := $(if $(filter postgres,$(TYPES)),-lpq) \
	$(if $(filter kafka,$(TYPES)),-lrdkafka) \
	$(if $(filter nats,$(TYPES)),-lnats)
left_out := $(filter-out $(TYPES),postgres kafka nats)

LIB_LIBS := -luv -lcurl -lssl -lcrypto -lyajl -lxxhash -ltre
DAEMON_LIBS := -lsqlite3 -lyaml -lz -lmicrohttpd $(TYPE_LIBS)
SIM_LIBS := -luv -lhttp_parser -lssl -lcrypto -lz -lyajl -lxxhash

# The folders of src/ that make up the library, and those that make up
# haplo-poll besides it.
lib_parts := base core http poller
daemon_parts := inbox outlets fleet config daemon
src_of = $(foreach part,$(1),$(wildcard src/$(part)/*.c src/$(part)/*/*.c))
lib_src := $(call src_of,$(lib_parts))
# The files of a type begin with its name, or are in a folder of that name.
without = $(filter-out $(foreach type,$(left_out),src/inbox/$(type)/% \
	src/outlets/$(type)/% test/unit/test_$(type)%),$(1))
daemon_src := $(call without,$(call src_of,$(daemon_parts)))
sim_src := $(wildcard src/sim/*.c)
unit_src := $(call without,$(wildcard test/unit/test_*.c))
test_lib_src := $(wildcard test/lib/*.c)
inject_src := $(wildcard test/inject/*.c)
example_src := $(wildcard examples/*.c)
outlet_example_src := $(wildcard examples/outlets/*.c)
bench_src := $(wildcard bench/*.c)
simulation_src := $(wildcard test/sim/*.c)
shim_src := $(wildcard test/integration/*.c)
fuzz_src := $(wildcard test/fuzz/*.c)
headers := $(wildcard include/*.h src/*/*.h src/*/*/*.h bench/*.h \
	bindings/*/src/*.h \
	$(foreach part,lib unit sim inject fuzz,test/$(part)/*.h)) test/model/record.h
sources := $(lib_src) $(daemon_src) $(sim_src) $(unit_src) \
	$(example_src) $(outlet_example_src) $(bench_src) $(simulation_src) \
	$(inject_src) $(fuzz_src) \
	$(shim_src) $(test_lib_src) $(wildcard test/outlet/*.c test/fleet/*.c) \
	$(wildcard test/boot/*.c bindings/*/src/*.c bindings/*/test/*.c) \
	$(wildcard test/node/lib/*.c)

obj = $(patsubst %.c,$(BUILD)/%.o,$(1))
lib_obj := $(call obj,$(lib_src))
daemon_obj := $(call obj,$(daemon_src))
sim_obj := $(call obj,$(sim_src) src/base/standard_streams.c)
unit_bin := $(patsubst test/unit/%.c,$(BUILD)/test/%,$(unit_src))
example_bin := $(patsubst %.c,$(BUILD)/%,$(example_src))
shims := $(patsubst test/integration/%.c,$(BUILD)/%.so,$(shim_src))
bench_bin := $(addprefix $(BUILD)/bench/,measure bare cycle register load)
bench_daemon := $(BUILD)/bench/haplo-poll-null
bench_micro := $(BUILD)/bench/micro
bench_preloads := $(BUILD)/bench/busy_poll.so $(BUILD)/bench/loop_turns.so

LIB_A := $(BUILD)/libhaplopoll.a
# The same, with what it hides from applications.
PARTS_A := $(BUILD)/libparts.a
LIB_SO := $(BUILD)/libhaplopoll.so.$(VERSION)

# `make V=1` shows the commands.
Q := $(if $(V),,@)
say = $(if $(V),,@echo "  $(1) $(@:$(BUILD)/%=%)")

.PHONY: all
all: $(LIB_A) $(LIB_SO) $(BUILD)/haplo-poll $(BUILD)/haplo-sim

$(BUILD)/%.o: %.c
	@mkdir -p $(@D)
	$(call say,CC)
	$(Q)$(CC) $(ALL_CFLAGS) $(INCLUDES) -c -o $@ $<

$(BUILD)/src/inbox/postgres/%.o: INCLUDES := $(LIBPQ_CFLAGS)

# The page is part of the program: its files are read by the assembler.
$(BUILD)/src/daemon/admin/page_files.o: $(wildcard web/*)

# The registries are compiled again when other types are included.
registries := $(call obj,src/inbox/inbox_types.c src/outlets/outlet_types.c)
$(registries): ALL_CFLAGS += $(foreach type,$(TYPES),-DHAPLO_TYPE_$(type))
$(registries): $(BUILD)/types
$(BUILD)/types: FORCE
	@mkdir -p $(@D)
	@echo $(TYPES) | cmp -s - $@ || echo $(TYPES) >$@
.PHONY: FORCE
FORCE:

# q, not r: two folders may have files of the same name.
$(PARTS_A): $(lib_obj)
	@rm -f $@
	$(call say,AR)
	$(Q)ar qcs $@ $^

# One object, so that an application sees haplo_* alone, and its own names do
# not clash with the library's.
$(LIB_A): $(lib_obj)
	@rm -f $@
	$(call say,AR)
	$(Q)$(LD) -r -o $(BUILD)/haplopoll.o $^
	$(Q)$(OBJCOPY) --localize-hidden $(BUILD)/haplopoll.o
	$(Q)ar qcs $@ $(BUILD)/haplopoll.o

$(LIB_SO): $(lib_obj) src/libhaplopoll.map
	$(call say,LD)
	$(Q)$(CC) -shared -Wl,-soname,libhaplopoll.so.$(SOVERSION) \
		-Wl,--version-script=src/libhaplopoll.map $(CFLAGS) \
		$(ALL_LDFLAGS) -o $@ $(lib_obj) $(LIB_LIBS)

$(BUILD)/haplo-poll: $(daemon_obj) $(PARTS_A)
	$(call say,LD)
	$(Q)$(CC) $(CFLAGS) $(ALL_LDFLAGS) -o $@ $^ $(DAEMON_LIBS) $(LIB_LIBS)

$(BUILD)/haplo-sim: $(sim_obj)
	$(call say,LD)
	$(Q)$(CC) $(CFLAGS) $(ALL_LDFLAGS) -o $@ $^ $(SIM_LIBS)

# Objects are kept, also where a pattern makes them on its way.
.SECONDARY:

# Unit tests link the product's objects, so that they reach what the library
# hides, and of these what they use. TEST_PARTS: only those folders of src/,
# which suffices for tests of the lower layers: TEST_PARTS="base http".
TEST_PARTS ?= $(lib_parts) $(daemon_parts)
# All of haplo-poll but its main().
TEST_A := $(BUILD)/test/libparts.a
$(TEST_A): $(filter-out %/daemon/program.o,\
		$(call obj,$(call without,$(call src_of,$(TEST_PARTS)))))
	@mkdir -p $(@D)
	@rm -f $@
	$(call say,AR)
	$(Q)ar qcs $@ $^

# What tests share: a server, fakes, scenes; see test/lib.
TEST_LIB_A := $(BUILD)/test/libtest.a
$(TEST_LIB_A): $(call obj,$(test_lib_src))
	@rm -f $@
	$(call say,AR)
	$(Q)ar qcs $@ $^
$(BUILD)/test/%.o: INCLUDES := -Itest/lib
$(BUILD)/test/unit/test_postgres_%.o: INCLUDES := -Itest/lib $(LIBPQ_CFLAGS)

$(BUILD)/test/%: $(BUILD)/test/unit/%.o $(TEST_LIB_A) $(TEST_A)
	@mkdir -p $(@D)
	$(call say,LD)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ -lcmocka -lz $(DAEMON_LIBS) \
		$(LIB_LIBS)

# The example of an outlet is no program: it is tested as part of one.
$(BUILD)/test/test_outlet_example: $(call obj,$(outlet_example_src))

# haplo-poll with an outlet type from outside, that refuses messages.
$(BUILD)/test/haplo-poll-picky: $(BUILD)/test/outlet/picky.o \
		$(filter-out %/daemon/program.o,$(daemon_obj)) $(PARTS_A)
	$(call say,LD)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(DAEMON_LIBS) $(LIB_LIBS)

# A host of a fleet, driven by a test.
fleet_probe := $(if $(filter postgres,$(TYPES)),$(BUILD)/test/fleet-probe)
$(BUILD)/test/fleet/%.o: INCLUDES := -Itest/lib $(LIBPQ_CFLAGS)
$(BUILD)/test/fleet-probe: $(BUILD)/test/fleet/fleet_probe.o $(TEST_A)
	@mkdir -p $(@D)
	$(call say,LD)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ -lz $(DAEMON_LIBS) $(LIB_LIBS)

# Brokers of Kafka that keep messages in memory.
kafka_mock := $(if $(filter kafka,$(TYPES)),$(BUILD)/test/kafka-mock)
$(BUILD)/test/kafka-mock: $(BUILD)/test/outlet/kafka_mock.o
	@mkdir -p $(@D)
	$(call say,LD)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ -lrdkafka

# It tries to escape from the sandbox of the service, where it has nothing to
# load.
$(BUILD)/test/escape: $(BUILD)/test/boot/escape.o
	@mkdir -p $(@D)
	$(call say,LD)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -static -o $@ $^

# The simulation links the product's objects; what they call of libuv, of
# src/http and of the C library's memory is test/sim's. Renamed in them and not
# wrapped by the linker, so that the simulation's own calls stay what they are.
simulated_src := $(filter-out %/boot_clock.c %/durable.c %/errno_reason.c \
	%/file_mode.c \
	%/input_file.c %/lock_file.c %/standard_streams.c, \
	$(wildcard src/base/*.c src/core/*.c src/poller/*.c)) \
	src/inbox/inbox.c src/inbox/inbox_filter.c src/inbox/inbox_fleet.c \
	src/inbox/inbox_purge.c \
	src/inbox/inbox_task.c \
	$(wildcard src/inbox/group_*.c src/fleet/*.c) \
	$(wildcard src/daemon/gather/gather*.c src/daemon/observe/*.c) \
	$(filter-out %/reload.c %/reload_result.c, \
		$(wildcard src/daemon/reload/*.c)) \
	$(addprefix src/daemon/fleet/fleet_,host.c logins.c news.c telling.c) \
	$(addprefix src/daemon/gather/,failed_logins.c failed_logins_file.c \
		pauses.c refused_keys.c) \
	$(wildcard src/config/catalogue*.c src/outlets/forwarder/*.c)
simulated_obj := $(patsubst %.c,$(BUILD)/simulated/%.o,$(simulated_src))
simulation_obj := $(simulated_obj) $(call obj,$(filter-out \
	test/sim/sim_main.c test/sim/test_%,$(simulation_src)) \
	test/lib/fleet_tables.c)
comma := ,
# Wrapped, to see which confirmations an inbox is asked to store, which queues a
# reload adds and removes, and which slots outlets let go.
SIMULATION_LDFLAGS := $(addprefix -Wl$(comma)--wrap=,inbox_confirmed \
	haplo_queue_add haplo_queue_remove haplo_queue_give_up \
	haplo_server_add haplo_server_remove forwarder_slot_lost)
SIMULATED := malloc calloc realloc free strdup fopen fclose rename stat

$(BUILD)/simulated/renames: Makefile
	@mkdir -p $(@D)
	$(Q)printf '%s\n' $(foreach s,$(SIMULATED),'$(s) simulated_$(s)') >$@

$(BUILD)/simulated/%.o: $(BUILD)/%.o $(BUILD)/simulated/renames
	@mkdir -p $(@D)
	$(Q)objcopy --redefine-syms=$(BUILD)/simulated/renames \
		$(SIMULATED_OBJCOPY) $< $@

# What is kept over processes has a clock of its own.
$(BUILD)/simulated/src/daemon/gather/failed_logins.o \
$(BUILD)/simulated/src/daemon/gather/failed_logins_file.o: \
	SIMULATED_OBJCOPY = --redefine-sym wall_clock_ms=simulated_wall_clock_ms

$(BUILD)/simulation: $(BUILD)/test/sim/sim_main.o $(simulation_obj)
	$(call say,LD)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) $(SIMULATION_LDFLAGS) -o $@ $^ \
		-lyajl -lxxhash -ltre

$(BUILD)/test/test_simulation: $(BUILD)/test/sim/test_simulation.o \
		$(simulation_obj)
	@mkdir -p $(@D)
	$(call say,LD)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) $(SIMULATION_LDFLAGS) -o $@ $^ \
		-lcmocka -lyajl -lxxhash -ltre

# Where calls are made to fail: the product's own objects, but what calls.h
# names is asked of calls.c. Renamed in them and not wrapped by the linker, so
# that the test's own calls stay what they are.
inject_lib := $(patsubst %,$(BUILD)/test/inject/%.o,fault memory calls)
inject_sweep := $(filter-out $(inject_lib) %/program.o,$(call obj,$(inject_src)))
injected := $(patsubst $(BUILD)/%,$(BUILD)/inject/%,$(lib_obj) $(daemon_obj))

$(BUILD)/inject/renames: test/inject/calls.h
	@mkdir -p $(@D)
	$(call say,GEN)
	$(Q)sed -n 's/^ *X([^,]*, \([A-Za-z0-9_]*\),.*/\1 inject_\1/p' $< >$@
	$(Q)printf '__%s inject_%s\n' realpath_chk realpath_chk \
		vasprintf_chk vasprintf_chk open_2 open_2 >>$@

$(BUILD)/inject/%.o: $(BUILD)/%.o $(BUILD)/inject/renames
	@mkdir -p $(@D)
	$(Q)objcopy --redefine-syms=$(BUILD)/inject/renames $< $@

$(BUILD)/test/test_sweep: $(inject_sweep) $(inject_lib) \
		$(filter-out %/daemon/program.o,$(injected)) $(TEST_LIB_A)
	@mkdir -p $(@D)
	$(call say,LD)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ -lcmocka -lcrypto \
		$(DAEMON_LIBS) $(LIB_LIBS)

$(BUILD)/inject/haplo-poll: $(inject_lib) $(injected)
	$(call say,LD)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(DAEMON_LIBS) $(LIB_LIBS)

# Each fuzz target is built for libFuzzer, which feeds it, and with a main()
# that replays the inputs which are kept.
fuzz_names := $(patsubst test/fuzz/fuzz_%.c,%,$(wildcard test/fuzz/fuzz_*.c))
replay_bin := $(fuzz_names:%=$(BUILD)/test/test_fuzz_%)
fuzz_bin := $(fuzz_names:%=$(BUILD)/fuzz/%)
fuzz_obj := $(call obj,$(filter-out %/replay.c test/fuzz/fuzz_%,$(fuzz_src))) \
	$(TEST_LIB_A) $(TEST_A)
fuzz_link = @mkdir -p $(@D); $(if $(V),,echo "  LD $(@:$(BUILD)/%=%)";) \
	$(CC) $(CFLAGS) $(LDFLAGS) $(1) -o $@ $^ $(DAEMON_LIBS) $(LIB_LIBS)

$(BUILD)/test/test_fuzz_%: $(BUILD)/test/fuzz/fuzz_%.o \
		$(BUILD)/test/fuzz/replay.o $(fuzz_obj)
	$(call fuzz_link)

$(BUILD)/fuzz/%: $(BUILD)/test/fuzz/fuzz_%.o $(fuzz_obj)
	$(call fuzz_link,-fsanitize=fuzzer)

.PHONY: fuzz-binaries
fuzz-binaries: $(fuzz_bin)

# Examples link the library, as its users do.
$(BUILD)/examples/own_database: LIB_LIBS += -lsqlite3
$(example_bin): %: %.o $(LIB_A)
	@mkdir -p $(@D)
	$(call say,LD)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LIB_LIBS)

# So do the programs of the benchmark; src/ is in their reach where they
# measure a part alone.
bench_common := $(call obj,bench/client.c bench/rounds.c)
$(BUILD)/bench/bare: $(call obj,bench/slice.c) $(bench_common)
$(BUILD)/bench/cycle: $(bench_common) $(LIB_A)
$(BUILD)/bench/register: $(call obj,bench/client.c) $(LIB_A)
$(BUILD)/bench/load: $(call obj,bench/client.c bench/histogram.c) $(LIB_A)
$(bench_bin): %: %.o
	@mkdir -p $(@D)
	$(call say,LD)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LIB_LIBS)

# Bare producers, each on the library of a type; that of the webhook is always
# built, as its type is.
$(BUILD)/bench/produce_postgres.o: INCLUDES := $(LIBPQ_CFLAGS)
bench_producers := $(patsubst %,$(BUILD)/bench/produce_%,webhook $(TYPES))
produce_lib_webhook := -lcurl -lcrypto
produce_lib_postgres := -lpq
produce_lib_kafka := -lrdkafka
produce_lib_nats := -lnats
$(bench_producers): $(BUILD)/bench/produce_%: $(BUILD)/bench/produce_%.o \
		$(BUILD)/bench/produce.o
	$(call say,LD)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(produce_lib_$*)

# Reaches what the library hides.
inbox_obj := $(call obj,$(call without,$(call src_of,inbox fleet)))
$(bench_micro): $(call obj,$(wildcard bench/micro*.c)) $(inbox_obj) $(PARTS_A)
	$(call say,LD)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ -lsqlite3 $(TYPE_LIBS) $(LIB_LIBS)

bench_costs := $(patsubst %,$(BUILD)/bench/%_cost, \
	inbox $(filter postgres,$(TYPES)))
$(bench_costs): %: %.o $(call obj,bench/feeders.c bench/null_inbox.c) \
		$(inbox_obj) $(PARTS_A)
	$(call say,LD)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ -lsqlite3 $(TYPE_LIBS) $(LIB_LIBS)

# In virtual time.
bench_fleet := $(BUILD)/bench/fleet
$(BUILD)/bench/fleet.o: INCLUDES := -Itest/lib
$(bench_fleet): %: %.o $(TEST_LIB_A) $(TEST_A)
	$(call say,LD)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ -lcmocka -lm $(DAEMON_LIBS) \
		$(LIB_LIBS)

# The daemon with one more type of inbox, which drops its messages.
$(bench_daemon): $(filter-out %/daemon/program.o,$(daemon_obj)) \
		$(call obj,bench/null_daemon.c bench/null_inbox.c) $(PARTS_A)
	$(call say,LD)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(DAEMON_LIBS) $(LIB_LIBS)

.PHONY: examples
examples: $(example_bin) $(call obj,$(outlet_example_src))

# Bindings link the library as well. That for Node.js is compiled by a Makefile
# of its own, as it is when npm installs it.
.PHONY: bindings node-addon python lua
bindings: node-addon python lua
node-addon: $(LIB_A)
	$(Q)$(MAKE) --no-print-directory -C bindings/node \
		OUT=$(abspath $(BUILD))/bindings/node CC="$(CC)" Q="$(Q)" \
		CFLAGS="$(WARNINGS) -Wno-missing-prototypes $(WERROR) $(HARDENING) $(CFLAGS)" \
		HAPLOPOLL_A=$(abspath $(LIB_A)) \
		HAPLOPOLL_CFLAGS=-I$(abspath include) \
		HAPLOPOLL_LIBS="$(filter-out -luv,$(LIB_LIBS))" all

# The package for Python as it would be installed, beside the library that it
# was made with. pip compiles it with bindings/python/setup.py.
PYTHON_INCLUDE = $(shell $(PYTHON) -c \
	"import sysconfig; print(sysconfig.get_path('include'))")
python_dir := $(BUILD)/python
python_obj := $(call obj,$(wildcard bindings/python/src/*.c))
python_so := $(python_dir)/haplopoll/_haplopoll.abi3.so
$(python_obj): INCLUDES = -isystem $(PYTHON_INCLUDE)
$(python_so): $(python_obj) $(LIB_SO)
	@mkdir -p $(@D)
	$(call say,LD)
	$(Q)ln -sf ../$(notdir $(LIB_SO)) $(python_dir)/libhaplopoll.so.$(SOVERSION)
	$(Q)$(CC) -shared $(CFLAGS) $(ALL_LDFLAGS) -Wl,-rpath,'$$ORIGIN/..' \
		-o $@ $(python_obj) $(LIB_SO) -luv

python: $(python_so)
	$(Q)cp bindings/python/haplopoll/*.py* bindings/python/haplopoll/py.typed \
		$(python_dir)/haplopoll

# The module of each Lua that is installed with luv; LuaJIT takes that of 5.1.
LUA_VERSIONS ?= $(foreach v,5.1 5.2 5.3 5.4,$(shell \
	pkg-config --exists lua$(v) lua$(v)-luv 2>/dev/null && echo $(v)))
lua_modules := $(patsubst %,$(BUILD)/bindings/lua/%/haplopoll.so,$(LUA_VERSIONS))
$(lua_modules): $(BUILD)/bindings/lua/%/haplopoll.so: $(LIB_A) \
		include/haplopoll.h $(wildcard bindings/lua/src/*) bindings/lua/Makefile
	$(call say,LD)
	$(Q)$(MAKE) -s -B -C bindings/lua LUA=$* OUT=$(abspath $(@D)) \
		CC="$(CC)" CFLAGS="$(CFLAGS) $(HARDENING)" \
		LDFLAGS="$(ALL_LDFLAGS)" WERROR="$(WERROR)" \
		HAPLOPOLL_CFLAGS=-I$(abspath include) \
		HAPLOPOLL_LIBS="$(abspath $(LIB_A)) $(LIB_LIBS)"

lua: $(lua_modules)

# A program that contains Lua, for their tests.
lua_host := $(if $(filter 5.1,$(LUA_VERSIONS)),$(BUILD)/bindings/lua/test/host)
$(BUILD)/bindings/lua/test/host.o: \
	INCLUDES := $(patsubst -I%,-isystem %,$(shell \
		pkg-config --cflags lua5.1-luv 2>/dev/null))
$(BUILD)/bindings/lua/test/host: %: %.o
	$(call say,LD)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ -llua5.1-luv -llua5.1 -luv

# Preloaded into haplo-poll, or into the benchmark's nginx; without CFLAGS, as
# a preloaded library comes before a sanitizer.
preloaded = $(CC) -std=c11 -D_GNU_SOURCE $(WARNINGS) $(WERROR) -O2 -g -fPIC \
	-fvisibility=hidden -shared -o $@ $<
$(BUILD)/%.so: test/integration/%.c
	@mkdir -p $(@D)
	$(call say,LD)
	$(Q)$(preloaded)

$(bench_preloads): $(BUILD)/bench/%.so: bench/%.c
	@mkdir -p $(@D)
	$(call say,LD)
	$(Q)$(preloaded)

# All that integration tests start or preload: for whoever runs one by hand.
integration_bin := $(BUILD)/inject/haplo-poll $(BUILD)/test/haplo-poll-picky \
	$(kafka_mock) $(fleet_probe) $(lua_host)
.PHONY: test-programs
test-programs: all examples bindings $(integration_bin) $(shims)

.PHONY: unit-binaries
unit-binaries: $(unit_bin) $(BUILD)/test/test_simulation $(replay_bin) \
	$(BUILD)/test/test_sweep $(integration_bin)

# -- Demonstration, tests, checks -------------------------------------------

.PHONY: demo
demo: all
	$(PYTHON) examples/demo.py --build $(BUILD)

.PHONY: test
test: test-programs unit-binaries
	$(PYTHON) test/run.py --build $(BUILD)

# `make sim SEEDS=500 FIRST=20001`; `make sim SEED=7 TRACE=1`; see
# test/sim/README.md.
SIM_JOBS ?= 2
.PHONY: sim
sim: $(BUILD)/simulation
	@$< $(if $(SEED),--seed=$(SEED) $(if $(TRACE),--trace),\
		--first=$(or $(FIRST),1) --seeds=$(or $(SEEDS),10000) \
		--jobs=$(SIM_JOBS) --situations)

# Plants one fault after the other: the simulation must catch each. MUTANTS:
# only these.
.PHONY: sim-mutants
sim-mutants: $(BUILD)/simulation
	@$(PYTHON) test/sim/mutants.py --build $(BUILD) --cc "$(CC)" \
		--cflags "$(ALL_CFLAGS)" --jobs $(SIM_JOBS) \
		--ldflags="$(SIMULATION_LDFLAGS)" \
		--objects "$(BUILD)/test/sim/sim_main.o $(simulation_obj)" \
		$(MUTANTS)

# Minutes of crashes, damage and mishaps, also of what outlets and inboxes need:
# receivers, brokers, databases. SEED=n makes the same plan again.
.PHONY: torture
torture: test-programs
	$(PYTHON) test/torture/run.py --build $(BUILD) \
		$(if $(SEED),--seed=$(SEED))
	HAPLO_BUILD=$(abspath $(BUILD)) HAPLO_KILLS=100 $(PYTHON) -m pytest -q \
		-p no:cacheprovider test/python/test_python_to_postgres.py

# Several hosts on one PostgreSQL, while they, it and the network fail: about
# twenty minutes. FAULTS=50: fewer of them.
.PHONY: torture-hosts
torture-hosts: test-programs
	$(PYTHON) test/torture/run.py --build $(BUILD) --part hosts \
		$(if $(SEED),--seed=$(SEED)) $(if $(FAULTS),--faults=$(FAULTS))

# The model: MUTANT=NAME shows how that one is found.
.PHONY: model model-mutants model-steps
model:
	$(PYTHON) test/model/state_model.py --full
	$(PYTHON) test/model/run.py --build $(BUILD)

model-mutants:
	$(if $(MUTANT),,$(PYTHON) test/model/state_model.py --faults)
	$(PYTHON) test/model/run.py --build $(BUILD) --mutants $(MUTANT)

model-steps:
	$(PYTHON) test/model/run.py --build $(BUILD) --write-steps

# Every failure point, one by one: see test/inject/README.md. `make test` has a
# sample of them. EVERY=20: every call, but only every 20th allocation. With the
# leak sanitizer: `make sweep-sanitize`.
EVERY ?= 1
.PHONY: sweep
sweep: all unit-binaries
	$(BUILD)/test/test_sweep --every=$(EVERY)
	HAPLO_ALLOCATION_STEP=$(EVERY) $(BUILD)/test/test_inbox_outages
	HAPLO_CRASH_STEP=$(EVERY) HAPLO_BUILD=$(BUILD) $(PYTHON) -m pytest \
		-q -p no:cacheprovider test/integration/test_crash_steps.py
	HAPLO_BUILD=$(BUILD) $(PYTHON) test/inject/process_sweep.py \
		--stride $(EVERY)

.PHONY: sweep-sanitize
sweep-sanitize:
	$(MAKE) BUILD=build-asan CFLAGS="$(SANITIZE)" all unit-binaries
	build-asan/test/test_sweep --full

.PHONY: bench-programs
bench-programs: all $(bench_bin) $(bench_daemon) $(bench_micro) \
	$(bench_costs) $(bench_producers) $(bench_preloads)

# What the peers need beside their sources; what is missing stays missing.
bench_peers := $(BUILD)/bench/peers
.PHONY: bench-peers
bench-peers:
	@mkdir -p $(bench_peers)
	@! command -v go >/dev/null || \
		GO111MODULE=off go build -o $(bench_peers)/cycle-go \
		bench/peers/cycle.go || echo "bench-peers: no Go program"
	@cp bench/peers/package.json bench/peers/package-lock.json $(bench_peers)
	@[ -d $(bench_peers)/node_modules/undici ] || \
		! command -v npm >/dev/null || \
		npm ci --silent --no-audit --no-fund --prefix $(bench_peers) || \
		echo "bench-peers: undici was not installed"

.PHONY: bench
bench: bench-programs bench-peers
	$(PYTHON) bench/run.py --build $(BUILD)

# How a fleet spreads queues and takes over, in virtual time: some minutes.
.PHONY: bench-fleet
bench-fleet: $(bench_fleet)
	$(bench_fleet)

.PHONY: bench-scale
bench-scale: bench-programs
	$(PYTHON) bench/scale.py --build $(BUILD)

# Each type of outlet, and PostgreSQL, next to a bare producer: some minutes.
.PHONY: bench-producers
bench-producers: bench-programs $(kafka_mock)
	$(PYTHON) bench/producers.py --build $(BUILD)

# Fails at more than 5 % above bench/baseline.json; UPDATE=1 rewrites that.
.PHONY: bench-instructions
bench-instructions: $(bench_micro)
	$(PYTHON) bench/instructions.py --build $(BUILD) \
		--flags="$(CFLAGS)" $(if $(UPDATE),--update)

# An inbox alone, on this disk: 10 million messages take a minute, and 4 GB; the
# reader another.
INBOX_MESSAGES ?= 10000000
.PHONY: bench-inbox
bench-inbox: $(BUILD)/bench/inbox_cost
	rm -rf $(BUILD)/bench/inbox && mkdir -p $(BUILD)/bench/inbox
	$< grow $(INBOX_MESSAGES) $(BUILD)/bench/inbox
	rm -f $(BUILD)/bench/inbox/*
	$< stall 60 40000 $(BUILD)/bench/inbox
	rm -rf $(BUILD)/bench/inbox

# Where the instructions of a cycle go, beside those of the bare loop.
.PHONY: bench-profile
bench-profile: bench-programs
	$(PYTHON) bench/hotspots.py --build $(BUILD)

.PHONY: bench-table
bench-table:
	$(PYTHON) bench/table.py

.PHONY: check
check: check-format check-layers check-tidy check-man check-abi \
	check-sanitize check-thread check-valgrind soak

.PHONY: check-format
check-format:
	clang-format --dry-run -Werror $(sources) $(headers)

.PHONY: check-layers
check-layers layers:
	$(PYTHON) test/layers.py

# What is preloaded defines functions of the C library, whose parameters have
# names that are reserved.
.PHONY: check-tidy
check-tidy:
	printf '%s\n' $(lib_src) $(daemon_src) $(sim_src) \
		$(example_src) $(simulation_src) \
		$(filter-out bench/busy_poll.c bench/loop_turns.c,$(bench_src)) | xargs -P 2 -n 8 \
		clang-tidy --quiet \
		--warnings-as-errors='*' 2>/dev/null

# Brings the options of the configuration file up to date in its manual page.
.PHONY: man-options
man-options: $(BUILD)/test/test_option
	UPDATE=1 $<

.PHONY: check-man
check-man: $(BUILD)/man3/written
	mandoc -Tlint -Wwarning man/*.[1-9] $$(grep -L '^\.so' $(BUILD)/man3/*.3)

# What applications were built against. Functions may be added, and members at
# the end of a struct that begins with struct_size; all else breaks applications,
# and needs a new SOVERSION. `make abi-baseline` records the library as it is,
# once a release has added something, or has broken it.
abi := test/package/abi
.PHONY: check-abi abi-baseline
check-abi: $(LIB_SO)
	$(PYTHON) $(abi)/check.py $(LIB_SO) include
	$(PYTHON) -m pytest -q -p no:cacheprovider $(abi)/test_abi.py

abi-baseline: $(LIB_SO)
	$(PYTHON) $(abi)/check.py --write $(LIB_SO) include

SANITIZE := -O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined \
	-fno-sanitize-recover=all
.PHONY: check-sanitize
check-sanitize:
	$(MAKE) BUILD=build-asan CFLAGS="$(SANITIZE)" test

# Pollers that are closed at any moment of their work: no leak, no descriptor
# left open, and no callback after close. `make test` has 300 of them. Those
# under valgrind take a quarter of an hour.
SOAK_LIVES ?= 10000
SOAK_LIVES_VALGRIND ?= 10000
.PHONY: soak
soak: $(BUILD)/test/test_soak
	$(MAKE) BUILD=build-asan CFLAGS="$(SANITIZE)" build-asan/test/test_soak
	HAPLO_SOAK=$(SOAK_LIVES) build-asan/test/test_soak
	HAPLO_SOAK=$(SOAK_LIVES_VALGRIND) valgrind --quiet \
		--error-exitcode=99 --leak-check=full \
		--errors-for-leak-kinds=definite,indirect $(BUILD)/test/test_soak

# What has threads: inboxes and outlets, alone and in the daemon, and the
# resolver. libuv and SQLite are not instrumented, but what they lock with is
# known. gcc 12's runtime does not know the addresses of newer kernels, hence
# setarch.
THREAD := -O1 -g -fno-omit-frame-pointer -fsanitize=thread
NO_ASLR := $(shell setarch -R true 2>/dev/null && echo setarch -R)
.PHONY: check-thread
check-thread:
	$(MAKE) BUILD=build-tsan CFLAGS="$(THREAD)" all unit-binaries
	TSAN_OPTIONS="halt_on_error=1" UV_THREADPOOL_SIZE=8 $(NO_ASLR) \
		$(PYTHON) test/run.py --build build-tsan \
		--unit 'test_inbox*' 'test_*outlet*' 'test_files*' \
		test_detached_call 'test_transfer*' 'test_poller*' \
		--integration test/integration/test_run.py \
		test/integration/test_isolation.py \
		test/integration/test_resends.py

# The page as axe-core judges it. Debian does not have that: it comes from npm,
# and nothing of it is in the program.
AXE_VERSION := 4.10.3
AXE_SHA256 := 0f2b4d7dcdf7d1219df8d1959ad68e565f51d14c3f0d88bb71cd59abeb956292
axe := $(BUILD)/axe-core/axe.min.js
$(axe):
	@mkdir -p $(@D)
	npm pack --silent --pack-destination $(@D) axe-core@$(AXE_VERSION)
	echo "$(AXE_SHA256)  $(@D)/axe-core-$(AXE_VERSION).tgz" | sha256sum -c
	tar -xzf $(@D)/axe-core-$(AXE_VERSION).tgz -C $(@D) \
		--strip-components=1 package/axe.min.js
	touch $@
.PHONY: check-accessibility
check-accessibility: all $(axe)
	$(PYTHON) -m pytest -q -p no:cacheprovider test/browser/check_accessibility.py

.PHONY: check-valgrind
check-valgrind: unit-binaries
	$(PYTHON) test/run.py --build $(BUILD) --unit-only --valgrind

# Which lines the tests have run; fails below what test/coverage.py asks for.
.PHONY: coverage
coverage:
	find build-cov -name '*.gcda' -delete 2>/dev/null || true
	$(MAKE) BUILD=build-cov CFLAGS="-O0 -g --coverage" test
	$(PYTHON) test/coverage.py --build build-cov

# 60 seconds for each target, or FUZZ_SECONDS, two at a time; of all of them,
# or of FUZZ_TARGETS. See test/fuzz/README.md.
FUZZ_SECONDS ?= 60
FUZZ_FLAGS := -O1 -g -fno-omit-frame-pointer -fno-sanitize-recover=all \
	-fsanitize=fuzzer-no-link,address,undefined -Wno-string-conversion
.PHONY: fuzz
fuzz:
	$(MAKE) BUILD=build-fuzz CC=clang CFLAGS="$(FUZZ_FLAGS)" fuzz-binaries
	$(PYTHON) test/fuzz/run.py --build build-fuzz \
		--seconds $(FUZZ_SECONDS) $(FUZZ_TARGETS)

# Brings the inputs that lead to something new into test/fuzz/corpus.
.PHONY: fuzz-corpus
fuzz-corpus:
	$(PYTHON) test/fuzz/run.py --build build-fuzz --keep $(FUZZ_TARGETS)

# -- Installing ---------------------------------------------------------------

# What goes where, as FOLDER:FILE; a folder of a file is created.
installed_programs := $(BINDIR):$(BUILD)/haplo-poll $(BINDIR):$(BUILD)/haplo-sim
installed_libs := $(LIBDIR):$(LIB_SO)
cmake_files := $(BUILD)/haplopoll-config.cmake \
	$(BUILD)/haplopoll-config-version.cmake
installed_files := $(INCLUDEDIR):include/haplopoll.h $(LIBDIR):$(LIB_A) \
	$(LIBDIR)/pkgconfig:$(BUILD)/haplopoll.pc \
	$(addprefix $(LIBDIR)/cmake/haplopoll:,$(cmake_files)) \
	$(patsubst %,$(DATADIR)/man/man1:%,$(wildcard man/*.1)) \
	$(patsubst %,$(DATADIR)/man/man3:%,$(wildcard man/*.3)) \
	$(patsubst %,$(DATADIR)/man/man5:%,$(wildcard man/*.5)) \
	$(DATADIR)/bash-completion/completions:packaging/completion/haplo-poll \
	$(ZSHDIR):packaging/completion/_haplo-poll \
	$(UNITDIR):$(BUILD)/haplo-poll.service \
	$(DATADIR)/doc/haplo-poll/systemd:packaging/systemd/exec-outlet.conf \
	$(patsubst %,$(DATADIR)/haplo-poll/prometheus:packaging/prometheus/%, \
		haplo-poll.rules.yaml haplo-poll.dashboard.json)
installed_links := $(LIBDIR)/libhaplopoll.so.$(SOVERSION) \
	$(LIBDIR)/libhaplopoll.so

folder_of = $(DESTDIR)$(firstword $(subst :, ,$(1)))
file_of = $(lastword $(subst :, ,$(1)))
define install_each
$(foreach one,$(2),
	install -D -m $(1) $(call file_of,$(one)) \
		$(call folder_of,$(one))/$(notdir $(call file_of,$(one))))
endef

$(BUILD)/haplopoll.pc $(cmake_files): $(BUILD)/%: src/%.in FORCE
	$(Q)sed -e 's|@PREFIX@|$(PREFIX)|' -e 's|@LIBDIR@|$(LIBDIR)|' \
		-e 's|@INCLUDEDIR@|$(INCLUDEDIR)|' -e 's|@VERSION@|$(VERSION)|' \
		-e 's|@LIBS@|$(LIB_LIBS)|' $< >$@

# The manual pages of the library's functions.
$(BUILD)/man3/written: man/functions.py include/haplopoll.h
	$(Q)rm -f $(@D)/*.3 && $(PYTHON) $< $(@D) && touch $@

$(BUILD)/haplo-poll.service: packaging/systemd/haplo-poll.service FORCE
	$(Q)sed 's|/usr/bin/|$(BINDIR)/|' $< >$@

# Without DESTDIR the loader has to learn of the library: as root it does, and
# otherwise the last line tells how.
.PHONY: install
install: all $(BUILD)/haplopoll.pc $(cmake_files) \
		$(BUILD)/haplo-poll.service $(BUILD)/man3/written
	$(call install_each,755,$(installed_programs) $(installed_libs))
	$(call install_each,644,$(installed_files))
	install -m 644 $(BUILD)/man3/*.3 $(DESTDIR)$(DATADIR)/man/man3
	ln -sf $(notdir $(LIB_SO)) $(DESTDIR)$(firstword $(installed_links))
	ln -sf $(notdir $(firstword $(installed_links))) \
		$(DESTDIR)$(lastword $(installed_links))
ifeq ($(DESTDIR),)
	@if [ "$$(id -u)" = 0 ]; then ldconfig; else \
		echo "run ldconfig as root, or set LD_LIBRARY_PATH=$(LIBDIR)"; fi
endif

.PHONY: uninstall
uninstall: $(BUILD)/man3/written
	rm -f $(foreach one,$(installed_programs) $(installed_libs) \
		$(installed_files),$(call folder_of,$(one))/$(notdir \
		$(call file_of,$(one)))) $(addprefix $(DESTDIR),$(installed_links))
	cd $(BUILD)/man3 && for page in *.3; do \
		rm -f $(DESTDIR)$(DATADIR)/man/man3/$$page; done

# -- The package for Node.js -----------------------------------------------------

# The addon as a tarball for a Node.js that is not Debian's: it brings the
# libraries that it uses, and needs no compiler to be installed. See
# bindings/node/prebuilt/README.md.
node_build := $(BUILD)/node
node_curl := $(node_build)/curl/libcurl.a
node_addon := $(node_build)/self-contained/haplopoll.node
node_package := $(node_build)/haplopoll-$(VERSION)-linux-x64.tgz
node_exports := bindings/node/prebuilt/exports.map
node_libs := $(addprefix -l:,libssl.a libcrypto.a libyajl_s.a libxxhash.a \
	libtre.a libz.a)

# Built once; `make node-curl` asks whether Debian has a newer one.
$(node_curl): bindings/node/prebuilt/small_curl.sh
	@mkdir -p $(@D)
	$(call say,GEN)
	$(Q)$< $(@D) >$(node_build)/curl.log 2>&1 || \
		{ tail -n 20 $(node_build)/curl.log; exit 1; }
.PHONY: node-curl
node-curl:
	bindings/node/prebuilt/small_curl.sh $(node_build)/curl

$(node_addon): $(LIB_A) $(node_curl) $(node_exports) bindings/node/Makefile \
		$(wildcard bindings/node/src/*)
	@rm -f $@
	$(call say,LD)
	$(Q)$(MAKE) --no-print-directory -C bindings/node \
		OUT=$(abspath $(@D)) CC="$(CC)" Q="$(Q)" \
		CFLAGS="$(HARDENING) $(CFLAGS)" \
		HAPLOPOLL_A="$(abspath $(LIB_A) $(node_curl))" \
		HAPLOPOLL_CFLAGS=-I$(abspath include) \
		HAPLOPOLL_LIBS="$(node_libs)" \
		LDFLAGS="-Wl,-s -Wl,--version-script=$(abspath $(node_exports))" \
		$(abspath $@)

$(node_package): bindings/node/prebuilt/package.py $(node_addon) \
		$(wildcard $(addprefix bindings/node/*.,js json ts md))
	$(call say,PACK)
	$(Q)$(PYTHON) $< --addon=$(node_addon) --curl=$(dir $(node_curl)) \
		--out=$@
.PHONY: node-package
node-package: $(node_package)

# An application in TypeScript compiles with index.d.ts. The compiler comes from
# npm.
node_types := $(node_build)/types
.PHONY: check-node-types
check-node-types:
	@mkdir -p $(node_types)
	cp $(wildcard test/node/types/*) $(node_types)
	[ -d $(node_types)/node_modules/typescript ] || \
		npm ci --silent --no-audit --no-fund --prefix $(node_types)
	@mkdir -p $(node_types)/node_modules/haplopoll
	cp bindings/node/package.json bindings/node/index.d.ts \
		$(node_types)/node_modules/haplopoll
	cd $(node_types) && node_modules/.bin/tsc --noEmit --strict \
		--target es2022 --module node16 --moduleResolution node16 use.ts

# On several majors of Node.js, which come from npm. NODE_MAJORS="16 24": only
# these. NODE_LONG=1: minutes on each. Then the long forms of tests that `make
# test` has as well: 500 workers and 100 kills, with the machine's Node.js.
.PHONY: test-node
test-node: test-programs check-node-types $(node_package)
	$(PYTHON) test/node/majors/run.py --build=$(BUILD) \
		--package=$(node_package) $(if $(NODE_LONG),--long) $(NODE_MAJORS)
	HAPLO_TERMINATIONS=14 HAPLO_NODE_KILLS=100 $(PYTHON) test/run.py \
		--build=$(BUILD) --unit none --integration \
		test/node/test_workers.js \
		test/integration/test_node_own_database.py

# Next to undici, in the same Node.js.
.PHONY: bench-node
bench-node: bench-programs bench-peers $(node_package)
	rm -rf $(node_build)/bench && mkdir -p $(node_build)/bench
	npm install --silent --offline --prefix $(node_build)/bench \
		$(abspath $(node_package))
	$(PYTHON) bench/node.py --build=$(BUILD) \
		--package=$(node_build)/bench/node_modules/haplopoll

# -- Debian's packages ---------------------------------------------------------

# They are made in a copy of the sources, and end up in $(BUILD)/deb.
.PHONY: deb
deb:
	rm -rf $(BUILD)/deb && mkdir -p $(BUILD)/deb/haplo-poll
	tar -c --exclude=./build --exclude='./build-*' --exclude=./.git . | \
		tar -x -C $(BUILD)/deb/haplo-poll
	cp -r packaging/debian $(BUILD)/deb/haplo-poll/debian
	cd $(BUILD)/deb/haplo-poll && dpkg-buildpackage -b -us -uc
	rm -r $(BUILD)/deb/haplo-poll

# Installs them in a root of their own, polls there, and removes them.
.PHONY: check-deb
check-deb: deb
	lintian --fail-on=error,warning $(BUILD)/deb/*.changes
	$(PYTHON) test/package/clean_root.py $(BUILD)/deb

# Boots a virtual machine with the packages installed, and tests the service in
# it: see test/boot/README.md. It is emulated, unless ACCEL=kvm.
ACCEL ?= tcg
.PHONY: check-boot
check-boot: deb $(BUILD)/test/escape \
		$(BUILD)/stalled_loop.so
	ACCEL=$(ACCEL) $(PYTHON) test/boot/run.py --build=$(BUILD) $(BOOT_TESTS)

.PHONY: clean
clean:
	rm -rf build build-asan build-tsan build-cov build-fuzz build-boot

-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)

endif # deps_goals
