# SPDX-License-Identifier: GPL-3.0-or-later
# make races: ThreadSanitizer on all that runs in several threads, with clang, whose OpenMP library tells it what OpenMP synchronises
# (gcc's does not: every barrier would look like a race).  make memory: valgrind on programs and on what handles memory and files.
# Both run every program at a small size, SMALL_x or else --quick; its exit status may also be 1, a check that failed.

SMALL_accumulation := --quick --tokens 20 --norm 1 --family unit,dictionary
SMALL_noise        := --quick --trials 2 --pairs 4 --dk 8 --candidates 0.5,1
SMALL_confusion    := --quick --kernel scale
SMALL_precision    := --quick --tokens 200
SMALL_reference    := --quick --dk 4 --largest 100
SMALL_smnist       := --quick --width 16 --train-images 20 --eval-images 4 --batch 20
SMALL_stability    := --quick --tokens 100 --dk 8 --lengths 8 --norms 1 --rho 0 --sizes 4
SMALL_stability_plane := --quick --tokens 100 --dk 8 --per-unit 1 --most-y 1 --most-x 2
SMALL_throughput   := --quick --panels decode --cold 4 --dk 16 --repeats 1 --least 1e-4 # for races; it times, which valgrind forbids
TENSOR_FILE        := tests/corpus/tensors/whole-4.h5
SMALL_run          := --input $(TENSOR_FILE) --output $(BUILD)/tests/work/small.h5
SMALL_compare      := --input $(TENSOR_FILE)
SMALL_diagnose     := --input $(TENSOR_FILE)
SMALL_effects      := --input tests/corpus/csv/study

TESTS_tsan   := efla/cpu/test_kernel efla/cpu/test_backward programs/test_compare task/test_image_task
TESTS_memory := app/test_cli io/test_csv app/test_table io/test_output io/test_sandboxed_open ode/test_growth
# Libraries that are not built for it, libomp and HDF5 among them, are not looked into.
TSAN         := env TSAN_OPTIONS=ignore_noninstrumented_modules=1:exitcode=66
VALGRIND     := valgrind -q --error-exitcode=66 --leak-check=full --errors-for-leak-kinds=definite --show-leak-kinds=definite

.PHONY: races memory build-races build-memory $(PROGRAMS:%=small-%)
races: deps lint-deps   ## ThreadSanitizer on the threaded code
	@$(SUBMAKE) MODE=tsan $(JOBS) build-races
	@$(SUBMAKE) MODE=tsan TESTS='$(TESTS_tsan)' UNDER='$(TSAN)' build-check $(PROGRAMS:%=small-%)
memory: deps checker-deps            ## valgrind on programs, readers and writers
	@$(SUBMAKE) MODE=debug $(JOBS) build-memory
	@$(SUBMAKE) MODE=debug TESTS='$(TESTS_memory)' UNDER='$(VALGRIND)' build-check $(patsubst %,small-%,$(filter-out throughput,$(PROGRAMS)))
build-races: build-all $(TESTS_tsan:%=$(BUILD)/tests/%)
build-memory: build-all $(TESTS_memory:%=$(BUILD)/tests/%)
$(PROGRAMS:%=small-%): small-%:
	@mkdir -p $(BUILD)/tests/work
	@echo $*; $(UNDER) $(BIN)/$* $(or $(SMALL_$*),--quick) --threads 3 >/dev/null 2>$(BUILD)/tests/work/$*.err || \
	 [ $$? = 1 ] || { cat $(BUILD)/tests/work/$*.err; exit 1; }
