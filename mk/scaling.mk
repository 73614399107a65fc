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
