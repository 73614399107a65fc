# SPDX-License-Identifier: GPL-3.0-or-later
# make damage N=1000 SEED=1: damaged files for the programs that read them; see docs/campaigns.md.

.PHONY: damage build-damage
damage: deps            ## feed N=1000 damaged files to the programs that read them
	@$(SUBMAKE) $(JOBS) build-all build-damage
	@$(BUILD)/damage damage $(BIN) tests/corpus $(BUILD)/tests/work/damage $(or $(N),1000) $(or $(SEED),1) $(JOBS:-j%=%)
build-damage: $(BUILD)/damage
$(BUILD)/damage: $(BUILD)/tests/campaigns/damage.o $(BUILD)/tests/campaigns/campaign.o $(LIBRARY)
	$(call say,LD,$@)$(CC) $(LDFLAGS_ALL) -o $@ $^ $(PACKAGE_LIBS)
