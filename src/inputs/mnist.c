#include "inputs/mnist.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

efla_status efla_mnist_read(efla_idx *images, const char *directory, bool training, efla_message *why) {
  const char *set = training ? "train" : "t10k";
  char path[4096];
  *images = (efla_idx){0};
  if (!directory || !*directory) directory = getenv("EFLA_MNIST");
  if (!directory || !*directory)
    return efla_fail(why, EFLA_INPUT, "MNIST: no directory given: use --mnist DIR or the variable EFLA_MNIST");
  int length = snprintf(path, sizeof path, "%s/%s-images-idx3-ubyte", directory, set);
  if (length < 0 || (size_t)length >= sizeof path - 3) return efla_fail(why, EFLA_INPUT, "MNIST: the directory's name is too long");
  if (access(path, F_OK) != 0) snprintf(path + length, sizeof path - (size_t)length, ".gz");
  if (access(path, F_OK) != 0)
    return efla_fail(why, EFLA_INPUT, "MNIST: no file %s-images-idx3-ubyte or %s-images-idx3-ubyte.gz in %s", set, set, directory);
  efla_status status = efla_idx_read(images, path, 3, why);
  if (status != EFLA_OK) return status;
  for (size_t i = 1; i < 3; i++)
    if (images->size[i] != EFLA_MNIST_SIDE) {
      status = efla_fail(why, EFLA_INPUT, "%s: offset %zu: images have %zu %s, expected 28", path, 4 + 4 * i, images->size[i],
                         i == 1 ? "rows" : "columns");
      efla_idx_clear(images);
      return status;
    }
  return EFLA_OK;
}
