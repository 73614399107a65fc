/* SPDX-License-Identifier: GPL-3.0-or-later */
/* scaling: what do many ranks gain, and where does their time go?
 *
 * Inputs    the costs of computing and of a network: given, or measured here.
 * Varies    the number of ranks; the length of one sequence, the same for all ranks together (strong) or for each
 *           (weak); a step of training.
 * Measures  seconds as the model of docs/scaling.md predicts them, and where they go; started as several ranks, also
 *           with real messages, in which a pause takes the place of computing. Under SimGrid's smpirun both are
 *           simulated, on any cluster.
 * Expects   two thirds of the ranks' work on one sequence to be the price of not waiting for each other; steps to
 *           scale until gradients take longer to send than to compute.
 * Writes    one row per kind of work, length and number of ranks: of those started, where several are. */
#include "laboratory.h"

#include <math.h>

static efla_scaling_costs costs;
static efla_scaling_work shape;
static efla_list ranks, lengths;
static size_t each, group, context;
static const char *cluster, *pieces_path;

#define COST(name, member, value, what)                                                                                \
  { name, "S", value, NULL, what, EFLA_REAL, &costs.member, 0, 1e9, NULL }

static const efla_option options[] = {
    {"ranks", "LIST", "1,2,4,8,16,32,64,128,256,512,1024", "1,2,1024", "ranks, where it is started as one", EFLA_COUNTS,
     &ranks, 1, 1e6, NULL},
    {"tokens", "LIST", "1048576,4194304,16777216,67108864", "1048576", "of a sequence on all ranks together; none: 0",
     EFLA_COUNTS, &lengths, 0, 1e12, NULL},
    {"each", "N", "65536", NULL, "tokens of a sequence on each rank; none: 0", EFLA_COUNT, &each, 0, 1e12, NULL},
    {"heads", "N", "16", NULL, "heads of a sequence", EFLA_COUNT, &shape.heads, 1, 4096, NULL},
    {"dk", "N", "128", NULL, "length of keys", EFLA_COUNT, &shape.dk, 1, 4096, NULL},
    {"dv", "N", "128", NULL, "length of values", EFLA_COUNT, &shape.dv, 1, 4096, NULL},
    {"groups", "N", "1024", NULL, "groups of a step of training; none: 0", EFLA_COUNT, &shape.groups, 0, 1e6, NULL},
    {"group", "N", "6", NULL, "sequences of a group, where costs are measured", EFLA_COUNT, &group, 1, 1e5, NULL},
    {"context", "N", "64", NULL, "their tokens", EFLA_COUNT, &context, 1, 1e6, NULL},
    {"numbers", "N", "262144", "16384", "parameters, a multiple of 16", EFLA_COUNT, &shape.numbers, 16, 1e10, NULL},
    COST("forward", forward, "4e-7", "seconds of a token of a head, with outputs"),
    COST("sum", sum, "4e-7", "of a token of a head for N"),
    COST("map", map, "4e-7", "of a token of a head for M"),
    COST("product", product, "1e-4", "of M S + N of a head"),
    COST("gradient", gradient, "2e-2", "of the gradient of a group"),
    COST("add", add, "3e-10", "of adding a number"),
    COST("update", update, "2e-9", "of updating a parameter"),
    COST("latency", latency, "2e-6", "of the network"),
    COST("message", message, "0", "of a rank for sending or receiving a message"),
    {"rate", "R", "12.5e9", NULL, "bytes per second of a rank, in each direction", EFLA_REAL, &costs.rate, 1, 1e15,
     NULL},
    {"cluster", "TEXT", "none", NULL, "name of what it runs on", EFLA_TEXT, &cluster, 0, 0, NULL},
    {"pieces", "FILE", NULL, NULL, "table of the costs of computing, measured here and used", EFLA_RESULT, &pieces_path,
     0, 0, NULL},
    {.name = NULL},
};

typedef struct row {
  const char *cluster, *work;
  size_t ranks, tokens;
  double predicted, measured, efficiency, own, more, waiting, transfer;
} row;

static const efla_column columns[] = {
    EFLA_COLUMN(row, cluster, "", "what it ran on"),
    EFLA_COLUMN(row, work, "", "strong: a sequence of one length; weak: of a length for each rank; step: of training"),
    EFLA_COLUMN(row, ranks, "", "ranks"),
    EFLA_COLUMN(row, tokens, "", "tokens on all ranks together; 0: a step"),
    EFLA_COLUMN(row, predicted, "s", "time by the model"),
    EFLA_COLUMN(row, measured, "s", "time with real messages; nan: started as one process"),
    EFLA_COLUMN(row, efficiency, "", "time of one rank / (ranks * time), measured where it is"),
    EFLA_COLUMN(row, own, "s", "predicted: what one process computes, in parts"),
    EFLA_COLUMN(row, more, "s", "predicted: what is computed because there are several ranks"),
    EFLA_COLUMN(row, waiting, "s", "predicted: latencies and messages"),
    EFLA_COLUMN(row, transfer, "s", "predicted: transfer of bytes"),
    EFLA_COLUMNS_END(row)};

typedef struct piece {
  const char *piece;
  double seconds;
} piece;

static const efla_column piece_columns[] = {EFLA_COLUMN(piece, piece, "", "cost, as the option that gives it"),
                                            EFLA_COLUMN(piece, seconds, "s", "median"), EFLA_COLUMNS_END(piece)};
static const efla_further_table further[] = {{"pieces", piece_columns}, {NULL, NULL}};

static efla_status measure_pieces(const efla_cli *cli, efla_message *why) {
  efla_table table = {0};
  efla_status status = efla_scaling_measure(&costs, &shape, group, context, why);
  if (status == EFLA_OK) status = efla_table_open_further(&table, cli, "pieces", pieces_path, why);
  const piece all[] = {{"forward", costs.forward}, {"sum", costs.sum},           {"map", costs.map},
                       {"product", costs.product}, {"gradient", costs.gradient}, {"add", costs.add},
                       {"update", costs.update}};
  for (size_t i = 0; i < sizeof all / sizeof *all && status == EFLA_OK; i++) efla_table_put(&table, &all[i]);
  if (status == EFLA_OK) status = efla_table_close(&table, why);
  efla_table_abandon(&table);
  return status;
}

static efla_status write_row(const efla_cli *cli, efla_table *table, const char *what, size_t n, size_t tokens,
                             efla_message *why) {
  efla_scaling_work work = shape;
  work.tokens = tokens;
  const efla_scaling_time alone = efla_scaling_predict(&costs, &work, 1), t = efla_scaling_predict(&costs, &work, n);
  row r = {cluster, what, n, tokens, t.total, NAN, 0, t.own, t.more, t.waiting, t.transfer};
  const efla_status status =
      cli->ranks->size > 1 ? efla_scaling_run(&costs, &work, cli->ranks, &r.measured, why) : EFLA_OK;
  r.efficiency = alone.total / ((double)n * (isnan(r.measured) ? r.predicted : r.measured));
  if (status == EFLA_OK && cli->ranks->rank == 0) efla_table_put(table, &r);
  return status;
}

static efla_status run(const efla_cli *cli, efla_table *table, efla_message *why) {
  efla_status status = pieces_path ? measure_pieces(cli, why) : EFLA_OK;
  if (cli->ranks->size > 1) ranks = (efla_list){.n = 1, .count = {cli->ranks->size}};
  for (size_t i = 0; i < ranks.n && status == EFLA_OK; i++) {
    const size_t n = ranks.count[i];
    for (size_t j = 0; j < lengths.n && status == EFLA_OK; j++)
      if (lengths.count[j] > 0) status = write_row(cli, table, "strong", n, lengths.count[j], why);
    if (status == EFLA_OK && each > 0) status = write_row(cli, table, "weak", n, n * each, why);
    if (status == EFLA_OK && shape.groups > 0) status = write_row(cli, table, "step", n, 0, why);
  }
  return status;
}

static efla_status check(const efla_cli *cli, efla_message *why) {
  if (shape.numbers % EFLA_PAD != 0)
    return efla_fail(why, EFLA_USAGE, "--numbers: %zu, expected a multiple of %d", shape.numbers, EFLA_PAD);
  if (pieces_path && cli->ranks->size > 1)
    return efla_fail(why, EFLA_USAGE, "--pieces: started as %zu ranks, expected one", cli->ranks->size);
  return EFLA_OK;
}

int main(int argc, char **argv) {
  static const efla_program program = {
      .name = "scaling",
      .summary = "Predicts what many ranks gain, and checks it with real messages.",
      .description = "One sequence over ranks: each forms the map M S + N of its tokens, states are moved through the "
                     "maps of all, each computes its tokens. A step of training: groups are dealt to ranks, gradients "
                     "are added in their order. Started as several ranks (mpirun, or SimGrid's smpirun), messages are "
                     "sent, and a pause takes the place of computing, as long as the costs say.",
      .options = options,
      .columns = columns,
      .further = further,
      .run = run,
      .check = check,
      .seedless = true,
      .over_ranks = true};
  return efla_program_main(&program, argc, argv);
}
