# SPDX-License-Identifier: GPL-3.0-or-later
# make format, make lint: layout, warnings of gcc and clang, clang-tidy, cppcheck, and the conventions of the project.

.PHONY: format lint build-lint
SOURCES := $(wildcard src/*.[ch] src/*/*.[ch] src/*/*/*.[ch] experiments/*.c experiments/*/*.[ch] tests/*/*.[ch] tests/*/*/*.[ch])
# Without CUDA's headers its files have their layout looked at only; a consumer includes what is installed.
COMPILED := $(filter-out src/efla/cuda/% tests/cuda/% tests/efla/cuda/% tests/consumers/ranks.c,$(filter %.c,$(SOURCES)))
INCLUDED := $(wildcard src/*/*.inc src/*/*/*.inc)
format: lint-deps       ## reformat the sources by .clang-format
	@clang-format -i $(SOURCES) $(INCLUDED)
lint: lint-deps         ## gcc's and clang's warnings as errors, formatting, clang-tidy, cppcheck
	@$(SUBMAKE) build-lint
TIDY_FLAGS = -std=gnu11 -D_GNU_SOURCE -fopenmp -Isrc -Itests/support -I$(BUILD) $(PACKAGE_CFLAGS) $(CHECK_CFLAGS) -DTEST_BIN=\"\" -DTEST_WORK=\"\" -DTEST_BUILD=\"\"
build-lint:
	for rule in citations licences rooms; do tests/conventions/$$rule || exit 1; done
	clang-format --dry-run --Werror $(SOURCES) $(INCLUDED)
	@$(SUBMAKE) build-all MODE=debug WERROR=1
	clang -fsyntax-only $(CFLAGS_TEST) -Werror -I$(BUILD) $(COMPILED)
	printf '%s\n' $(COMPILED) | xargs -P $(CORES) -n 1 sh -c 'clang-tidy --quiet "$$@" -- $(TIDY_FLAGS)' sh
	cppcheck --quiet --error-exitcode=1 --inline-suppr --enable=warning,performance,portability --suppress=missingIncludeSystem -Isrc src experiments

# Another compiler may see, and make, other faults: the library and what stands on its arithmetic.
.PHONY: check-clang
CLANG = CC=clang BUILD=build/clang BIN=build/clang/bin
check-clang: deps lint-deps ## build all with clang, and test the library and the number formats
	@$(SUBMAKE) $(JOBS) $(CLANG) build-all
	@$(SUBMAKE) $(JOBS) $(CLANG) TESTS='$(filter efla/% number/% ode/%,$(TESTS))' build-check
