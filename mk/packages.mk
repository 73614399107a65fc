# SPDX-License-Identifier: GPL-3.0-or-later
# Packages: which are needed, how each is recognised, and the Debian package that brings it.  `make deps`, `make figures`, `make
# check` and the targets that look for faults install what is missing; `make`, `make install` and `make -n` never do: they say
# what is missing and the command that brings it.

define REQUIRED
command -v pkg-config            pkg-config
pkg-config --exists gsl          libgsl-dev
pkg-config --exists openblas     libopenblas-dev
pkg-config --exists zlib         zlib1g-dev
pkg-config --exists minizip      libminizip-dev
pkg-config --exists liblzma      liblzma-dev
pkg-config --exists hdf5         libhdf5-dev
pkg-config --exists json-c       libjson-c-dev
pkg-config --exists check        check
command -v gnuplot               gnuplot-nox
endef
define OPTIONAL_PACKAGES
test -e /usr/include/arb.h -o -e /usr/include/flint/arb.h -o -e /usr/local/include/flint/arb.h   libflint-arb-dev
pkg-config --exists fftw3         libfftw3-dev
command -v mpirun                openmpi-bin
pkg-config --exists mpi-c || pkg-config --exists mpich || pkg-config --exists ompi-c   libopenmpi-dev
endef
define FIGURE_CHECKERS
command -v python3               python3
endef
define INSTALLERS
command -v help2man              help2man
endef
# For the programs that use the library: in C++, and by CMake.
define CONSUMERS
command -v c++                   g++
command -v cmake                 cmake
endef
# For the package for Python and its tests, which Debian's own Python runs. PyTorch brings much with it: the tests that need it
# are left out without it.
define PYTHON
/usr/bin/python3 -c 'import numpy'   python3-numpy
/usr/bin/python3 -c 'import pytest'  python3-pytest
/usr/bin/python3 -m pip --version    python3-pip
endef
define PYTHON_OPTIONAL
/usr/bin/python3 -c 'import torch'   python3-torch
endef
# For the report: documents and the C API become pages; a page is looked at, and printed.
define PAGE_MAKERS
command -v pandoc                pandoc
command -v doxygen               doxygen
endef
define PACKAGERS
command -v dpkg-buildpackage      dpkg-dev
command -v dh                    debhelper
test -e /usr/share/dh-python     dh-python
command -v lintian               lintian
endef
define BROWSERS
command -v chromium              chromium
endef
define LINTERS
command -v clang                 clang
command -v clang-tidy            clang-tidy
command -v clang-format          clang-format
command -v cppcheck              cppcheck
test -n "`clang -print-file-name=libclang_rt.fuzzer-x86_64.a | grep /`"                           libclang-rt-dev
test -n "`echo '#include <omp.h>' | clang -fopenmp -E - 2>/dev/null`"                             libomp-dev
endef
define CHECKERS
command -v valgrind              valgrind
endef
define SIMULATORS
command -v smpicc                libsimgrid-dev
endef
define CROSS_COMPILERS
command -v aarch64-linux-gnu-gcc gcc-aarch64-linux-gnu
test -e /usr/aarch64-linux-gnu/lib/libc.a     libc6-dev-arm64-cross
command -v qemu-aarch64          qemu-user
endef
export REQUIRED OPTIONAL_PACKAGES FIGURE_CHECKERS PAGE_MAKERS PACKAGERS BROWSERS INSTALLERS CONSUMERS PYTHON PYTHON_OPTIONAL LINTERS CHECKERS SIMULATORS CROSS_COMPILERS

.PHONY: deps present installers-present install-deps figure-check-deps consumer-deps python-deps page-deps deb-deps browser-deps lint-deps checker-deps simulator-deps cross-deps
deps:                   ## install with apt-get what is missing, touching nothing that is there
	@sh .ci/install "$$REQUIRED" "$(if $(filter no,$(OPTIONAL)),,$$OPTIONAL_PACKAGES)"
present:
	@sh .ci/install --look "$$REQUIRED"
installers-present: present
	@sh .ci/install --look "$$INSTALLERS"
install-deps:
	@sh .ci/install "$$INSTALLERS"
figure-check-deps:
	@sh .ci/install "$$FIGURE_CHECKERS"
consumer-deps:
	@sh .ci/install "$$CONSUMERS"
python-deps:
	@sh .ci/install "$$PYTHON" "$(if $(filter no,$(OPTIONAL)),,$$PYTHON_OPTIONAL)"
page-deps:
	@sh .ci/install "$$PAGE_MAKERS"
deb-deps: installers-present
	@sh .ci/install "$$PACKAGERS"
browser-deps:
	@sh .ci/install "$$BROWSERS"
lint-deps:
	@sh .ci/install "$$LINTERS"
checker-deps:
	@sh .ci/install "$$CHECKERS"
simulator-deps:
	@sh .ci/install "$$SIMULATORS"
cross-deps:
	@sh .ci/install "$$CROSS_COMPILERS"

# Packages are looked up only when something is built, of which `all` and `check` make a second make after their absence was named.
ifneq ($(filter build-% build/% bin/%,$(MAKECMDGOALS)),)
PACKAGES := gsl openblas zlib minizip liblzma hdf5 json-c
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
# MPI's headers are not ours to be warned about.
MPI_NAME := $(if $(filter no,$(MPI)),,$(firstword $(foreach name,$(or $(MPI),mpi-c ompi-c mpich),$(shell pkg-config --exists $(name) && echo $(name)))))
ifneq ($(MPI_NAME),)
MPI_CFLAGS := $(patsubst -I%,-isystem %,$(shell pkg-config --cflags $(MPI_NAME)))
MPI_LIBS   := $(shell pkg-config --libs $(MPI_NAME))
PACKAGE_CFLAGS += -DEFLA_HAVE_MPI $(MPI_CFLAGS)
PACKAGE_LIBS   += $(MPI_LIBS)
endif
endif
