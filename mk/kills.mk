# SPDX-License-Identifier: GPL-3.0-or-later
# make kills N=200 SEED=1: signals at random moments to programs that write; see docs/campaigns.md.

.PHONY: kills build-kills
kills: deps             ## end programs by N=200 signals at random moments, and see what is left
	@$(SUBMAKE) $(JOBS) build-all build-kills
	@$(BUILD)/kills kills $(BIN) tests/corpus $(BUILD)/tests/work/kills $(or $(N),200) $(or $(SEED),1) $(JOBS:-j%=%)
build-kills: $(BUILD)/kills
$(BUILD)/kills: $(BUILD)/tests/campaigns/kills.o $(BUILD)/tests/campaigns/campaign.o $(LIBRARY)
	$(call say,LD,$@)$(CC) $(LDFLAGS_ALL) -o $@ $^ $(PACKAGE_LIBS)
