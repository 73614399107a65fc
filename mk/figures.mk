# SPDX-License-Identifier: GPL-3.0-or-later
# Tables and figures of the experiments, the study of trained classifiers, the gallery, the verdict.

.PHONY: figures check-figures study verdict gallery build-figures build-study build-study-figures build-verdict
figures: deps           ## run the experiments and draw the figures: results/*.csv, figures/*.$(FORMAT)
	@$(SUBMAKE) $(JOBS) build-all
	@$(SUBMAKE) build-figures
check-figures: figures figure-check-deps ## look for faults of the figures: missing legends, cut or overlapping text, empty panels
	@plots/check $(FIGURES:%=figures/%.$(FORMAT))
study: deps             ## train the models of the robustness study on EFLA_MNIST (an hour, can be stopped): gallery/study*.csv, its figures
	@$(if $(MNIST)$(QUICK),,echo 'make study: EFLA_MNIST names no directory with MNIST, and built-in digits would replace its tables in gallery' >&2; exit 2)
	@$(SUBMAKE) $(JOBS) build-all
	@$(SUBMAKE) build-study
	@$(if $(SHARD)$(QUICK),,$(ALONE) $(SUBMAKE) build-study-figures FORMAT=svg)
verdict: deps           ## the paper's claims, and what the tables of the last make figures say of them
	@$(SUBMAKE) $(JOBS) build-all build-verdict
	@$(BUILD)/verdict results $(BIN)
gallery: figures        ## refresh the figures that the README shows
	$(call keep,figures/order.svg figures/accumulation.svg figures/channel_decay.svg $(STUDY_FIGURES:%=figures/%.svg))
build-verdict: $(BUILD)/verdict

# A run is a table, results/RUN.csv, and the command that writes it (normally bin/RUN).  A figure, figures/FIGURE.svg, is drawn
# from the table of its run by a script (both normally of the figure's name).
MNIST := $(if $(EFLA_MNIST),$(wildcard $(EFLA_MNIST)/train-images*))
RUN_accumulation-mnist := $(BIN)/accumulation --family mnist --norm 1 --mnist $(EFLA_MNIST)
RUN_noise-mnist        := $(BIN)/noise --family mnist --pairs 8 --mnist $(EFLA_MNIST)
RUN_lm                 := $(BIN)/lm $(if $(QUICK),,--method exact,euler --keys raw,unit --width 64 --heads 2 --layers 2 --hidden 176 --lr 1e-2 --steps 800 --every 100 --windows 300)
SMALL                  := --method exact,euler --keys unit --seeds 42,43 --heads 1 --layers 1 --hidden 32 --batch 32 --group 16 --lr 1e-2
RUN_recall             := $(BIN)/recall $(if $(QUICK),,$(SMALL) --pairs 2,4,8,16 --vocabulary 80 --zeros --width 16,24,32 --steps 400 --tested 300)
RUN_mad                := $(BIN)/mad $(if $(QUICK),,$(SMALL) --width 32 --steps 600 --tested 384)

# The study of robustness: its models take an hour to train, so its tables are kept in gallery/ and its figures are drawn from there.
STUDY_FIGURES := $(if $(wildcard gallery/study.csv),smnist smnist-effects smnist-sweep \
                   $(if $(wildcard gallery/study-losses.csv),smnist-loss) $(if $(wildcard gallery/study-steps.csv),smnist-steps))

# The study of language models, kept there too, and tables of its kind.
LM_FIGURES := $(if $(wildcard gallery/lm.csv),lm-effects lm-loss lm-context)
LM_MECHANISMS := $(patsubst gallery/%.csv,%,$(wildcard gallery/lm-layers.csv gallery/lm-exchange.csv))
EFFECTS    := $(patsubst gallery/%.csv,results/effects-%.csv,$(wildcard gallery/lm.csv gallery/recall.csv gallery/mad.csv))

FIGURES := order accumulation accumulation-readout growth reference coefficient stability stability_plane precision chunk zero_order_hold channel_decay decay noise lm recall mad throughput throughput-tokens \
           $(if $(MNIST),accumulation-mnist noise-mnist) $(STUDY_FIGURES) $(LM_FIGURES) $(LM_MECHANISMS)
TABLE_accumulation-readout  := accumulation
SCRIPT_accumulation-readout := accumulation
SET_accumulation-readout    := column_of_error=readout_error
TABLE_growth := accumulation
TABLE_throughput-tokens := throughput
SCRIPT_noise-mnist := noise
# A kept table, and what else a figure is drawn from.
KEPT_smnist         := gallery/study.csv
KEPT_smnist-effects := gallery/study.csv
KEPT_smnist-sweep   := gallery/study.csv
KEPT_smnist-loss    := gallery/study-losses.csv
KEPT_smnist-steps   := gallery/study-steps.csv
KEPT_lm-effects     := gallery/lm.csv
KEPT_lm-loss        := gallery/lm.csv
KEPT_lm-context     := gallery/lm.csv
KEPT_lm-layers      := gallery/lm-layers.csv
KEPT_lm-exchange    := gallery/lm-exchange.csv
KEPT_recall         := $(wildcard gallery/recall.csv)
KEPT_mad            := $(wildcard gallery/mad.csv)

command = $(or $(RUN_$(1)),$(BIN)/$(1))
more    = $(if $(filter $(1),$(STUDY_FIGURES)),results/effects.csv plots/smnist-style.gp plots/effects-style.gp) \
          $(if $(filter $(1),$(LM_FIGURES)),results/effects-lm.csv plots/effects-style.gp plots/lm-style.gp plots/paired.awk) \
          $(if $(filter $(1),lm-layers),plots/paired.awk) \
          $(if $(filter $(1),recall mad),plots/seeds.gp plots/seeds.awk)
table   = $(or $(KEPT_$(1)),results/$(or $(TABLE_$(1)),$(1)).csv)
script  = $(or $(SCRIPT_$(1)),$(1))

build-figures: $(FIGURES:%=figures/%.$(FORMAT)) $(EFFECTS)
	@$(if $(MNIST),,echo "EFLA_MNIST names no directory with MNIST: the figures on real input are left out." >&2)

# Copies files to gallery/, each of them whole or not at all.
keep = @mkdir -p gallery && for file in $(1); do \
         kept=gallery/$${file\#\#*/}; cp $$file $$kept.part && mv $$kept.part $$kept || { rm -f $$kept.part; exit 1; }; done
build-study-figures: $(STUDY_FIGURES:%=figures/%.svg)
	$(call keep,$^)

# What tables depend on beside their programs: all of them on QUICK, those of real input on where it is.
results/.settings: SETTING = $(QUICK)
results/.mnist:    SETTING = $(EFLA_MNIST)
results/.settings results/.mnist: always
	@mkdir -p $(@D) figures && { echo '$(SETTING)' > $@.new || { rm -f $@.new; exit 1; }; } && { $(update); }
results/accumulation-mnist.csv results/noise-mnist.csv: results/.mnist
results/%.csv: $$(firstword $$(call command,$$*)) results/.settings
	$(call command,$*) $(if $(QUICK),--quick) --out $@
results/effects.csv: gallery/study.csv $(BIN)/effects | results/.settings
	$(BIN)/effects --input $< --out $@ >/dev/null
results/effects-%.csv: gallery/%.csv $(BIN)/effects | results/.settings
	$(BIN)/effects --input $< --out $@ >/dev/null
figures/%.$(FORMAT): $$(call table,$$*) plots/$$(call script,$$*).gp plots/style.gp plots/legend.gp plots/pick.awk $$(call more,$$*) $(BUILD)/draw
	EFLA_DATADIR='$(CURDIR)' $(BUILD)/draw --script $(call script,$*) --table $< --figure $@ $(SET_$*:%=--set %)

COMMA := ,
# Every finished model is kept in results/study, so that a study that was stopped goes on where it was.  With SHARD only that share is
# trained, for another machine whose results/study is brought together with this one, and no table is written.  QUICK leaves the gallery alone.
SEEDS         ?= $(if $(QUICK),0,0$(COMMA)1$(COMMA)2$(COMMA)3$(COMMA)4)
STUDY_KEPT     = $(if $(QUICK),results/quick,gallery)
# Several shells may run it at once: they share the models, and write tables and figures one after another.
ALONE          = $(if $(shell command -v flock),flock results/study.lock)
STUDY          = env $(if $(EFLA_MNIST),EFLA_MNIST=$(EFLA_MNIST)) $(BIN)/smnist --configs results/$(if $(QUICK),quick-)study --keys raw,unit --seeds $(SEEDS) $(if $(QUICK),--quick)
STUDY_TRAIN    = $(STUDY) $(if $(SHARD),--shard $(SHARD)) --out /dev/null
STUDY_TABLES   = --out $(STUDY_KEPT)/study.csv --losses $(STUDY_KEPT)/study-losses.csv --steps $(STUDY_KEPT)/study-steps.csv
build-study: $(BIN)/smnist
	@mkdir -p $(STUDY_KEPT) results
	$(STUDY_TRAIN) --method exact,euler,implicit,rk4 --lr 1e-3,3e-3
	$(STUDY_TRAIN) --method exact,euler --lr 1e-4,3e-4,1e-2
	$(if $(SHARD),,$(ALONE) $(STUDY) --finished --method exact,euler,implicit,rk4 --lr 1e-4,3e-4,1e-3,3e-3,1e-2 $(STUDY_TABLES))
