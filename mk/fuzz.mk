# SPDX-License-Identifier: GPL-3.0-or-later
# make fuzz SECONDS=60: clang's libFuzzer, under ASan and UBSan, on each reader of tests/support/readers.c in turn, starting from
# tests/corpus/READER and from what earlier runs found interesting.  What breaks a reader is left as build/fuzz/READER-*.
# docs/campaigns.md says what is promised.

SECONDS ?= 60
READERS := $(notdir $(wildcard tests/corpus/*))
FUZZER  := $(BUILD)/fuzzer
FUZZED  := readers readers_structure structure structure_write

.PHONY: fuzz build-fuzz $(READERS:%=fuzz-%)
fuzz: lint-deps         ## feed each reader random files for SECONDS=60
	@$(SUBMAKE) MODE=fuzz $(JOBS) build-fuzz
	@$(SUBMAKE) MODE=fuzz $(READERS:%=fuzz-%)
build-fuzz: $(FUZZER)
$(FUZZER): $(BUILD)/tests/fuzz/fuzz.o $(FUZZED:%=$(BUILD)/tests/support/%.o) $(LIBRARIES)
	$(call say,LD,$@)$(LINK) -fsanitize=fuzzer $(PACKAGE_LIBS)
# HDF5 asks for as much memory as a file claims; beyond 1 GB it gets none.
ASAN_tensors := allocator_may_return_null=1:max_allocation_size_mb=1000
# Described files are small or are refused: no array is larger than what is kept unpacked.
MOST_MB_structures := 100
$(READERS:%=fuzz-%): fuzz-%:
	@mkdir -p $(BUILD)/corpus/$* $(BUILD)/tests/work; rm -f $(BUILD)/$*.counts; echo "fuzz $* for $(SECONDS) s"
	@EFLA_READER=$* EFLA_COUNTS=$(BUILD)/$*.counts ASAN_OPTIONS=$(ASAN_$*) LSAN_OPTIONS=suppressions=tests/fuzz/lsan.supp:print_suppressions=0 \
	   $(FUZZER) -max_total_time=$(SECONDS) -timeout=60 -report_slow_units=30 -malloc_limit_mb=$(or $(MOST_MB_$*),1000) -rss_limit_mb=2000 -verbosity=0 \
	   -close_fd_mask=3 -print_final_stats=1 -artifact_prefix=$(BUILD)/$*- $(BUILD)/corpus/$* tests/corpus/$* >$(BUILD)/$*.log 2>&1; \
	 code=$$?; cat $(BUILD)/$*.counts 2>/dev/null; grep -a 'executed_units\|peak_rss\|ERROR\|SUMMARY\|Test unit' $(BUILD)/$*.log; exit $$code
