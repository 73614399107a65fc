# SPDX-License-Identifier: GPL-3.0-or-later
# make install, make uninstall: the library, static and shared, its headers, the programs as efla-NAME, man pages, completion,
# the package for Python; and where there is MPI, libefla_mpi likewise, with efla/mpi.h.
#
#   PREFIX=DIR    where it will live (/usr/local)
#   LIBDIR=lib    where libraries go below it
#   PYTHONDIR=lib/python3/dist-packages   where the package for Python goes below it
#   DESTDIR=DIR   a root to put it under for now: for packages
#
# All that there is to install is first staged in $(STAGE), a picture of PREFIX; what is staged is what is copied and removed.

PREFIX  ?= /usr/local
LIBDIR  ?= lib
PYTHONDIR ?= lib/python3/dist-packages
VERSION := $(shell sed -n 's/.*define EFLA_VERSION  *"\(.*\)"/\1/p' src/efla/version.h)
SONAME  := libefla.so.$(basename $(VERSION)) # until 1.0 a minor version may change the interface
SHARED  := $(BUILD)/libefla.so.$(VERSION)
MPI_SONAME := libefla_mpi.so.$(basename $(VERSION))
MPI_SHARED := $(if $(MPI_LIBS),$(BUILD)/libefla_mpi.so.$(VERSION))
STAGE   := $(BUILD)/stage
PLACE   := $(shell realpath -ms '$(PREFIX)')
INSTALLED := $(DESTDIR)$(PLACE)

.PHONY: install uninstall build-install build-uninstall build-stage
install: installers-present   ## install libefla and the programs below PREFIX
	@$(SUBMAKE) $(JOBS) build-install
uninstall: installers-present ## remove what install put there, given the same PREFIX, LIBDIR, PYTHONDIR and DESTDIR
	@$(SUBMAKE) $(JOBS) build-uninstall

# Interface and release: packaging/symbols lists what the shared library of this version shows, so that no change of it goes
# unseen; the archive has the same bytes whenever it is made from one commit.
.PHONY: symbols dist
symbols: present        ## note the symbols that libefla shows in packaging/symbols
	@$(SUBMAKE) $(JOBS) build/release/libefla.so.$(VERSION)
	@nm -D --defined-only build/release/libefla.so.$(VERSION) | awk '{ print $$3 }' | LC_ALL=C sort > packaging/symbols
dist:                   ## the sources of the last commit: build/efla-VERSION.tar.gz
	@mkdir -p build; git archive --format=tar --prefix=efla-$(VERSION)/ HEAD | gzip -9n > build/efla-$(VERSION).tar.gz
	@ls build/efla-$(VERSION).tar.gz

# packaging/debian becomes debian/ of the unpacked archive; what is built and what lintian says of it is in build/deb.
.PHONY: deb
deb: deb-deps dist      ## Debian packages of the last commit, in build/deb
	@rm -rf build/deb; mkdir -p build/deb; cp build/efla-$(VERSION).tar.gz build/deb/efla_$(VERSION).orig.tar.gz
	@cd build/deb; tar xf efla_$(VERSION).orig.tar.gz; cp -R efla-$(VERSION)/packaging/debian efla-$(VERSION)/debian
	@cd build/deb/efla-$(VERSION); env -u MAKEFLAGS -u MAKELEVEL -u MFLAGS dpkg-buildpackage -us -uc >../build.log 2>&1 || { tail -n 30 ../build.log; exit 1; }
	@cd build/deb; ls *.deb; lintian --fail-on error,warning efla_*.changes

build-install: build-stage
	@umask 022; mkdir -p '$(INSTALLED)'; cp -R -P --remove-destination $(STAGE)/. '$(INSTALLED)'
	@$(if $(DESTDIR),,ldconfig 2>/dev/null || true)
build-uninstall: build-stage
	@cd $(STAGE); find . ! -type d -exec sh -c 'cd "$$0" && rm -f "$$@"' '$(INSTALLED)' {} +
	@rm -rf '$(INSTALLED)/$(PYTHONDIR)/efla/__pycache__'
	@cd $(STAGE); find . -depth -type d -path '*/efla*' -exec sh -c 'cd "$$0" && rmdir "$$@"' '$(INSTALLED)' {} +

# The package for Python takes it from here.
ifeq ($(MODE),release)
build-all build-check: $(SHARED)
endif
# It shows what the public headers name, and nothing else.
$(BUILD)/efla.map: $(wildcard src/efla/*.h) mk/install.mk
	@mkdir -p $(@D); { echo '{ global:'; cat $(wildcard src/efla/*.h) | grep -o '\<efla_[a-z0-9_]*' | sort -u | sed 's/$$/;/'; echo 'local: *; };'; } > $@
$(SHARED): $(EFLA_O) $(BUILD)/efla.map
	$(call say,LD,$@)$(CC) -shared $(filter-out -fopenmp,$(LDFLAGS_ALL)) $(filter -fopenmp,$(OPENMP_FLAG)) -Wl,-soname,$(SONAME) -Wl,--version-script=$(BUILD)/efla.map -o $@ $(EFLA_O) $(CUDA_LIBS) -lm

# It calls nothing of libefla, whose structs it fills.
ifneq ($(MPI_SHARED),)
$(MPI_SHARED): $(MPI_O)
	$(call say,LD,$@)$(CC) -shared $(filter-out -fopenmp,$(LDFLAGS_ALL)) -Wl,-soname,$(MPI_SONAME) -o $@ $(MPI_O) $(MPI_LIBS)
endif

define stage_mpi
cp src/mpi/communicator.h $(STAGE)/include/efla/mpi.h; cp $(BUILD)/libefla_mpi.a $(MPI_SHARED) $(STAGE)/$(LIBDIR); \
ln -s $(notdir $(MPI_SHARED)) $(STAGE)/$(LIBDIR)/$(MPI_SONAME); ln -s $(MPI_SONAME) $(STAGE)/$(LIBDIR)/libefla_mpi.so; \
sed -e 's|@PREFIX@|$(PLACE)|; s|@LIBDIR@|$(LIBDIR)|; s|@VERSION@|$(VERSION)|; s|@MPI@|$(MPI_NAME)|' packaging/efla_mpi.pc.in \
   > $(STAGE)/$(LIBDIR)/pkgconfig/efla_mpi.pc
endef

# Public are the headers that lie directly in src/efla.
build-stage: $(PROGRAM_FILES) $(BUILD)/libefla.a $(SHARED) $(if $(MPI_SHARED),$(BUILD)/libefla_mpi.a $(MPI_SHARED))
	@rm -rf $(STAGE); mkdir -p $(STAGE)/bin $(STAGE)/include/efla $(STAGE)/$(LIBDIR)/pkgconfig
	@cp src/efla/*.h $(STAGE)/include/efla
	@cp $(BUILD)/libefla.a $(SHARED) $(STAGE)/$(LIBDIR)
	@ln -s $(notdir $(SHARED)) $(STAGE)/$(LIBDIR)/$(SONAME); ln -s $(SONAME) $(STAGE)/$(LIBDIR)/libefla.so
	@sed -e 's|@PREFIX@|$(PLACE)|; s|@LIBDIR@|$(LIBDIR)|; s|@VERSION@|$(VERSION)|; s|@OPENMP@|$(strip $(filter -fopenmp,$(OPENMP_FLAG)) $(CUDA_LIBS))|' packaging/efla.pc.in \
	   > $(STAGE)/$(LIBDIR)/pkgconfig/efla.pc
	@$(if $(MPI_SHARED),$(stage_mpi))
	@mkdir -p $(STAGE)/share/efla/plots; cp plots/*.gp plots/*.awk $(STAGE)/share/efla/plots # where programs look for it, seen from bin/
	@for program in $(PROGRAMS); do cp $(BIN)/$$program $(STAGE)/bin/efla-$$program; done
	@mkdir -p $(STAGE)/$(PYTHONDIR)/efla; cp python/efla/*.py python/efla/py.typed $(STAGE)/$(PYTHONDIR)/efla
	@ln -s $$(realpath -ms --relative-to=/$(PYTHONDIR)/efla /$(LIBDIR)/$(SONAME)) $(STAGE)/$(PYTHONDIR)/efla/$(SONAME)
	@sh packaging/manuals $(STAGE) $(VERSION)
	@sh packaging/completions $(STAGE)
	@chmod -R u=rwX,go=rX $(STAGE)
