# SPDX-License-Identifier: GPL-3.0-or-later
# Many ranks on simulated clusters: bin/scaling, compiled for SimGrid's SMPI, whose ranks are one process, runs with 2 to 1,024 of
# them.  The table is kept in gallery/, from which the figure is drawn.  PIECES names a table of costs measured elsewhere.

.PHONY: scaling build-scaling
scaling: deps simulator-deps ## simulate up to 1,024 ranks on clusters with SimGrid (an hour): gallery/scaling.csv
	@$(SUBMAKE) $(JOBS) build-all
	@$(SIMULATED) build/simulated/bin/scaling
	@$(SUBMAKE) build-scaling

# Threads of OpenMP know nothing of ranks within one process, hence -fno-openmp.
SIMULATED = $(SUBMAKE) $(JOBS) CC=smpicc MPI=simgrid ARB=no FFTW=no BUILD=build/simulated BIN=build/simulated/bin \
  CFLAGS='-fno-openmp -Wno-unknown-pragmas $(CFLAGS)'
build/simulated/bin/scaling build/simulated/tests/mpi/exscan: build/simulated/experiments/simulated/alltoallw.o
build/simulated/tests/mpi/exscan: build/simulated/experiments/simulated/exscan.o
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
$(BUILD)/tests/mpi/rate $(BUILD)/tests/mpi/exscan: %: %.o $(LIBRARIES)
	$(call say,LD,$@)$(LINK) $(PACKAGE_LIBS)
build-rate:
	@for what in 'head-major forward' 'token-major forward' 'head-major backward' 'token-major backward'; do for turn in 1 2 3; do \
	  threads=$$($(BUILD)/tests/mpi/rate 32768 16 64 2 $$what); \
	  ranks=$$(mpirun --bind-to none -n 2 $(BUILD)/tests/mpi/rate 32768 16 64 1 $$what) || exit 1; \
	  echo "$$what: 2 threads $$threads s, 2 ranks $$ranks s, $$(echo "$$threads $$ranks" | awk '{ printf "%.2f", $$1 / $$2 }')"; \
	done; done

# The chain of states beside MPI_Exscan: on 2 ranks, on more ranks than processors, and on a simulated cluster with the costs of computing
# measured by one rank. D, HEADS: sizes; ALGORITHMS: Open MPI's (1: one rank after another, 2: recursive doubling), 0 its choice.
.PHONY: exscan build-exscan
exscan: deps simulator-deps ## time the states of a sequence over ranks by the chain and by MPI_Exscan
	@$(SUBMAKE) $(JOBS) $(BUILD)/tests/mpi/exscan
	@$(SIMULATED) build/simulated/tests/mpi/exscan
	@$(SUBMAKE) build-exscan
D ?= 64
HEADS ?= 16
ALGORITHMS ?= 0 1 2
build-exscan:
	@for n in 2 4 8; do for algorithm in $(ALGORITHMS); do \
	  printf 'd = $(D), $(HEADS) heads, algorithm %s, ' $$algorithm; \
	  OMPI_MCA_coll_tuned_use_dynamic_rules=1 OMPI_MCA_coll_tuned_exscan_algorithm=$$algorithm \
	    mpirun --oversubscribe --bind-to none -n $$n $(BUILD)/tests/mpi/exscan $(D) $(HEADS) || exit 1; \
	done; done
	@costs=$$($(BUILD)/tests/mpi/exscan $(D) $(HEADS)) && echo "seconds of a product and of a composition: $$costs" && \
	for n in 2 16 64 256; do \
	  printf 'd = $(D), $(HEADS) heads, simulated, '; \
	  experiments/simulated/start fat-tree $$n build/simulated build/simulated/tests/mpi/exscan $(D) $(HEADS) $$costs || exit 1; \
	done
