# SPDX-License-Identifier: GPL-3.0-or-later
# make install, make uninstall: the library, static and shared, its headers, the programs as efla-NAME, man pages, completion.
#
#   PREFIX=DIR    where it will live (/usr/local)
#   LIBDIR=lib    where libraries go below it
#   DESTDIR=DIR   a root to put it under for now: for packages
#
# All that there is to install is first staged in $(STAGE), a picture of PREFIX; what is staged is what is copied and removed.

PREFIX  ?= /usr/local
LIBDIR  ?= lib
VERSION := $(shell sed -n 's/.*define EFLA_VERSION  *"\(.*\)"/\1/p' src/efla/version.h)
SONAME  := libefla.so.$(basename $(VERSION)) # until 1.0 a minor version may change the interface
SHARED  := $(BUILD)/libefla.so.$(VERSION)
STAGE   := $(BUILD)/stage
PLACE   := $(shell realpath -ms '$(PREFIX)')
INSTALLED := $(DESTDIR)$(PLACE)
# OpenBLAS before GSL, which names a slower CBLAS of its own.
REQUIRES = openblas $(filter-out openblas,$(PACKAGES)) $(if $(filter -DEFLA_HAVE_FFTW,$(PACKAGE_CFLAGS)),fftw3)

.PHONY: install uninstall install-deps build-install build-uninstall build-stage
install: deps install-deps   ## install the toolkit below PREFIX
	@$(SUBMAKE) $(JOBS) build-install
uninstall: deps install-deps ## remove what install put there, given the same PREFIX, LIBDIR and DESTDIR
	@$(SUBMAKE) $(JOBS) build-uninstall

define INSTALLERS
command -v help2man              help2man
endef
export INSTALLERS
install-deps:
	@sh .ci/install "$$INSTALLERS" ""

build-install: build-stage
	@umask 022; mkdir -p '$(INSTALLED)'; cp -R -P --remove-destination $(STAGE)/. '$(INSTALLED)'
	@$(if $(DESTDIR),,ldconfig 2>/dev/null || true)
build-uninstall: build-stage
	@cd $(STAGE); find . ! -type d -exec sh -c 'cd "$$0" && rm -f "$$@"' '$(INSTALLED)' {} +
	@cd $(STAGE); find . -depth -type d -path '*/efla*' -exec sh -c 'cd "$$0" && rmdir "$$@"' '$(INSTALLED)' {} +

$(SHARED): $(LIBRARY_O) packaging/efla.map
	$(call say,LD,$@)$(CC) -shared $(LDFLAGS_ALL) -Wl,-soname,$(SONAME) -Wl,--version-script=packaging/efla.map -o $@ $(LIBRARY_O) $(PACKAGE_LIBS)

# Headers say "efla/method.h" here and <efla/flow/method.h> where they are installed, so that they need no more than the prefix.
# Public are those that efla.h includes.
build-stage: $(PROGRAM_FILES) $(LIBRARY) $(SHARED)
	@rm -rf $(STAGE); mkdir -p $(STAGE)/bin $(STAGE)/$(LIBDIR)/pkgconfig
	@for header in $$($(CC) -MM -MT '' $(PACKAGE_CFLAGS) -Isrc src/laboratory.h | tr -d ':\\'); do \
	   mkdir -p $(STAGE)/include/efla/$$(dirname $${header#src/}); \
	   sed 's|^#include "\(.*\)"|#include <efla/\1>|' $$header > $(STAGE)/include/efla/$${header#src/}; done
	@mv $(STAGE)/include/efla/laboratory.h $(STAGE)/include/efla/efla.h
	@cp $(LIBRARY) $(SHARED) $(STAGE)/$(LIBDIR)
	@ln -s $(notdir $(SHARED)) $(STAGE)/$(LIBDIR)/$(SONAME); ln -s $(SONAME) $(STAGE)/$(LIBDIR)/libefla.so
	@sed -e 's|@PREFIX@|$(PLACE)|; s|@LIBDIR@|$(LIBDIR)|; s|@VERSION@|$(VERSION)|; s|@REQUIRES@|$(REQUIRES)|' \
	     -e 's|@DEFINES@|$(filter -DEFLA_HAVE_%,$(PACKAGE_CFLAGS))|; s|@LIBS@|$(ARB_LIBS) -fopenmp -lm|' \
	   packaging/efla.pc.in > $(STAGE)/$(LIBDIR)/pkgconfig/efla.pc
	@mkdir -p $(STAGE)/share/efla/plots; cp plots/*.gp plots/*.awk $(STAGE)/share/efla/plots # where programs look for it, seen from bin/
	@for program in $(PROGRAMS); do cp $(BIN)/$$program $(STAGE)/bin/efla-$$program; done
	@sh packaging/manuals $(STAGE) $(VERSION)
	@sh packaging/completions $(STAGE)
	@chmod -R u=rwX,go=rX $(STAGE)
