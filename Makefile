# haplo-poll: `make deps demo` shows it at work, `make deps test` tests it.

VERSION := 0.1.0
SOVERSION := 0
PREFIX ?= /usr/local
BUILD ?= build

CC ?= cc
CFLAGS ?= -O2 -g
WARNINGS := -Wall -Wextra -Wshadow -Wconversion -Wstrict-prototypes \
	-Wmissing-prototypes -Wpointer-arith -Wwrite-strings
WERROR ?= $(if $(CI),-Werror)
ALL_CFLAGS := -std=c11 -D_GNU_SOURCE $(WARNINGS) $(WERROR) -fPIC \
	-fvisibility=hidden -Iinclude -Isrc -MMD -MP $(CFLAGS)

LIB_LIBS := -luv -lcurl -lyajl -lxxhash
DAEMON_LIBS := -lsqlite3 -lcyaml -lyaml
SIM_LIBS := -luv -lhttp_parser -lssl -lcrypto -lz -lxxhash

lib_src := $(wildcard src/*.c src/core/*.c src/io/*.c)
sink_src := $(wildcard src/sinks/*.c)
daemon_src := $(wildcard src/daemon/*.c)
sim_src := $(wildcard src/sim/*.c)
unit_src := $(wildcard test/unit/test_*.c)
example_src := $(wildcard examples/*.c)

obj = $(patsubst %.c,$(BUILD)/%.o,$(1))
lib_obj := $(call obj,$(lib_src))
sink_obj := $(call obj,$(sink_src))
daemon_obj := $(call obj,$(daemon_src))
sim_obj := $(call obj,$(sim_src))
unit_bin := $(patsubst test/unit/%.c,$(BUILD)/test/%,$(unit_src))

LIB_A := $(BUILD)/libhaplopoll.a
LIB_SO := $(BUILD)/libhaplopoll.so.$(VERSION)

.PHONY: all
all: $(LIB_A) $(LIB_SO) $(BUILD)/haplo-poll $(BUILD)/haplo-sim

$(BUILD)/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -c -o $@ $<

$(LIB_A): $(lib_obj)
	rm -f $@
	ar rcs $@ $^

$(LIB_SO): $(lib_obj)
	$(CC) -shared -Wl,-soname,libhaplopoll.so.$(SOVERSION) $(LDFLAGS) \
		-o $@ $^ $(LIB_LIBS)

$(BUILD)/haplo-poll: $(daemon_obj) $(sink_obj) $(LIB_A)
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(DAEMON_LIBS) $(LIB_LIBS)

$(BUILD)/haplo-sim: $(sim_obj)
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(SIM_LIBS)

# Unit tests link the objects, so that they reach what the library hides.
daemon_test_obj := $(filter-out $(BUILD)/src/daemon/main.o,$(daemon_obj))
$(BUILD)/test/%: $(BUILD)/test/unit/%.o $(lib_obj) $(sink_obj) $(daemon_test_obj)
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ -lcmocka $(DAEMON_LIBS) $(LIB_LIBS)

.PHONY: clean
clean:
	rm -rf $(BUILD)

-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)
