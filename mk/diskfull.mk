# SPDX-License-Identifier: GPL-3.0-or-later
# make diskfull: what programs and make figures leave behind on disks that fill up; docs/campaigns.md.

.PHONY: diskfull
diskfull: deps          ## run every program on disks that fill up
	@$(SUBMAKE) $(JOBS) build-all
	@sh tests/campaigns/diskfull.sh $(BIN) $(BUILD) $(MODE)
