# SPDX-License-Identifier: GPL-3.0-or-later
# make kills N=200 SEED=1, make damage N=1000 SEED=1, make power N=200 SEED=1, make allocations N=100 SEED=1,
# make diskfull: promises tried many times over; see docs/campaigns.md.

.PHONY: kills damage diskfull power allocations build-kills build-damage build-power build-allocations
kills: deps             ## end programs by N=200 signals at random moments, and see what is left
	@$(SUBMAKE) $(JOBS) build-all build-kills
	@$(BUILD)/kills kills $(BIN) tests/corpus $(BUILD)/tests/work/kills $(or $(N),200) $(or $(SEED),1) $(CORES)
damage: deps            ## feed N=1000 damaged files to the programs that read them
	@$(SUBMAKE) $(JOBS) build-all build-damage
	@$(BUILD)/damage damage $(BIN) tests/corpus $(BUILD)/tests/work/damage $(or $(N),1000) $(or $(SEED),1) $(CORES)
power: deps             ## drop what had not reached the disk, N=200 times, and see what is left
	@$(SUBMAKE) $(JOBS) build-all build-power
	@$(BUILD)/power power $(BIN) tests/corpus $(BUILD)/tests/work/power $(or $(N),200) $(or $(SEED),1) $(CORES)
allocations: deps       ## refuse programs memory at N=100 places of each
	@$(SUBMAKE) $(JOBS) build-all build-allocations
	@$(BUILD)/allocations allocations $(BIN) tests/corpus $(BUILD)/tests/work/allocations $(or $(N),100) $(or $(SEED),1) $(CORES)
diskfull: deps          ## run every program on disks that fill up
	@$(SUBMAKE) $(JOBS) build-all
	@sh tests/campaigns/diskfull.sh $(BIN) $(BUILD) $(MODE)

build-kills: $(BUILD)/kills
build-damage: $(BUILD)/damage
build-power: $(BUILD)/power $(BUILD)/power.so
build-allocations: $(BUILD)/allocations $(BUILD)/allocations.so
$(BUILD)/kills $(BUILD)/power $(BUILD)/allocations: $(BUILD)/tests/campaigns/writers.o
$(BUILD)/kills $(BUILD)/damage $(BUILD)/power $(BUILD)/allocations: $(BUILD)/tests/campaigns/$$(@F).o $(BUILD)/tests/campaigns/campaign.o $(LIBRARIES)
	$(call say,LD,$@)$(LINK) $(PACKAGE_LIBS)
$(BUILD)/power.so $(BUILD)/allocations.so: $(BUILD)/%.so: tests/campaigns/preload_%.c
	$(call say,LD,$@)$(CC) -std=gnu11 -D_GNU_SOURCE $(WARNINGS) -O1 -fPIC -shared -o $@ $< -ldl
