# SPDX-License-Identifier: GPL-3.0-or-later
# Many ranks on simulated clusters: bin/scaling, compiled for SimGrid's SMPI, whose ranks are one process, runs with 2 to 1,024 of
# them.  The table is kept in gallery/, from which the figure is drawn.  PIECES names a table of costs measured elsewhere.

.PHONY: scaling build-scaling
scaling: deps simulator-deps ## simulate up to 1,024 ranks on clusters with SimGrid (an hour): gallery/scaling.csv
	@$(SUBMAKE) $(JOBS) build-all
	@$(SUBMAKE) $(JOBS) CC=smpicc MPI=simgrid ARB=no FFTW=no BUILD=build/simulated BIN=build/simulated/bin \
	  CFLAGS='-fno-openmp -Wno-unknown-pragmas $(CFLAGS)' build/simulated/bin/scaling
	@$(SUBMAKE) build-scaling

# Threads of OpenMP know nothing of ranks within one process, hence -fno-openmp.
build/simulated/bin/scaling: build/simulated/experiments/simulated/alltoallw.o
PIECES ?= results/scaling-pieces.csv
results/scaling-pieces.csv: $(BIN)/scaling
	@mkdir -p $(@D)
	$< --threads 1 --ranks 1 --pieces $@ --out /dev/null
build-scaling: $(PIECES)
	experiments/simulated/clusters build/simulated/bin/scaling $(PIECES) results/simulated gallery/scaling.csv

SCALING_FIGURES := $(if $(wildcard gallery/scaling.csv),scaling)
KEPT_scaling    := gallery/scaling.csv

# Two ranks beside two threads of one process, in turn: seconds of a call, and the rate of ranks over that of threads.
.PHONY: rate build-rate
rate: deps              ## time two ranks beside two threads on one sequence
	@$(SUBMAKE) $(JOBS) $(BUILD)/tests/mpi/rate
	@$(SUBMAKE) build-rate
$(BUILD)/tests/mpi/rate: $(BUILD)/tests/mpi/rate.o $(LIBRARIES)
	$(call say,LD,$@)$(LINK) $(PACKAGE_LIBS)
build-rate:
	@for what in 'head-major forward' 'token-major forward' 'head-major backward' 'token-major backward'; do for turn in 1 2 3; do \
	  threads=$$($(BUILD)/tests/mpi/rate 32768 16 64 2 $$what); \
	  ranks=$$(mpirun --bind-to none -n 2 $(BUILD)/tests/mpi/rate 32768 16 64 1 $$what) || exit 1; \
	  echo "$$what: 2 threads $$threads s, 2 ranks $$ranks s, $$(echo "$$threads $$ranks" | awk '{ printf "%.2f", $$1 / $$2 }')"; \
	done; done
