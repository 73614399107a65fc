# SPDX-License-Identifier: GPL-3.0-or-later
# make cross: libefla for AArch64, with the generic instruction set, and its programs of tests/consumers run by qemu.

.PHONY: cross build-cross
CROSS     := aarch64-linux-gnu-gcc
CROSS_DIR := build/aarch64
cross: cross-deps       ## build libefla for AArch64 and run its self-test under qemu
	@$(SUBMAKE) $(JOBS) CC=$(CROSS) BUILD=$(CROSS_DIR) OPENMP=no $(CROSS_DIR)/libefla.a
	@$(SUBMAKE) CC=$(CROSS) BUILD=$(CROSS_DIR) OPENMP=no build-cross
build-cross: $(CROSS_DIR)/selftest $(CROSS_DIR)/main
	qemu-aarch64 $(CROSS_DIR)/main
	qemu-aarch64 $(CROSS_DIR)/selftest
$(CROSS_DIR)/%: tests/consumers/%.c $(CROSS_DIR)/libefla.a
	$(call say,LD,$@)$(CC) -static -std=c11 -O2 $(WARNINGS) -Isrc -o $@ $^ -lm
