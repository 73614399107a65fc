# SPDX-License-Identifier: GPL-3.0-or-later
# The studies of trained models: images (EFLA_MNIST) and language (EFLA_CORPUS).  Their models take minutes to hours to train, so their
# tables are kept in gallery/, from which the figures are drawn.
#
# Every finished model is kept in results/study*, so that a study that was stopped goes on where it was, and several shells may run it at
# once.  With SHARD only that share is trained, for another machine whose results/study* are brought together with these, and no table is
# written.  QUICK leaves the gallery alone.

.PHONY: study build-study-images build-study-language build-study-figures
study: deps             ## train the models of the studies whose data are named (hours, can be stopped): tables and figures in gallery/
	@$(if $(MNIST)$(EFLA_CORPUS)$(QUICK),,echo 'make study: name EFLA_MNIST, a directory with MNIST, EFLA_CORPUS, one with train, valid and test, or both' >&2; exit 2)
	@$(SUBMAKE) $(JOBS) build-all
	@$(if $(MNIST)$(QUICK),$(SUBMAKE) build-study-images)
	@$(if $(EFLA_CORPUS)$(QUICK),$(SUBMAKE) build-study-language)
	@$(if $(SHARD)$(QUICK),,$(ALONE) $(SUBMAKE) build-study-figures FORMAT=svg)

COMMA     := ,
STUDY_DIR  = results/$(if $(QUICK),quick-)study
STUDY_KEPT = $(if $(QUICK),results/quick,gallery)
# Tables and figures are written by one shell after another.
ALONE      = $(if $(shell command -v flock),flock results/study.lock)

# ------------------------------------------------------------------------------------------------------- trained classifiers
SEEDS  ?= $(if $(QUICK),0,0$(COMMA)1$(COMMA)2$(COMMA)3$(COMMA)4)
IMAGES  = env $(if $(EFLA_MNIST),EFLA_MNIST=$(EFLA_MNIST)) $(BIN)/smnist --configs $(STUDY_DIR) --keys raw,unit --seeds $(SEEDS) $(if $(QUICK),--quick)
IMAGES_TRAIN  = $(IMAGES) $(if $(SHARD),--shard $(SHARD)) --out /dev/null
IMAGES_TABLES = --out $(STUDY_KEPT)/study.csv --losses $(STUDY_KEPT)/study-losses.csv --steps $(STUDY_KEPT)/study-steps.csv
build-study-images: $(BIN)/smnist
	@mkdir -p $(STUDY_KEPT) results
	$(IMAGES_TRAIN) --method exact,euler,implicit,rk4 --lr 1e-3,3e-3
	$(IMAGES_TRAIN) --method exact,euler --lr 1e-4,3e-4,1e-2
	$(if $(SHARD),,$(ALONE) $(IMAGES) --finished --method exact,euler,implicit,rk4 --lr 1e-4,3e-4,1e-3,3e-3,1e-2 $(IMAGES_TABLES))

IMAGE_FIGURES := $(if $(wildcard gallery/study.csv),smnist smnist-effects smnist-sweep \
                   $(if $(wildcard gallery/study-losses.csv),smnist-loss) $(if $(wildcard gallery/study-steps.csv),smnist-steps))
KEPT_smnist         := gallery/study.csv
KEPT_smnist-effects := gallery/study.csv
KEPT_smnist-sweep   := gallery/study.csv
KEPT_smnist-loss    := gallery/study-losses.csv
KEPT_smnist-steps   := gallery/study-steps.csv

# ----------------------------------------------------------------------------------------------------------- language models
# experiments/studies/language has a line for every set of trainings: one of these, and what is varied.
LM       = lm $(if $(QUICK),--quick --steps 60 --every 20,--width 64 --layers 2 --heads 2 --hidden 176 --context 128 --batch 16 --group 8 --steps 600 \
             --warmup 60 --every 150 --windows 500)
TRAIN_lm     = $(LM)
TRAIN_along  = $(LM) --along
TRAIN_recall = recall $(if $(QUICK),--quick,--vocabulary 64 --length 48 --batch 32 --group 8 --layers 2 --heads 2 --steps 1000 --warmup 50)
TRAIN_mad    = mad $(if $(QUICK),--quick,--width 16 --batch 32 --group 8 --layers 2 --heads 2 --steps 400 --warmup 40)
LANGUAGE    := lm along recall mad
# One thread each: run it in as many shells as there are cores.
language     = env $(if $(EFLA_CORPUS),EFLA_CORPUS=$(EFLA_CORPUS)) $(BIN)/$(TRAIN_$(1)) --threads 1 --configs $(STUDY_DIR)-$(1)
language_case = $(1)) $(call language,$(1)) $(if $(SHARD),--shard $(SHARD)) --out /dev/null $$varied ;;
# With EFLA_BLIMP, a directory as bin/lm expects it, models are judged on pairs of sentences too.
# What is gathered: of all these the trainings that there are.
FIRST_SEEDS  = 1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16
GATHER       = --finished --method euler,exact,implicit --keys unit,raw
GATHER_RATES = $(if $(QUICK),1e-2,3e-3$(COMMA)1e-2$(COMMA)3e-2)
build-study-language: $(BIN)/lm $(BIN)/recall $(BIN)/mad experiments/studies/language experiments/studies/quick
	@mkdir -p $(STUDY_KEPT) results
	set -e; grep -v '^#\|^$$' experiments/studies/$(if $(QUICK),quick,language) | while read -r study varied; do \
	  case $$study in $(foreach s,$(LANGUAGE),$(call language_case,$(s))) *) echo "$$study: none of $(LANGUAGE)" >&2; exit 2 ;; esac </dev/null; done
	$(if $(SHARD),,$(SUBMAKE) build-study-tables)
.PHONY: build-study-tables
build-study-tables:
	$(ALONE) $(call language,lm) $(GATHER) --decay none,split,joint,retention --beta sigmoid,softplus --lr $(GATHER_RATES) --seeds $(FIRST_SEEDS) $(if $(EFLA_BLIMP),--blimp $(EFLA_BLIMP) --pairs 20) --out $(STUDY_KEPT)/lm.csv
	$(ALONE) $(call language,lm) $(GATHER) --decay none,split,joint,retention --lr 3e-3,1e-2,3e-2,1e-1 --seeds 101 --out $(STUDY_KEPT)/lm-sweep.csv
	$(ALONE) $(call language,along) $(GATHER) --lr $(GATHER_RATES) --seeds 1,2,3 --exchange --distributions $(STUDY_KEPT)/lm-layers.csv --out $(STUDY_KEPT)/lm-exchange.csv
	$(ALONE) $(call language,recall) $(GATHER) --pairs $(if $(QUICK),4,4$(COMMA)8$(COMMA)12) --width $(if $(QUICK),32,16$(COMMA)32) --lr $(GATHER_RATES) --seeds $(FIRST_SEEDS) --out $(STUDY_KEPT)/recall.csv
	$(ALONE) $(call language,mad) $(GATHER) --lr $(GATHER_RATES) --seeds $(FIRST_SEEDS) --out $(STUDY_KEPT)/mad.csv

LM_FIGURES       := $(if $(wildcard gallery/lm.csv),lm-effects lm-loss lm-context)
LANGUAGE_FIGURES := $(LM_FIGURES) $(patsubst gallery/%.csv,%,$(wildcard gallery/lm-layers.csv gallery/lm-exchange.csv))
KEPT_lm-effects  := gallery/lm.csv
KEPT_lm-loss     := gallery/lm.csv
KEPT_lm-context  := gallery/lm.csv
KEPT_lm-layers   := gallery/lm-layers.csv
KEPT_lm-exchange := gallery/lm-exchange.csv
KEPT_recall      := $(wildcard gallery/recall.csv)
KEPT_mad         := $(wildcard gallery/mad.csv)
# Effects of tables that are kept.
EFFECTS := $(patsubst gallery/%.csv,results/effects-%.csv,$(wildcard gallery/lm.csv gallery/recall.csv gallery/mad.csv)) \
           $(if $(wildcard gallery/lm.csv),results/effects-lm-equal.csv)
# Of language models at one rate, which all of the study are trained at.
results/effects-lm-equal.csv: gallery/lm.csv $(BIN)/effects | results/.settings
	$(BIN)/effects --input $< --rate 1e-2 --out $@ >/dev/null

build-study-figures: $(IMAGE_FIGURES:%=figures/%.svg) $(LANGUAGE_FIGURES:%=figures/%.svg)
	$(call keep,$^)

# What a figure of a study is drawn from beside its table.
more_of_study = $(if $(filter $(1),$(IMAGE_FIGURES)),results/effects.csv plots/smnist-style.gp plots/effects-style.gp) \
                $(if $(filter $(1),$(LM_FIGURES)),results/effects-lm.csv plots/effects-style.gp plots/lm-style.gp plots/paired.awk) \
                $(if $(filter $(1),lm-layers),plots/paired.awk)
