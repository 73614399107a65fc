# SPDX-License-Identifier: GPL-3.0-or-later
# Tables and figures of the experiments, the gallery, the verdict.

.PHONY: figures check-figures verdict gallery build-figures build-verdict
figures: deps           ## run the experiments and draw the figures: results/*.csv, figures/*.$(FORMAT)
	@$(SUBMAKE) $(JOBS) build-all
	@$(SUBMAKE) build-figures
check-figures: figures figure-check-deps ## look for faults of the figures: missing legends, cut or overlapping text, empty panels
	@plots/check $(FIGURES:%=figures/%.$(FORMAT))
verdict: deps           ## the paper's claims, and what the tables of the last make figures say of them
	@$(SUBMAKE) $(JOBS) build-all build-verdict
	@$(BUILD)/verdict results $(BIN)
gallery: figures        ## refresh the figures that the README shows
	$(call keep,figures/order.svg figures/accumulation.svg figures/channel_decay.svg $(IMAGE_FIGURES:%=figures/%.svg) $(LANGUAGE_FIGURES:%=figures/%.svg))
build-verdict: $(BUILD)/verdict

# One page with all of it, report/index.html, that needs nothing else; FORMAT=pdf prints it too, by Chromium.
.PHONY: report build-report check-report
PAGES := $(patsubst %.md,report/%.html,$(filter-out docs/README.md,$(wildcard *.md docs/*.md docs/*/*.md)))
LOOK  := experiments/report/nav.html experiments/report/style.css
report: deps page-deps $(if $(filter pdf,$(FORMAT)),browser-deps) ## the claims, figures and where they come from, on one page, report/index.html, the documents and the C API beside it
	@$(SUBMAKE) $(JOBS) build-all build-verdict $(BUILD)/report
	@$(SUBMAKE) FORMAT=svg build-figures
	@$(SUBMAKE) $(JOBS) build-report
check-report: report browser-deps ## look for faults of these pages, in Chromium
	@experiments/report/check $(words $(FIGURES))
build-report: $(PAGES) report/api/index.html
	@mkdir -p report
	@$(BUILD)/report results $(BIN) $(foreach figure,$(FIGURES),$(figure):$(call table,$(figure)):$(call script,$(figure))) > report/index.html.new || { rm -f report/index.html.new; exit 1; }
	@mv report/index.html.new report/index.html
	$(if $(filter pdf,$(FORMAT)),chromium --headless --no-sandbox --disable-gpu --disable-dev-shm-usage --no-pdf-header-footer --print-to-pdf=report/report.pdf report/index.html 2>/dev/null)

# Brackets of formulas are as high as the text, which pandoc lets grow with every raised letter. Documents are where they are in the repository, so that links between them need no more than another ending.
report/%.html: %.md experiments/report/page.lua experiments/report/page.html $(LOOK)
	@mkdir -p $(@D)
	$(call say,PAGE,$@)pandoc --fail-if-warnings --from gfm+tex_math_dollars --to html5 --mathml --no-highlight --toc --template experiments/report/page.html --lua-filter experiments/report/page.lua --output $@.new $<
	@sed 's/stretchy="true"/stretchy="false"/g' $@.new >$@; rm $@.new

PUBLIC_HEADERS := $(wildcard src/efla/*.h) src/mpi/communicator.h
report/api/index.html: $(PUBLIC_HEADERS) $(addprefix experiments/report/,api api.html doxyfile headers.awk layout.xml) $(LOOK)
	$(call say,API,$@)experiments/report/api report $(PUBLIC_HEADERS)

# A run is a table, results/RUN.csv, and the command that writes it (normally bin/RUN).  A figure, figures/FIGURE.svg, is drawn
# from the table of its run by a script (both normally of the figure's name).
MNIST := $(if $(EFLA_MNIST),$(wildcard $(EFLA_MNIST)/train-images*))
RUN_accumulation-mnist := $(BIN)/accumulation --family mnist --norm 1 --mnist $(EFLA_MNIST)
RUN_noise-mnist        := $(BIN)/noise --family mnist --pairs 8 --mnist $(EFLA_MNIST)
RUN_lm                 := $(BIN)/lm $(if $(QUICK),,--method exact,euler --keys raw,unit --width 64 --heads 2 --layers 2 --hidden 176 --lr 1e-2 --steps 800 --every 100 --windows 300)
SMALL                  := --method exact,euler --keys unit --seeds 42,43 --heads 1 --layers 1 --hidden 32 --batch 32 --group 16 --lr 1e-2
RUN_recall             := $(BIN)/recall $(if $(QUICK),,$(SMALL) --pairs 2,4,8,16 --vocabulary 80 --zeros --width 16,24,32 --steps 400 --tested 300)
RUN_mad                := $(BIN)/mad $(if $(QUICK),,$(SMALL) --width 32 --steps 600 --tested 384)

# Figures of the studies, whose models take hours to train, are drawn from tables that are kept in gallery/.
include mk/studies.mk

FIGURES := order accumulation accumulation-readout growth reference coefficient stability stability_plane precision chunk zero_order_hold channel_decay decay noise lm recall mad throughput throughput-tokens $(SCALING_FIGURES) gpu \
           $(if $(MNIST),accumulation-mnist noise-mnist) $(IMAGE_FIGURES) $(LANGUAGE_FIGURES)
TABLE_accumulation-readout  := accumulation
SCRIPT_accumulation-readout := accumulation
SET_accumulation-readout    := column_of_error=readout_error
TABLE_growth := accumulation
TABLE_throughput-tokens := throughput
SCRIPT_noise-mnist := noise
command = $(or $(RUN_$(1)),$(BIN)/$(1))
more    = $(if $(filter $(1),recall mad),plots/seeds.gp plots/seeds.awk) $(call more_of_study,$(1))
table   = $(or $(KEPT_$(1)),results/$(or $(TABLE_$(1)),$(1)).csv)
script  = $(or $(SCRIPT_$(1)),$(1))

build-figures: $(FIGURES:%=figures/%.$(FORMAT)) $(EFFECTS)
	@$(if $(MNIST),,echo "EFLA_MNIST names no directory with MNIST: the figures on real input are left out." >&2)

# Copies files to gallery/, each of them whole or not at all.
keep = @mkdir -p gallery && for file in $(1); do \
         kept=gallery/$${file\#\#*/}; cp $$file $$kept.part && mv $$kept.part $$kept || { rm -f $$kept.part; exit 1; }; done
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

