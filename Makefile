# picask: ask your pictures. GNU make 3.81 and newer; `make help` prints this.
#
#   make               program and libraries, in build/
#   make demo          set up this machine, index the example pictures, answer three queries
#   make check         set up this machine, run all tests that fit 15 minutes
#   make check-all     all tests, and those of programs again under ASan and UBSan
#   make unit-ROOM     the unit tests of one room of src/
#   make fuzz SECONDS=60 [TARGETS="csv npy"]
#   make crash RUNS=200   kill -9 at random moments; the table is looked at by ours and by LanceDB
#   make bench         figures beside their peers (half an hour); installs PyTorch and others into a folder of its own
#   make install PREFIX=/usr/local LIBDIR= DESTDIR=
#   make deb           a Debian package of the program and the built-in model
#   make clean
#
# CC CFLAGS CPPFLAGS LDFLAGS are honoured; SAN=1 builds with ASan and UBSan into build/san; WERROR=1; V=1 shows commands;
# WITH_MINI=no leaves the built-in model out; WITH_HTTP WITH_SNAPPY WITH_VIDEO WITH_HEIF WITH_TIFF = yes|no|auto (auto: where
# the library is); FULL=1 installs their libraries too; NO_INSTALL=1: no package manager, no network, no root.

VERSION  = 0.1.0
SOVERSION = 0
PREFIX  ?= /usr/local
LIBDIR  ?= $(PREFIX)/lib
BINDIR   = $(PREFIX)/bin
INCDIR   = $(PREFIX)/include
DATADIR  = $(PREFIX)/share/picask
MANDIR   = $(PREFIX)/share/man
DESTDIR ?=
WITH_MINI ?= yes

ifeq ($(origin CC),default)
CC = cc
endif
CFLAGS  ?= -O2 -g
B        = build$(if $(SAN),/san)$(SUBBUILD)
OS      := $(shell uname -s)
ARCH    := $(shell uname -m)
Q        = $(if $(V),,@)
say      = $(if $(V),,@printf '  %-5s %s\n' $(1) $(patsubst $(B)/%,%,$(2));)

PKGS     = libjpeg libpng libwebp libexif libzstd liblz4 zlib jansson libxxhash nettle
PKGCONFIG ?= pkg-config
PKG_CFLAGS := $(shell $(PKGCONFIG) --cflags $(PKGS) 2>/dev/null)
PKG_LIBS   := $(shell $(PKGCONFIG) --libs $(PKGS) 2>/dev/null)
ifeq ($(OS),Darwin)
# giflib, libunistring and cmocka come without pkg-config files there
BREW     := $(shell brew --prefix 2>/dev/null)
PKG_CFLAGS += $(if $(BREW),-I$(BREW)/include)
PKG_LIBS   += $(if $(BREW),-L$(BREW)/lib)
endif
LIBS     = $(PKG_LIBS) -lgif -lunistring -lm -lpthread -ldl
LANCELET_LIBS := $(shell $(PKGCONFIG) --libs libzstd liblz4 zlib libxxhash nettle 2>/dev/null) -lm -lpthread -ldl

WARN     = -Wall -Wextra -Wpedantic -Wshadow -Wstrict-prototypes -Wmissing-prototypes $(if $(WERROR),-Werror)
SANFLAGS = $(if $(SAN),-fsanitize=address$(comma)undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer)
comma    = ,
ALL_CPPFLAGS = -D_GNU_SOURCE -Iinclude -Isrc $(PKG_CFLAGS) $(CPPFLAGS)
ALL_CFLAGS   = -std=c11 -fPIC -fvisibility=hidden $(WARN) $(CFLAGS) $(SANFLAGS)
ALL_LDFLAGS  = $(SANFLAGS) $(LDFLAGS)

# ---- rooms, and the rooms below each: a unit test of a room links nothing above it ----
ROOMS = base arrow lance embed net source gallery view cli
BELOW_base    =
BELOW_arrow   = base
BELOW_lance   = arrow base
BELOW_embed   = base
BELOW_net     = base
BELOW_source  = net arrow base
BELOW_gallery = source net embed lance arrow base
BELOW_view    = gallery source net embed lance arrow base
BELOW_cli     = view gallery source net embed lance arrow base

srcs_of = $(filter-out $(skip_isa) $(skip_os),$(sort $(wildcard src/$(1)/*.c src/$(1)/*/*.c)))
ifeq ($(filter x86_64 amd64,$(ARCH)),)
skip_isa := $(wildcard src/*/*_avx*.c src/*/*/*_avx*.c src/*/*_amx.c src/*/*/*_amx.c)
endif
ifeq ($(OS),Darwin)
skip_os := src/base/os_linux.c
SHARED_EXT = dylib
else
skip_os := src/base/os_macos.c
SHARED_EXT = so
endif
objs_of = $(patsubst src/%.c,$(B)/obj/%.o,$(call srcs_of,$(1)))

LANCELET_OBJS = $(foreach r,lance arrow base,$(call objs_of,$(r)))
PICASK_OBJS   = $(foreach r,gallery source net embed lance arrow base,$(call objs_of,$(r)))
PROGRAM_OBJS  = $(foreach r,$(ROOMS),$(call objs_of,$(r)))

NEEDS_NO_LIBRARY = help setup setup-test demo check check-all clean
ifneq ($(filter-out $(NEEDS_NO_LIBRARY),$(or $(MAKECMDGOALS),all)),)
MISSING := $(shell for p in $(PKGS); do $(PKGCONFIG) --exists $$p 2>/dev/null || printf ' %s' $$p; done)
$(if $(MISSING),$(error $(PKGCONFIG) does not find$(MISSING): run 'make setup', or install them))
endif

all: $(B)/picask libs modules models

libs: $(B)/libpicask.a $(B)/liblancelet.a $(B)/libpicask.$(SHARED_EXT) $(B)/liblancelet.$(SHARED_EXT)

# The program finds models/ beside itself.
models:
ifneq ($(WITH_MINI),no)
	$(Q)mkdir -p $(B) && { [ "$$(readlink $(B)/models)" = $(CURDIR)/models ] || { rm -rf $(B)/models && ln -s $(CURDIR)/models $(B)/models; }; }
else
	$(Q)rm -rf $(B)/models
endif

# ---- compiling: rooms that read bytes from outside get -Wconversion too; kernels get their instruction set ----
STRICT = base arrow lance embed/image embed/text source net
strict = $(if $(filter $(addprefix src/,$(addsuffix /%,$(STRICT))),$(1)),-Wconversion)
isa    = $(if $(filter %_avx512bf16.c,$(1)),-mavx512f -mavx512bw -mavx512dq -mavx512vl -mavx512vnni -mavx512bf16 -mfma -mf16c,\
         $(if $(filter %_avx512.c,$(1)),-mavx512f -mavx512bw -mavx512dq -mavx512vl -mavx512vnni -mfma -mf16c,\
         $(if $(filter %_avx2.c,$(1)),-mavx2 -mfma -mf16c)))

$(B)/obj/%.o: src/%.c
	$(call say,CC,$<)mkdir -p $(dir $@) && $(CC) $(ALL_CPPFLAGS) $(ALL_CFLAGS) $(call strict,$<) $(call isa,$<) -MMD -MP -c $< -o $@

# The installation's model folder is compiled in; only what names it is built again when it changes.
$(B)/obj/embed/model/find.o: ALL_CPPFLAGS += -DPICASK_DATADIR='"$(DATADIR)"'
$(B)/obj/embed/model/find.o: $(B)/datadir
$(B)/datadir: force
	$(Q)mkdir -p $(dir $@) && { echo '$(DATADIR)' | cmp -s - $@ || echo '$(DATADIR)' > $@; }
force:

# Where an installation keeps modules and programs is compiled in likewise.
$(B)/obj/base/module.o: ALL_CPPFLAGS += -DPICASK_MODULES='"$(LIBDIR)/picask"' -DPICASK_PROGRAMS='"$(PREFIX)/libexec/picask"'
$(B)/obj/base/module.o: $(B)/moduledir
$(B)/moduledir: force
	$(Q)mkdir -p $(dir $@) && { echo '$(LIBDIR) $(PREFIX)' | cmp -s - $@ || echo '$(LIBDIR) $(PREFIX)' > $@; }

# The tokenizer's vocabulary is included as bytes.
$(B)/obj/embed/text/clip_vocab.o: src/embed/text/clip_vocab.bin

define room_archive
$(B)/room/$(1).a: $$(call objs_of,$(1))
	$$(Q)mkdir -p $$(dir $$@) && rm -f $$@ && $(AR) rcs $$@ $$^
endef
$(foreach r,$(ROOMS),$(eval $(call room_archive,$(r))))
-include $(shell find $(B)/obj -name '*.d' 2>/dev/null)

$(B)/picask: $(foreach r,cli $(BELOW_cli),$(B)/room/$(r).a)
	$(call say,LD,$@)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIBS)

$(B)/libpicask.a: $(PICASK_OBJS)
	$(call say,AR,$@)rm -f $@ && $(AR) rcs $@ $^
$(B)/liblancelet.a: $(LANCELET_OBJS)
	$(call say,AR,$@)rm -f $@ && $(AR) rcs $@ $^

$(B)/libpicask.so: $(PICASK_OBJS) tools/libpicask.map
	$(call say,LD,$@)$(CC) $(ALL_LDFLAGS) -shared -Wl,-soname,libpicask.so.$(SOVERSION) -Wl,--version-script=tools/libpicask.map -o $@.$(SOVERSION) $(PICASK_OBJS) $(LIBS) && ln -sf $(notdir $@).$(SOVERSION) $@
$(B)/liblancelet.so: $(LANCELET_OBJS) tools/liblancelet.map
	$(call say,LD,$@)$(CC) $(ALL_LDFLAGS) -shared -Wl,-soname,liblancelet.so.$(SOVERSION) -Wl,--version-script=tools/liblancelet.map -o $@.$(SOVERSION) $(LANCELET_OBJS) $(LANCELET_LIBS) && ln -sf $(notdir $@).$(SOVERSION) $@
# On macOS a library is found where the program that uses it says (rpath); `make install` writes its place into it.
$(B)/libpicask.dylib: $(PICASK_OBJS)
	$(call say,LD,$@)$(CC) $(ALL_LDFLAGS) -dynamiclib -install_name @rpath/libpicask.$(SOVERSION).dylib -o $(B)/libpicask.$(SOVERSION).dylib $^ $(LIBS) && ln -sf libpicask.$(SOVERSION).dylib $@
$(B)/liblancelet.dylib: $(LANCELET_OBJS)
	$(call say,LD,$@)$(CC) $(ALL_LDFLAGS) -dynamiclib -install_name @rpath/liblancelet.$(SOVERSION).dylib -o $(B)/liblancelet.$(SOVERSION).dylib $^ $(LANCELET_LIBS) && ln -sf liblancelet.$(SOVERSION).dylib $@

# ---- modules: heavy libraries that are opened at first need; the program that decodes hostile formats ----
WITH_HTTP ?= auto
WITH_SNAPPY ?= auto
WITH_VIDEO ?= auto
WITH_HEIF ?= auto
WITH_TIFF ?= auto
MODULE_http   = libcurl
MODULE_snappy = snappy
MODULE_video  = libavformat libavcodec libswscale libavutil
MODULE_heif   = libheif
MODULE_tiff   = libtiff-4
there  = $(shell $(PKGCONFIG) --exists $(MODULE_$(1)) && echo yes)
# yes: built, and an error where the library is missing; auto: built where it is there
wanted = $(if $(filter yes,$(2)),yes,$(if $(filter auto,$(2)),$(call there,$(1))))
HAVE_HEIF := $(call wanted,heif,$(WITH_HEIF))
HAVE_TIFF := $(call wanted,tiff,$(WITH_TIFF))
MODULES := $(if $(call wanted,http,$(WITH_HTTP)),http) $(if $(call wanted,snappy,$(WITH_SNAPPY)),snappy) $(if $(call wanted,video,$(WITH_VIDEO)),video)
DECODER := $(if $(HAVE_HEIF)$(HAVE_TIFF),$(B)/libexec/picask/decode)

modules: module-libraries $(DECODER)
module-libraries: $(patsubst %,$(B)/lib/%.so,$(MODULES))
	$(Q)mkdir -p $(B)/lib && ln -sfn . $(B)/lib/picask

# A module links its one library and nothing of ours.
$(B)/lib/%.so: src/module/%.c
	$(call say,LD,$@)mkdir -p $(dir $@) && $(CC) $(ALL_CPPFLAGS) $(shell $(PKGCONFIG) --cflags $(MODULE_$*)) $(ALL_CFLAGS) -Wconversion $(ALL_LDFLAGS) -shared -MMD -MP -MF $@.d -o $@ $< $(shell $(PKGCONFIG) --libs $(MODULE_$*))
-include $(wildcard $(B)/lib/*.d)

DECODE_FLAGS = $(if $(HAVE_HEIF),-DWITH_HEIF) $(if $(HAVE_TIFF),-DWITH_TIFF)
DECODE_PKGS  = $(if $(HAVE_HEIF),libheif) $(if $(HAVE_TIFF),libtiff-4)
DECODE_SRCS  = src/decode/main.c $(if $(HAVE_HEIF),src/decode/heif.c) $(if $(HAVE_TIFF),src/decode/tiff.c)
$(B)/libexec/picask/decode: $(DECODE_SRCS) $(wildcard src/decode/*.h src/embed/image/*.h) $(B)/room/embed.a $(B)/room/base.a
	$(call say,LD,$@)mkdir -p $(dir $@) && $(CC) $(ALL_CPPFLAGS) $(DECODE_FLAGS) $(shell $(PKGCONFIG) --cflags $(DECODE_PKGS)) $(ALL_CFLAGS) -Wconversion $(ALL_LDFLAGS) -o $@ $(filter %.c %.a,$^) $(LIBS) $(shell $(PKGCONFIG) --libs $(DECODE_PKGS))

# ---- unit tests: tests/unit/<room>_<what>.c, one cmocka program each ----
UNIT_SRCS = $(sort $(wildcard tests/unit/*.c))
UNIT_BINS = $(patsubst tests/unit/%.c,$(B)/unit/%,$(UNIT_SRCS))
room_of   = $(firstword $(subst _, ,$(notdir $(1))))

define unit_rule
$(B)/unit/$(1): tests/unit/$(1).c $(foreach r,$(call room_of,$(1)) $(BELOW_$(call room_of,$(1))),$(B)/room/$(r).a)
	$$(call say,CC,$$<)mkdir -p $$(dir $$@) && $$(CC) $$(ALL_CPPFLAGS) -Itests $$(ALL_CFLAGS) -Wno-missing-prototypes -MMD -MP -MF $$@.d $$(ALL_LDFLAGS) -o $$@ $$(filter %.c %.a,$$^) -lcmocka $$(LIBS)
endef
$(foreach t,$(patsubst tests/unit/%.c,%,$(UNIT_SRCS)),$(eval $(call unit_rule,$(t))))
-include $(wildcard $(B)/unit/*.d)

unit: $(UNIT_BINS) modules
# make unit-base runs the unit tests of one room
unit-%:
	$(Q)$(MAKE) --no-print-directory modules $(patsubst tests/unit/%.c,$(B)/unit/%,$(wildcard tests/unit/$*_*.c))
	$(Q)for t in $(patsubst tests/unit/%.c,$(B)/unit/%,$(wildcard tests/unit/$*_*.c)); do $$t || exit 1; done

# ---- fuzz targets: tests/fuzz/<what>.c; replayed over the corpus by check, run by `make fuzz SECONDS=60` ----
FUZZ_BINS = $(patsubst tests/fuzz/%.c,$(B)/fuzz/%,$(filter-out tests/fuzz/replay.c,$(sort $(wildcard tests/fuzz/*.c))))
FUZZ_MAIN = tests/fuzz/replay.c
ROOM_ARCHIVES = $(foreach r,$(BELOW_cli),$(B)/room/$(r).a)
# those of the decode program take its decoder and its library in
$(B)/fuzz/heif: FUZZ_DECODER = src/decode/heif.c
$(B)/fuzz/heif: FUZZ_LIBS = $(shell $(PKGCONFIG) --libs libheif)
$(B)/fuzz/tiff: FUZZ_DECODER = src/decode/tiff.c
$(B)/fuzz/tiff: FUZZ_LIBS = $(shell $(PKGCONFIG) --libs libtiff-4)
$(B)/fuzz/%: tests/fuzz/%.c $(FUZZ_MAIN) $(ROOM_ARCHIVES)
	$(call say,CC,$<)mkdir -p $(dir $@) && $(CC) $(ALL_CPPFLAGS) -Itests $(ALL_CFLAGS) -Wno-missing-prototypes $(ALL_LDFLAGS) -o $@ $< $(FUZZ_DECODER) $(FUZZ_MAIN) $(ROOM_ARCHIVES) $(LIBS) $(FUZZ_LIBS)
fuzzers: $(FUZZ_BINS) module-libraries
SECONDS ?= 60
fuzz:
	$(Q)$(MAKE) --no-print-directory CC=clang SUBBUILD=/fuzzer CFLAGS='-O1 -g -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=undefined' LDFLAGS=-fsanitize=fuzzer,address,undefined FUZZ_MAIN= fuzzers
	$(Q)tools/fuzz $(SECONDS) $(TARGETS)

# ---- the README's two commands ----
setup:
	@tools/setup core
setup-test:
	@tools/setup test
demo: setup
	$(Q)$(MAKE) --no-print-directory $(B)/picask modules models
	@tools/demo

VENV = build/venv
$(VENV)/ready: tests/requirements.txt
	@tools/venv $(VENV) $^

check: setup-test
	$(Q)$(MAKE) --no-print-directory all unit fuzzers examples $(VENV)/ready
	$(Q)$(VENV)/bin/python tests/run
# All of check, its heavy tests too, and every test again under ASan and UBSan (Python itself leaks: not looked for there; the C++
# library is there from the start, so that ASan sees the exceptions that pyarrow throws).
MORE_PEERS = pylance==14.0.2 duckdb==1.5.5 duckdb-extension-lance==1.5.5 lance-ray==0.5.0 ray==2.60.0 polars==2.1.0
check-all: setup-test
	$(Q)$(MAKE) --no-print-directory all unit fuzzers examples $(VENV)/ready
	$(Q)$(VENV)/bin/pip install -q --disable-pip-version-check $(MORE_PEERS)
	$(Q)$(VENV)/bin/python tests/run --all
	$(Q)$(MAKE) --no-print-directory check-san
check-san: $(VENV)/ready
	$(Q)$(MAKE) --no-print-directory SAN=1 all unit fuzzers
	$(Q)ASAN_OPTIONS=detect_leaks=1 UBSAN_OPTIONS=print_stacktrace=1 python3 tests/run --build build/san --kind unit
	$(Q)python3 tests/run --build build/san --kind fuzz
	$(Q)ASAN_OPTIONS=detect_leaks=1 UBSAN_OPTIONS=print_stacktrace=1 python3 tests/run --build build/san --kind cli
	$(Q)LD_PRELOAD="$$($(CC) -print-file-name=libasan.so) $$($(CC) -print-file-name=libstdc++.so)" ASAN_OPTIONS=detect_leaks=0 $(VENV)/bin/python tests/run --build build/san --kind peers

# kill -9 at random moments of index, remove and table delete, beside other writers
RUNS ?= 200
crash: $(B)/picask $(VENV)/ready
	$(Q)$(VENV)/bin/python tests/crash/run --build $(B) --runs $(RUNS)

# Figures beside their peers; installs PyTorch for the CPU into a Python environment of its own.
BENCH_VENV = build/bench-venv
$(BENCH_VENV)/ready: tests/requirements.txt bench/requirements.txt
	@tools/venv $(BENCH_VENV) $^
RCLIP_VENV = build/rclip-venv
$(RCLIP_VENV)/ready: bench/rclip_requirements.txt
	@tools/venv $(RCLIP_VENV) $^
bench: all demo $(BENCH_VENV)/ready $(RCLIP_VENV)/ready
	$(Q)$(BENCH_VENV)/bin/python bench/process.py
	$(Q)$(BENCH_VENV)/bin/python bench/mini.py
	$(Q)$(BENCH_VENV)/bin/python bench/search.py
	$(Q)$(BENCH_VENV)/bin/python bench/lance_search.py
	$(Q)$(BENCH_VENV)/bin/python bench/lance_append.py
	$(Q)$(BENCH_VENV)/bin/python bench/lance_small_appends.py
	$(Q)$(BENCH_VENV)/bin/python bench/clip.py
	$(Q)$(BENCH_VENV)/bin/python bench/parquet_table.py
	$(Q)$(BENCH_VENV)/bin/python bench/folders.py $(RCLIP_VENV)/bin/python
	$(Q)bench/size.sh

# each with the one library that it shows
examples: $(B)/examples/search $(B)/examples/read_lance
$(B)/examples/search: LIBRARY = picask
$(B)/examples/read_lance: LIBRARY = lancelet
$(B)/examples/%: examples/c/%.c $(B)/libpicask.$(SHARED_EXT) $(B)/liblancelet.$(SHARED_EXT)
	$(call say,CC,$<)mkdir -p $(dir $@) && $(CC) -std=c11 -Iinclude $(WARN) $(CFLAGS) $(SANFLAGS) -o $@ $< -L$(B) -l$(LIBRARY) -Wl,-rpath,$(abspath $(B)) $(LDFLAGS)

# ---- installing ----
PC_WORDS = -e 's|@PREFIX@|$(PREFIX)|' -e 's|@LIBDIR@|$(patsubst $(PREFIX)/%,$${prefix}/%,$(LIBDIR))|' -e 's|@VERSION@|$(VERSION)|'
install: all install-program
	$(Q)mkdir -p $(DESTDIR)$(LIBDIR)/pkgconfig $(DESTDIR)$(INCDIR)
	$(Q)install -m 644 include/picask.h include/lancelet.h $(DESTDIR)$(INCDIR)
	$(Q)install -m 644 $(B)/libpicask.a $(B)/liblancelet.a $(DESTDIR)$(LIBDIR)
ifeq ($(OS),Darwin)
	$(Q)for l in libpicask liblancelet; do install -m 755 $(B)/$$l.$(SOVERSION).dylib $(DESTDIR)$(LIBDIR) && install_name_tool -id $(LIBDIR)/$$l.$(SOVERSION).dylib $(DESTDIR)$(LIBDIR)/$$l.$(SOVERSION).dylib && ln -sf $$l.$(SOVERSION).dylib $(DESTDIR)$(LIBDIR)/$$l.dylib || exit 1; done
else
	$(Q)for l in libpicask liblancelet; do install -m 644 $(B)/$$l.so.$(SOVERSION) $(DESTDIR)$(LIBDIR) && ln -sf $$l.so.$(SOVERSION) $(DESTDIR)$(LIBDIR)/$$l.so || exit 1; done
	$(Q)if [ -z "$(DESTDIR)" ] && [ "$$(id -u)" -eq 0 ]; then ldconfig; fi
endif
	$(Q)sed $(PC_WORDS) -e 's|@LIBS@|$(LIBS)|' packaging/picask.pc.in > $(DESTDIR)$(LIBDIR)/pkgconfig/picask.pc
	$(Q)sed $(PC_WORDS) -e 's|@LIBS@|$(LANCELET_LIBS)|' packaging/lancelet.pc.in > $(DESTDIR)$(LIBDIR)/pkgconfig/lancelet.pc

install-program: $(B)/picask modules
	$(Q)mkdir -p $(DESTDIR)$(BINDIR) $(DESTDIR)$(MANDIR)/man1 $(DESTDIR)$(PREFIX)/share/bash-completion/completions $(DESTDIR)$(PREFIX)/share/doc/picask
	$(Q)install -m 755 $(B)/picask $(DESTDIR)$(BINDIR)
	$(Q)mkdir -p $(DESTDIR)$(LIBDIR)/picask $(DESTDIR)$(PREFIX)/libexec/picask
	$(Q)for m in $(MODULES); do install -m 644 $(B)/lib/$$m.so $(DESTDIR)$(LIBDIR)/picask || exit 1; done
	$(Q)for p in $(DECODER); do install -m 755 $$p $(DESTDIR)$(PREFIX)/libexec/picask || exit 1; done
	$(Q)install -m 644 docs/man/picask.1 $(DESTDIR)$(MANDIR)/man1
	$(Q)install -m 644 packaging/copyright $(DESTDIR)$(PREFIX)/share/doc/picask
	$(Q)install -m 644 tools/completions/picask.bash $(DESTDIR)$(PREFIX)/share/bash-completion/completions/picask
ifneq ($(WITH_MINI),no)
	$(Q)mkdir -p $(DESTDIR)$(DATADIR)/models && install -m 644 models/*.safetensors $(DESTDIR)$(DATADIR)/models
endif

deb:
	$(Q)packaging/make_deb $(VERSION)

clean:
	rm -rf build

help:
	@sed -n '1,/^$$/s/^# \{0,1\}//p' Makefile

.PHONY: crash force help all libs modules module-libraries models unit setup setup-test demo check check-all check-san fuzzers fuzz bench examples install install-program deb clean
