/* SPDX-License-Identifier: GPL-3.0-or-later */
/* draw: a figure of plots/ from a table, for make figures.
 *
 * Inputs    the CSV table of an experiment; scripts of plots/ may read more (effects.csv).
 * Writes    the picture, whole or not at all. */
#include "laboratory.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *script, *input, *picture, *setting;

static const efla_option options[] = {
    {"script", "NAME", NULL, NULL, "draws as plots/NAME.gp says", EFLA_NEEDED, &script, 0, 0, NULL},
    {"table", "FILE", NULL, NULL, "CSV table", EFLA_NEEDED, &input, 0, 0, NULL},
    {"figure", "FILE", NULL, NULL, "picture to write: FILE.svg, FILE.pdf or FILE.png", EFLA_NEEDED, &picture, 0, 0,
     NULL},
    {"set", "NAME=TEXT", NULL, NULL, "a string variable of the script", EFLA_TEXT, &setting, 0, 0, NULL},
    {.name = NULL},
};

/* Whether it is a table, every row of it complete. */
static efla_status check_table(efla_message *why) {
  efla_csv csv;
  efla_status status = efla_csv_read(&csv, input, why);
  if (status == EFLA_OK) efla_csv_clear(&csv);
  return status;
}

/* The table's bytes, to be unmapped. */
static efla_status map_table(const char **bytes, size_t *length, efla_message *why) {
  struct stat file;
  int table = open(input, O_RDONLY | O_CLOEXEC);
  void *map = MAP_FAILED;
  if (table >= 0 && fstat(table, &file) == 0) map = mmap(NULL, (size_t)file.st_size, PROT_READ, MAP_PRIVATE, table, 0);
  efla_status status = EFLA_OK;
  if (map == MAP_FAILED)
    status = efla_fail(why, EFLA_INPUT, "%s: cannot read: %s", input, strerror(errno));
  else
    *bytes = map, *length = (size_t)file.st_size;
  if (table >= 0) close(table);
  return status;
}

static efla_status run(const efla_cli *cli, efla_table *none, efla_message *why) {
  (void)cli, (void)none;
  const char *bytes = NULL, *equals = setting ? strchr(setting, '=') : NULL;
  size_t length = 0;
  if (setting && !equals) return efla_fail(why, EFLA_USAGE, "--set: '%s', expected NAME=TEXT", setting);
  efla_status status = efla_output_spares(picture, input, why);
  if (status == EFLA_OK) status = check_table(why);
  if (status == EFLA_OK) status = map_table(&bytes, &length, why);
  if (status != EFLA_OK) return status;
  char *name = setting ? strndup(setting, (size_t)(equals - setting)) : NULL;
  /* gnuplot reads a copy of the table: the figure's footer is to have the name of the table itself. */
  const efla_figure_text texts[] = {{"source", input}, {name, equals ? equals + 1 : NULL}};
  if (setting && !name)
    status = efla_fail_memory(why);
  else
    status = efla_figure_draw(script, bytes, length, setting ? 2 : 1, texts, picture, why);
  free(name);
  munmap((void *)(uintptr_t)bytes, length);
  return status;
}

int main(int argc, char **argv) {
  static const efla_program program = {.name = "draw",
                                       .summary = "Draws a figure from a table.",
                                       .description = "The picture is there whole or not at all.",
                                       .options = options,
                                       .run = run,
                                       .reports = true};
  return efla_program_main(&program, argc, argv);
}
