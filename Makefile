# SPDX-License-Identifier: GPL-3.0-or-later
# EFLA toolkit.  `make help` lists the targets.
#
#   MODE=release|debug|asan|tsan|coverage   release leaves programs in bin/, the others below build/MODE/
#   QUICK=1                            the seconds-long version of every experiment
#   FORMAT=svg|pdf|png                 of the figures
#   EFLA_MNIST=DIR                     directory of MNIST's IDX files: adds the figures on real input
#   EFLA_CORPUS=DIR                    directory of a text in the parts train, valid, test: the study of language models
#   SEEDS=LIST, SHARD=i/n              of make study: seeds of the classifiers, share of all models
#   ARB=no, FFTW=no                    build without Arb or FFTW, even where it is installed; OPTIONAL=no leaves them uninstalled
#   MPI=no                             build without MPI, even where it is installed; MPI=NAME: the one that pkg-config knows by it
#   CUDA=yes                           libefla with the backend cuda, by nvcc: mk/cuda.mk
#   OPENMP=no                          libefla with one thread, which then needs libm only
#   WERROR=1                           a warning is an error
#   V=1                                show the compiler's command lines

MODE   ?= release
CUDA   ?= no
FORMAT ?= svg
ifeq ($(origin CC),default)
CC     := $(if $(filter fuzz tsan,$(MODE)),clang,cc)
endif

# Targets without build- in their names see to the packages first, then call make again for the build proper: packages.mk.
include mk/packages.mk

# ---------------------------------------------------------------------------------------------- what is built from what
BUILD := build/$(MODE)
BIN   := $(if $(filter release,$(MODE)),bin,$(BUILD)/bin)

# libefla is src/efla and stands alone; src/mpi is a library beside it where there is MPI; the laboratory is all else in src, and
# stands on them.
EFLA_C       := $(sort $(filter-out $(if $(filter yes,$(CUDA)),,src/efla/cuda/%),$(wildcard src/efla/*.c src/efla/*/*.c)))
LABORATORY_C := $(sort $(filter-out src/efla/% src/mpi/%,$(wildcard src/*/*.c src/*/*/*.c)))
EXPERIMENTS  := $(sort $(wildcard experiments/*.c experiments/tools/*.c))
PROGRAMS     := $(notdir $(EXPERIMENTS:.c=))
TESTS        := $(patsubst tests/%.c,%,$(sort $(wildcard tests/*/test_*.c tests/*/*/test_*.c)))
ifneq ($(MODE),release) # only that is installed
TESTS        := $(filter-out packaging/%,$(TESTS))
endif
ifeq ($(CUDA),yes) # plays the device where the library has none
TESTS        := $(filter-out efla/cuda/%,$(TESTS))
endif

EFLA_O        = $(EFLA_C:%.c=$(BUILD)/%.o) $(CUDA_O)
MPI_O        := $(patsubst %.c,$(BUILD)/%.o,$(wildcard src/mpi/*.c))
LABORATORY_O := $(LABORATORY_C:%.c=$(BUILD)/%.o)
HARNESS_O    := $(patsubst %.c,$(BUILD)/%.o,$(sort $(wildcard tests/support/*.c)))
# The order in which a linker wants them.
LIBRARIES    := $(BUILD)/liblaboratory.a $(if $(MPI_LIBS),$(BUILD)/libefla_mpi.a) $(BUILD)/libefla.a
PROGRAM_FILES := $(PROGRAMS:%=$(BIN)/%)
TEST_FILES   := $(TESTS:%=$(BUILD)/tests/%)

# ---------------------------------------------------------------------------------------------------------------- flags
MODE_FLAGS_release  := -O3 -DNDEBUG
MODE_FLAGS_debug    := -O0 -g3
MODE_FLAGS_asan     := -O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all
MODE_FLAGS_tsan     := -O1 -g -fsanitize=thread
MODE_FLAGS_fuzz     := $(MODE_FLAGS_asan) -fsanitize=fuzzer-no-link
MODE_FLAGS_coverage := -O0 -g --coverage
ifeq ($(MODE_FLAGS_$(MODE)),)
$(error MODE=$(MODE) is none of release, debug, asan, tsan, coverage)
endif
ifneq ($(words $(FORMAT))$(filter-out svg pdf png,$(FORMAT)),1)
$(error FORMAT=$(FORMAT) is none of svg, pdf, png)
endif

WARNINGS := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wconversion -Wvla -Wformat=2 \
            $(if $(WERROR),-Werror)
# -ffp-contract=off: a fused multiply-add here and none there would make results depend on the compiler.
COMMON     = $(WARNINGS) $(MODE_FLAGS_$(MODE)) -ffp-contract=off -Isrc
CFLAGS_ALL = -std=gnu11 -D_GNU_SOURCE $(COMMON) -fopenmp $(PACKAGE_CFLAGS) $(CFLAGS)
# libefla knows no package.  The same objects make the static and the shared library.
OPENMP_FLAG = $(if $(filter no,$(OPENMP)),-Wno-unknown-pragmas,-fopenmp)
CFLAGS_EFLA = -std=c11 -Wpedantic $(COMMON) $(OPENMP_FLAG) -fPIC -fno-semantic-interposition $(CUDA_FLAGS) $(CFLAGS)
LDFLAGS_ALL = -fopenmp $(MODE_FLAGS_$(MODE)) $(LDFLAGS)
CFLAGS_TEST = $(CFLAGS_ALL) -Itests/support $(CHECK_CFLAGS) -DTEST_BIN='"$(BIN)"' -DTEST_WORK='"$(BUILD)/tests/work"' -DTEST_BUILD='"$(BUILD)"'

# Vector code is compiled once per instruction set (isa), with its multiply-add, and chosen at run time.  Undefined behaviour is
# looked for in the generic one only: the others are the same source, on which the compiler would spend minutes.
X86_64 := $(findstring x86_64,$(shell $(CC) -dumpmachine))
isa     = $(if $(findstring _generic,$(1)),-ffp-contract=fast)$(if $(findstring _x86_64_v,$(1)),-ffp-contract=fast \
          -fno-sanitize=undefined $(if $(X86_64),-march=x86-64-$(lastword $(subst _, ,$(1)))))$(if $(findstring _avx512_bf16,\
          $(1)),-ffp-contract=fast $(if $(X86_64),-march=x86-64-v4 -mavx512bf16))
# What is installed is the same whatever the directory it was built in.
WHEREVER := $(if $(filter release,$(MODE)),'-ffile-prefix-map=$(CURDIR)=.')

include mk/cuda.mk
PACKAGE_LIBS += $(CUDA_LIBS)

# ------------------------------------------------------------------------------------------------- what a user asks for
.DEFAULT_GOAL := all
.PHONY: all check help clean build-all build-check always
.DELETE_ON_ERROR:
SUBMAKE = $(MAKE) --no-print-directory
CORES  := $(shell getconf _NPROCESSORS_ONLN 2>/dev/null || echo 1)
JOBS   := -j$(CORES)
say     = $(if $(V),,@echo '  $(1)  $(2)'; )

all: present            ## build every program
	@$(SUBMAKE) $(JOBS) build-all
check: deps install-deps figure-check-deps consumer-deps python-deps ## build and run all tests
	@$(SUBMAKE) $(JOBS) build-check
help:                   ## this list
	@sed -n 's/^\([a-z-]*\):[^#]*## /  make \1\t/p' $(MAKEFILE_LIST) | expand -t 24; sed -n '4,13s/^# *//p' Makefile
clean:                  ## remove everything that was built, run and drawn
	rm -rf build bin results figures report

# --------------------------------------------------------------------------------------------------------------- builds
build-all: $(PROGRAM_FILES) $(BUILD)/draw

# git archive writes the commit into .commit; elsewhere git knows it.
COMMIT = $(shell grep -v Format .commit 2>/dev/null | cut -c 1-12 | grep . || git describe --always --dirty --abbrev=12 2>/dev/null || echo unknown)
# The flags and the commit go into files that change only when they do, so that objects are rebuilt exactly when needed.
update = cmp -s $@.new $@ && rm $@.new || mv $@.new $@
$(BUILD)/flags: always
	@mkdir -p $(@D); echo '$(CC) $(CFLAGS_ALL) $(CFLAGS_EFLA) $(LDFLAGS_ALL) $(PACKAGE_LIBS) $(NVCC_FLAGS)' > $@.new; $(update)
$(BUILD)/build_info.h: always
	@mkdir -p $(@D); { \
	  echo '#define EFLA_COMMIT "$(COMMIT)"'; \
	  echo '#define EFLA_COMPILER "$(shell $(CC) --version | head -n 1)"'; \
	  echo '#define EFLA_FLAGS "$(strip $(CFLAGS_ALL))"'; } > $@.new; $(update)
$(BUILD)/src/app/provenance.o: $(BUILD)/build_info.h
$(BUILD)/src/data/shakespeare.o: data/shakespeare.txt # embedded

COMPILE = -MMD -MP -c -o $@ $<
$(BUILD)/src/mpi/%.o: src/mpi/%.c $(BUILD)/flags
	@mkdir -p $(@D)
	$(call say,CC,$@)$(CC) $(CFLAGS_EFLA) $(MPI_CFLAGS) $(WHEREVER) $(COMPILE)
$(BUILD)/src/efla/%.o: src/efla/%.c $(BUILD)/flags
	@mkdir -p $(@D)
	$(call say,CC,$@)$(CC) $(CFLAGS_EFLA) $(WHEREVER) $(call isa,$*) $(COMPILE)
# A square root that may set errno keeps the loop around it from being vectorised.
$(BUILD)/src/train/adamw.o: OWN_FLAGS := -fno-math-errno
$(BUILD)/src/%.o: src/%.c $(BUILD)/flags
	@mkdir -p $(@D)
	$(call say,CC,$@)$(CC) $(CFLAGS_ALL) $(WHEREVER) $(call isa,$*) $(OWN_FLAGS) -I$(BUILD) $(COMPILE)
$(BUILD)/experiments/%.o: experiments/%.c $(BUILD)/flags
	@mkdir -p $(@D)
	$(call say,CC,$@)$(CC) $(CFLAGS_ALL) $(WHEREVER) $(COMPILE)
# A stand-in for CUDA's runtime is seen by the tests that play the device only.
$(BUILD)/tests/efla/cuda/%.o: CFLAGS_TEST += -Itests/support/runtime
$(BUILD)/tests/%.o: tests/%.c $(BUILD)/flags
	@mkdir -p $(@D)
	$(call say,CC,$@)$(CC) $(CFLAGS_TEST) $(COMPILE)

LINK = $(CC) $(LDFLAGS_ALL) -o $@ $(filter %.o,$^) $(filter %.a,$^)
$(BUILD)/libefla.a: $(EFLA_O)
$(BUILD)/liblaboratory.a: $(LABORATORY_O)
$(BUILD)/libefla_mpi.a: $(MPI_O)
$(LIBRARIES):
	@rm -f $@
	$(call say,AR,$@)$(AR) rcs $@ $^
.SECONDEXPANSION:
object_of = $(patsubst %.c,$(BUILD)/%.o,$(filter %/$(1).c,$(EXPERIMENTS)))
$(PROGRAM_FILES): $$(call object_of,$$(@F)) $(LIBRARIES)
	@mkdir -p $(@D)
	$(call say,LD,$@)$(LINK) $(PACKAGE_LIBS)
# What make itself runs, and nobody installs.
CLAIMS_O := $(patsubst %.c,$(BUILD)/%.o,$(wildcard experiments/claims/*.c))
$(BUILD)/verdict $(BUILD)/report: $(CLAIMS_O)
$(BUILD)/verdict $(BUILD)/report $(BUILD)/draw: $$(patsubst %.c,$(BUILD)/%.o,$$(wildcard experiments/$$(@F)/*.c)) $(LIBRARIES)
	$(call say,LD,$@)$(LINK) $(PACKAGE_LIBS)
# tests/support/testing.c counts assertions.
$(TEST_FILES): $(BUILD)/tests/%: $(BUILD)/tests/%.o $(HARNESS_O) $(LIBRARIES)
	$(call say,LD,$@)$(LINK) -Wl,--wrap=_mark_point $(CHECK_LIBS) $(PACKAGE_LIBS)
.SECONDARY:

ALL_O := $(EFLA_O) $(MPI_O) $(LABORATORY_O) $(HARNESS_O) $(TEST_FILES:=.o) $(EXPERIMENTS:%.c=$(BUILD)/%.o)
-include $(ALL_O:.o=.d) $(wildcard $(BUILD)/experiments/*/*.d $(BUILD)/tests/fuzz/*.d $(BUILD)/tests/campaigns/*.d)

# ---------------------------------------------------------------------------------------------------------------- tests
# Several at a time, but those that measure time: each prints what it has to say at its end, all run even after one has failed,
# and the exit status tells whether any did.
TIMED_TESTS := $(filter programs/test_throughput,$(TESTS))
build-check: $(TEST_FILES) $(PROGRAM_FILES) $(BUILD)/verdict $(BUILD)/report $(BUILD)/draw
	@UNDER='$(UNDER)' sh tests/support/run_tests $(BUILD)/tests $(CORES) '$(filter-out $(TIMED_TESTS),$(TESTS))' '$(TIMED_TESTS)'

include mk/figures.mk mk/scaling.mk mk/install.mk mk/lint.mk mk/sanitize.mk mk/fuzz.mk mk/campaigns.mk mk/cross.mk
