# SPDX-License-Identifier: GPL-3.0-or-later
# CUDA=yes: libefla with the backend cuda.  Kernels are compiled by nvcc, which takes minutes; a GPU is needed to run them only.
#
#   NVCC=PATH        CUDA's compiler (nvcc on the path)
#   CUDA_ARCH=LIST   compute capabilities, at least 80; the last one is kept as PTX too, for later GPUs (80 90)
#
# make check-cuda builds and runs what needs a device; without one it says so.

.PHONY: check-cuda build-check-cuda
KEPT_gpu := gallery/cuda.csv
check-cuda:             ## build with CUDA=yes, check the backend cuda on this machine's GPU and time it
	@$(SUBMAKE) $(JOBS) CUDA=yes build-check-cuda

ifeq ($(filter yes no,$(CUDA)),)
$(error CUDA=$(CUDA) is none of yes, no)
endif
ifeq ($(CUDA),yes)
NVCC      ?= nvcc
NVCC_PATH := $(shell command -v $(NVCC))
ifeq ($(NVCC_PATH),)
$(error CUDA=yes: $(NVCC) is not there; NVCC=PATH names it, CUDA=no builds without)
endif
CUDA_HOME := $(patsubst %/bin/,%,$(dir $(realpath $(NVCC_PATH))))
CUDA_ARCH ?= 80 90
CUDA_LIBS := -L$(firstword $(wildcard $(CUDA_HOME)/lib64 $(CUDA_HOME)/lib)) -lcudart_static -ldl -lrt -lpthread
CUDA_FLAGS := -DEFLA_CUDA -isystem $(CUDA_HOME)/include
# Function-local statics need no guards: calls on one backend do not run at the same time.
NVCC_FLAGS = -std=c++17 -Isrc $(if $(filter debug asan,$(MODE)),-lineinfo,-DNDEBUG) -O3 \
  $(foreach arch,$(CUDA_ARCH),-gencode arch=compute_$(arch),code=sm_$(arch)) \
  -gencode arch=compute_$(lastword $(CUDA_ARCH)),code=compute_$(lastword $(CUDA_ARCH)) \
  -Xcompiler -fPIC,-fno-exceptions,-fno-threadsafe-statics
CUDA_O    := $(patsubst %.cu,$(BUILD)/%.cu.o,$(sort $(wildcard src/efla/cuda/*.cu)))

$(BUILD)/src/efla/%.cu.o: src/efla/%.cu $(BUILD)/flags
	@mkdir -p $(@D)
	$(call say,NVCC,$@)$(NVCC) $(NVCC_FLAGS) -MMD -MP -MF $(@:.o=.d) -c -o $@ $<
-include $(CUDA_O:.o=.d)

CUDA_PROGRAMS := $(patsubst %,$(BUILD)/tests/cuda/%,device gradients kept speed)
build-check-cuda: $(CUDA_PROGRAMS)
	@set -e; for program in $^; do $$program; done
$(BUILD)/tests/cuda/%: $(BUILD)/tests/cuda/%.o $(BUILD)/tests/cuda/problem.o $(BUILD)/libefla.a
	$(call say,LD,$@)$(LINK) $(CUDA_LIBS) -lm
$(BUILD)/tests/cuda/%.o: CFLAGS_ALL += $(CUDA_FLAGS)
endif
