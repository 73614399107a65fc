# SPDX-License-Identifier: GPL-3.0-or-later
# EFLA toolkit.  `make help` lists the targets.
#
#   MODE=release|debug|asan|tsan|coverage   release leaves programs in bin/, the others below build/MODE/
#   QUICK=1                            the seconds-long version of every experiment
#   FORMAT=svg|pdf|png                 of the figures
#   EFLA_MNIST=DIR                     directory of MNIST's IDX files: adds the figures on real input
#   SEEDS=LIST, SHARD=i/n              of make study: the models that are trained
#   ARB=no, FFTW=no                    build without Arb or FFTW, even where it is installed; OPTIONAL=no leaves them uninstalled
#   WERROR=1                           a warning is an error
#   V=1                                show the compiler's command lines

MODE   ?= release
FORMAT ?= svg
ifeq ($(origin CC),default)
CC     := $(if $(filter fuzz tsan,$(MODE)),clang,cc)
endif

# ---------------------------------------------------------------------------------------------- what is built from what
BUILD := build/$(MODE)
BIN   := $(if $(filter release,$(MODE)),bin,$(BUILD)/bin)

LIBRARY_C  := $(sort $(wildcard src/*/*.c src/*/*/*.c))
PROGRAMS   := $(patsubst experiments/%.c,%,$(sort $(wildcard experiments/*.c)))
TESTS      := $(patsubst tests/%.c,%,$(sort $(wildcard tests/*/test_*.c tests/*/*/test_*.c)))
ifneq ($(MODE),release) # only that is installed
TESTS      := $(filter-out packaging/%,$(TESTS))
endif
LIBRARY_O  := $(LIBRARY_C:%.c=$(BUILD)/%.o)
LIBRARY    := $(BUILD)/libefla.a
HARNESS_O  := $(patsubst %.c,$(BUILD)/%.o,$(sort $(wildcard tests/support/*.c)))
PROGRAM_FILES := $(PROGRAMS:%=$(BIN)/%)
TEST_FILES := $(TESTS:%=$(BUILD)/tests/%)

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
# -ffp-contract=off: a fused multiply-add here and none there would make results depend on the compiler's mood.
CFLAGS_ALL = -std=gnu11 -D_GNU_SOURCE $(WARNINGS) $(MODE_FLAGS_$(MODE)) -ffp-contract=off -fopenmp -Isrc $(PACKAGE_CFLAGS) $(CFLAGS)
# The same objects make the static and the shared library, whose functions nobody is to replace by his own.
LIBRARY_CFLAGS := -fPIC -fno-semantic-interposition
# The hot kernels are exempt: they are compiled once per instruction set, with its multiply-add.  Undefined behaviour is looked for in the
# generic set only: the others are the same source, on which the compiler would spend minutes.
X86_64 := $(findstring x86_64,$(shell $(CC) -dumpmachine))
FLAGS_src/nn/gelu_generic   = $(FLAGS_src/efla/cpu/isa_generic)
FLAGS_src/nn/gelu_x86_64_v3 = $(FLAGS_src/efla/cpu/isa_x86_64_v3)
FLAGS_src/nn/gelu_x86_64_v4 = $(FLAGS_src/efla/cpu/isa_x86_64_v4)
FLAGS_src/efla/cpu/isa_generic   := -ffp-contract=fast
FLAGS_src/efla/cpu/isa_x86_64_v3 := -ffp-contract=fast -fno-sanitize=undefined $(if $(X86_64),-march=x86-64-v3)
FLAGS_src/efla/cpu/isa_x86_64_v4 := -ffp-contract=fast -fno-sanitize=undefined $(if $(X86_64),-march=x86-64-v4)
LDFLAGS_ALL = -fopenmp $(MODE_FLAGS_$(MODE)) $(LDFLAGS)

# Packages are looked up only in the builds proper, after `deps` has had its chance to install them.
ifneq ($(filter build-%,$(MAKECMDGOALS)),)
PACKAGES := gsl openblas zlib hdf5 json-c
PACKAGE_CFLAGS := $(shell pkg-config --cflags $(PACKAGES))
# OpenBLAS stands in for GSL's own CBLAS, which is several times slower.
PACKAGE_LIBS   := $(filter-out -lgslcblas,$(shell pkg-config --libs gsl)) $(shell pkg-config --libs $(filter-out gsl,$(PACKAGES))) -lm
CHECK_CFLAGS   := $(shell pkg-config --cflags check)
CHECK_LIBS     := $(shell pkg-config --libs check)
# Arb is a library of its own (Debian 12) or a part of FLINT >= 3.
ARB_LIBS := $(if $(filter no,$(ARB)),,$(shell \
  for arb in "flint/arb_mat.h -lflint" "arb_mat.h -lflint-arb -lflint" "arb_mat.h -larb -lflint"; do set -- $$arb; header=$$1; shift; \
    echo 'int main(void) { arb_mat_t A; arb_mat_init(A, 1, 1); }' | $(CC) -xc -include $$header - -o /dev/null $$* 2>/dev/null && { echo "$$*"; break; }; \
  done))
ifneq ($(ARB_LIBS),)
PACKAGE_CFLAGS += -DEFLA_HAVE_ARB
PACKAGE_LIBS   += $(ARB_LIBS)
endif
ifneq ($(if $(filter no,$(FFTW)),,$(shell pkg-config --exists fftw3 && echo yes)),)
PACKAGE_CFLAGS += -DEFLA_HAVE_FFTW $(shell pkg-config --cflags fftw3)
PACKAGE_LIBS   += $(shell pkg-config --libs fftw3)
endif
endif

# -------------------------------------------------------------------------------------------------- what a user asks for
.DEFAULT_GOAL := all
.PHONY: all check figures check-figures study verdict gallery help deps figure-check-deps lint-deps format lint clean
.PHONY: build-all build-check build-figures build-study build-study-figures build-verdict
.DELETE_ON_ERROR:
SUBMAKE = $(MAKE) --no-print-directory
JOBS := -j$(shell getconf _NPROCESSORS_ONLN 2>/dev/null || echo 1)
say = $(if $(V),,@echo '  $(1)  $(2)'; )

all: deps               ## build every program
	@$(SUBMAKE) $(JOBS) build-all
check: deps install-deps figure-check-deps ## build and run all tests
	@$(SUBMAKE) $(JOBS) build-check
figures: deps           ## run the experiments and draw the figures: results/*.csv, figures/*.$(FORMAT)
	@$(SUBMAKE) $(JOBS) build-all
	@$(SUBMAKE) build-figures
check-figures: figures figure-check-deps ## look for faults of the figures: missing legends, cut or overlapping text, empty panels
	@plots/check $(FIGURES:%=figures/%.$(FORMAT))

help:                   ## this list
	@sed -n 's/^\([a-z-]*\):[^#]*## /  make \1\t/p' $(MAKEFILE_LIST) | expand -t 24; sed -n '3,10s/^# *//p' Makefile

# One line per requirement: how it is recognised, and the Debian package that brings it.
define REQUIRED
command -v pkg-config            pkg-config
pkg-config --exists gsl          libgsl-dev
pkg-config --exists openblas     libopenblas-dev
pkg-config --exists zlib         zlib1g-dev
pkg-config --exists hdf5         libhdf5-dev
pkg-config --exists json-c       libjson-c-dev
pkg-config --exists check        check
command -v gnuplot               gnuplot-nox
endef
define OPTIONAL_PACKAGES
test -e /usr/include/arb.h -o -e /usr/include/flint/arb.h -o -e /usr/local/include/flint/arb.h   libflint-arb-dev
pkg-config --exists fftw3         libfftw3-dev
endef
define FIGURE_CHECKERS
command -v python3               python3
endef
define LINTERS
command -v clang                 clang
command -v clang-tidy            clang-tidy
command -v clang-format          clang-format
command -v cppcheck              cppcheck
test -n "`clang -print-file-name=libclang_rt.fuzzer-x86_64.a | grep /`"                           libclang-rt-dev
test -n "`echo '#include <omp.h>' | clang -fopenmp -E - 2>/dev/null`"                             libomp-dev
endef
export REQUIRED OPTIONAL_PACKAGES FIGURE_CHECKERS LINTERS

deps:                   ## install with apt-get what is missing, touching nothing that is there
	@sh .ci/install "$$REQUIRED" "$(if $(filter no,$(OPTIONAL)),,$$OPTIONAL_PACKAGES)"
figure-check-deps:
	@sh .ci/install "$$FIGURE_CHECKERS" ""
lint-deps:
	@sh .ci/install "$$LINTERS" ""

# ---------------------------------------------------------------------------------------------------------------- builds
build-all: $(PROGRAM_FILES) $(BUILD)/draw
build-verdict: $(BUILD)/verdict
# What make itself runs, and nobody installs.
$(BUILD)/verdict: $(BUILD)/experiments/verdict/verdict.o
$(BUILD)/draw: $(BUILD)/experiments/draw/draw.o
$(BUILD)/verdict $(BUILD)/draw: $(LIBRARY)
	$(call say,LD,$@)$(CC) $(LDFLAGS_ALL) -o $@ $(filter %.o,$^) $(LIBRARY) $(PACKAGE_LIBS)

# git archive writes the commit into .commit; elsewhere git knows it.
COMMIT = $(shell grep -v Format .commit 2>/dev/null | cut -c 1-12 | grep . || git describe --always --dirty --abbrev=12 2>/dev/null || echo unknown)
# What is installed is the same whatever the directory it was built in.
WHEREVER := $(if $(filter release,$(MODE)),'-ffile-prefix-map=$(CURDIR)=.')

# The flags and the commit go into files that change only when they do, so that objects are rebuilt exactly when needed.
.PHONY: always
$(BUILD)/flags: always
	@mkdir -p $(@D); echo '$(CC) $(CFLAGS_ALL) $(LIBRARY_CFLAGS) $(LDFLAGS_ALL) $(PACKAGE_LIBS)' > $@.new; \
	 cmp -s $@.new $@ && rm $@.new || mv $@.new $@
$(BUILD)/build_info.h: always
	@mkdir -p $(@D); { \
	  echo '#define EFLA_COMMIT "$(COMMIT)"'; \
	  echo '#define EFLA_COMPILER "$(shell $(CC) --version | head -n 1)"'; \
	  echo '#define EFLA_FLAGS "$(strip $(CFLAGS_ALL))"'; } > $@.new; \
	 cmp -s $@.new $@ && rm $@.new || mv $@.new $@

$(BUILD)/src/app/provenance.o: $(BUILD)/build_info.h
$(BUILD)/src/%.o: src/%.c $(BUILD)/flags
	@mkdir -p $(@D)
	$(call say,CC,$@)$(CC) $(CFLAGS_ALL) $(WHEREVER) $(LIBRARY_CFLAGS) $(FLAGS_src/$*) -I$(BUILD) -MMD -MP -c -o $@ $<
$(BUILD)/experiments/%.o: experiments/%.c $(BUILD)/flags
	@mkdir -p $(@D)
	$(call say,CC,$@)$(CC) $(CFLAGS_ALL) $(WHEREVER) -MMD -MP -c -o $@ $<
$(BUILD)/tests/%.o: tests/%.c $(BUILD)/flags
	@mkdir -p $(@D)
	$(call say,CC,$@)$(CC) $(CFLAGS_ALL) -Itests/support $(CHECK_CFLAGS) -DTEST_BIN='"$(BIN)"' -DTEST_WORK='"$(BUILD)/tests/work"' -DTEST_BUILD='"$(BUILD)"' -MMD -MP -c -o $@ $<

$(LIBRARY): $(LIBRARY_O)
	@rm -f $@
	$(call say,AR,$@)$(AR) rcs $@ $^
$(PROGRAM_FILES): $(BIN)/%: $(BUILD)/experiments/%.o $(LIBRARY)
	@mkdir -p $(@D)
	$(call say,LD,$@)$(CC) $(LDFLAGS_ALL) -o $@ $^ $(PACKAGE_LIBS)
# tests/support/testing.c counts assertions.
$(TEST_FILES): $(BUILD)/tests/%: $(BUILD)/tests/%.o $(HARNESS_O) $(LIBRARY)
	$(call say,LD,$@)$(CC) $(LDFLAGS_ALL) -Wl,--wrap=_mark_point -o $@ $^ $(CHECK_LIBS) $(PACKAGE_LIBS)
.SECONDARY:

-include $(wildcard $(foreach part,src tests experiments,$(BUILD)/$(part)/*.d $(BUILD)/$(part)/*/*.d $(BUILD)/$(part)/*/*/*.d))

include $(sort $(wildcard mk/*.mk))

# ----------------------------------------------------------------------------------------------------------------- tests
# Every test program runs, even after one has failed; the exit status tells whether any did.
build-check: $(TEST_FILES) $(PROGRAM_FILES) $(BUILD)/verdict $(BUILD)/draw
	@mkdir -p $(BUILD)/tests/work; failed=; \
	for test in $(TEST_FILES); do $(UNDER) $$test || failed="$$failed $${test##*/}"; done; \
	if [ -n "$$failed" ]; then echo "FAILED:$$failed" >&2; exit 1; fi

# --------------------------------------------------------------------------------------------------------------- figures
# A run is a table, results/RUN.csv, and the command that writes it (normally bin/RUN).  A figure, figures/FIGURE.svg, is drawn
# from the table of its run by a script (both normally of the figure's name).
MNIST := $(if $(EFLA_MNIST),$(wildcard $(EFLA_MNIST)/train-images*))
RUN_accumulation-mnist := $(BIN)/accumulation --family mnist --norm 1 --mnist $(EFLA_MNIST)
RUN_noise-mnist        := $(BIN)/noise --family mnist --pairs 8 --mnist $(EFLA_MNIST)

# The study of robustness: its models take an hour to train, so its tables are kept in gallery/ and its figures are drawn from there.
STUDY_FIGURES := $(if $(wildcard gallery/study.csv),smnist smnist-effects smnist-sweep \
                   $(if $(wildcard gallery/study-losses.csv),smnist-loss) $(if $(wildcard gallery/study-steps.csv),smnist-steps))

FIGURES := order accumulation accumulation-readout growth reference coefficient stability precision chunk zero_order_hold noise throughput throughput-tokens \
           $(if $(MNIST),accumulation-mnist noise-mnist) $(STUDY_FIGURES)
TABLE_accumulation-readout  := accumulation
SCRIPT_accumulation-readout := accumulation
SET_accumulation-readout    := column_of_error=readout_error
TABLE_growth := accumulation
TABLE_throughput-tokens := throughput
SCRIPT_noise-mnist := noise
# A kept table, and what else a figure is drawn from.
$(foreach figure,smnist smnist-effects smnist-sweep,$(eval KEPT_$(figure) := gallery/study.csv))
KEPT_smnist-loss  := gallery/study-losses.csv
KEPT_smnist-steps := gallery/study-steps.csv
$(foreach figure,$(STUDY_FIGURES),$(eval MORE_$(figure) := results/effects.csv plots/smnist-style.gp))

command = $(or $(RUN_$(1)),$(BIN)/$(1))
table   = $(or $(KEPT_$(1)),results/$(or $(TABLE_$(1)),$(1)).csv)
script  = $(or $(SCRIPT_$(1)),$(1))

build-figures: $(FIGURES:%=figures/%.$(FORMAT))
	@$(if $(MNIST),,echo "EFLA_MNIST names no directory with MNIST: the figures on real input are left out." >&2)

# Copies files to gallery/, each of them whole or not at all.
keep = @mkdir -p gallery && for file in $(1); do \
         kept=gallery/$${file\#\#*/}; cp $$file $$kept.part && mv $$kept.part $$kept || { rm -f $$kept.part; exit 1; }; done
build-study-figures: $(STUDY_FIGURES:%=figures/%.svg)
	$(call keep,$^)

# What tables depend on beside their programs: all of them on QUICK, those of real input on where it is.
results/.settings: SETTING = $(QUICK)
results/.mnist:    SETTING = $(EFLA_MNIST)
results/.settings results/.mnist: always
	@mkdir -p $(@D) figures && { echo '$(SETTING)' > $@.new || { rm -f $@.new; exit 1; }; } && \
	 { cmp -s $@.new $@ && rm $@.new || mv $@.new $@; }
results/accumulation-mnist.csv results/noise-mnist.csv: results/.mnist
.SECONDEXPANSION:
results/%.csv: $$(firstword $$(call command,$$*)) results/.settings
	$(call command,$*) $(if $(QUICK),--quick) --out $@
results/effects.csv: gallery/study.csv $(BIN)/effects | results/.settings
	$(BIN)/effects --input $< --out $@ >/dev/null
figures/%.$(FORMAT): $$(call table,$$*) plots/$$(call script,$$*).gp plots/style.gp plots/legend.gp plots/pick.awk $$(MORE_$$*) $(BUILD)/draw
	EFLA_DATADIR='$(CURDIR)' $(BUILD)/draw --script $(call script,$*) --table $< --figure $@ $(SET_$*:%=--set %)

COMMA := ,
# Every finished model is kept in results/study, so that a study that was stopped goes on where it was.  With SHARD only that share is
# trained, for another machine whose results/study is brought together with this one, and no table is written.  QUICK leaves the gallery alone.
SEEDS         ?= $(if $(QUICK),0,0$(COMMA)1$(COMMA)2$(COMMA)3$(COMMA)4)
STUDY_KEPT     = $(if $(QUICK),results/quick,gallery)
# Several shells may run it at once: they share the models, and write tables and figures one after another.
ALONE          = $(if $(shell command -v flock),flock results/study.lock)
STUDY          = env $(if $(EFLA_MNIST),EFLA_MNIST=$(EFLA_MNIST)) $(BIN)/smnist --configs results/$(if $(QUICK),quick-)study --keys raw,unit --seeds $(SEEDS) $(if $(QUICK),--quick)
STUDY_TRAIN    = $(STUDY) $(if $(SHARD),--shard $(SHARD)) --out /dev/null
STUDY_TABLES   = --out $(STUDY_KEPT)/study.csv --losses $(STUDY_KEPT)/study-losses.csv --steps $(STUDY_KEPT)/study-steps.csv
build-study: $(BIN)/smnist
	@mkdir -p $(STUDY_KEPT) results
	$(STUDY_TRAIN) --method exact,euler,implicit,rk4 --lr 1e-3,3e-3
	$(STUDY_TRAIN) --method exact,euler --lr 1e-4,3e-4,1e-2
	$(if $(SHARD),,$(ALONE) $(STUDY) --finished --method exact,euler,implicit,rk4 --lr 1e-4,3e-4,1e-3,3e-3,1e-2 $(STUDY_TABLES))

# --------------------------------------------------------------------------------------------------------------- tidying
SOURCES := $(wildcard src/*.[ch] src/*/*.[ch] src/*/*/*.[ch] experiments/*.c experiments/*/*.c tests/*/*.[ch] tests/*/*/*.[ch])
INCLUDED := $(wildcard src/*/*.inc src/*/*/*.inc)
study: deps             ## train the models of the robustness study on EFLA_MNIST (an hour, can be stopped): gallery/study*.csv, its figures
	@$(if $(MNIST)$(QUICK),,echo 'make study: EFLA_MNIST names no directory with MNIST, and built-in digits would replace its tables in gallery' >&2; exit 2)
	@$(SUBMAKE) $(JOBS) build-all
	@$(SUBMAKE) build-study
	@$(if $(SHARD)$(QUICK),,$(ALONE) $(SUBMAKE) build-study-figures FORMAT=svg)
verdict: deps           ## the paper's claims, judged by the tables of the last make figures
	@$(SUBMAKE) $(JOBS) build-all build-verdict
	@$(BUILD)/verdict results $(BIN)
gallery: figures        ## refresh the figures that the README shows
	$(call keep,figures/order.svg figures/accumulation.svg $(STUDY_FIGURES:%=figures/%.svg))
format: lint-deps       ## reformat the sources by .clang-format
	@clang-format -i $(SOURCES) $(INCLUDED)
lint: lint-deps         ## gcc's and clang's warnings as errors, formatting, clang-tidy, cppcheck
	@$(SUBMAKE) build-lint
TIDY_FLAGS = -std=gnu11 -D_GNU_SOURCE -fopenmp -Isrc -Itests/support -I$(BUILD) $(PACKAGE_CFLAGS) $(CHECK_CFLAGS) -DTEST_BIN=\"\" -DTEST_WORK=\"\" -DTEST_BUILD=\"\"
build-lint:
	for rule in citations licences rooms; do tests/conventions/$$rule || exit 1; done
	clang-format --dry-run --Werror $(SOURCES) $(INCLUDED)
	@$(SUBMAKE) build-all MODE=debug WERROR=1
	clang -fsyntax-only $(CFLAGS_ALL) -Werror -I$(BUILD) -Itests/support $(CHECK_CFLAGS) -DTEST_BIN='""' -DTEST_WORK='""' -DTEST_BUILD='""' $(filter %.c,$(SOURCES))
	printf '%s\n' $(filter %.c,$(SOURCES)) | xargs -P $(lastword $(subst -j,-j ,$(JOBS))) -n 1 sh -c 'clang-tidy --quiet "$$@" -- $(TIDY_FLAGS)' sh
	cppcheck --quiet --error-exitcode=1 --inline-suppr --enable=warning,performance,portability --suppress=missingIncludeSystem -Isrc src experiments
clean:                  ## remove everything that was built, run and drawn
	rm -rf build bin results figures
