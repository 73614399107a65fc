/* libFuzzer's door to one reader, the one that the variable EFLA_READER names: make fuzz. */
#include "../readers.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n) {
  static const reader *chosen;
  const char *name = getenv("EFLA_READER");
  if (!chosen)
    for (chosen = readers; chosen->name && name && strcmp(chosen->name, name) != 0;) chosen++;
  if (!chosen->name) {
    fprintf(stderr, "EFLA_READER=%s is no reader\n", name ? name : "");
    exit(2);
  }
  if (n <= chosen->most) chosen->read(bytes, n);
  return 0;
}
