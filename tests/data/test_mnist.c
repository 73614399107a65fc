/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which of MNIST's files is read, and that it is the published one. */
#include "files.h"
#include "testing.h"

#include <zlib.h>

enum { SIDE = 28 };

/* The number of images in what efla_mnist_read finds; 0 where it refuses. */
static size_t images_found(const char *where, bool training, efla_message *why) {
  efla_idx images;
  if (efla_mnist_read(&images, where, training, why) != EFLA_OK) return 0;
  size_t n = images.size[0];
  efla_idx_clear(&images);
  return n;
}

/* Files tell by their number of images which one was read. */
START_TEST(which_file_mnist_means) {
  efla_message why;
  char plain[256], gzip[256], path[256];
  static unsigned char whole[4000], packed[4000];
  const char *directory = files_directory("mnist-named");
  snprintf(plain, sizeof plain, "%s/train-images-idx3-ubyte", directory);
  snprintf(gzip, sizeof gzip, "%s/train-images-idx3-ubyte.gz", directory);
  size_t length = files_idx(whole, sizeof whole, 3, (size_t[]){3, SIDE, SIDE});
  files_write(gzip, packed, files_gzip(packed, sizeof packed, whole, length));
  ck_assert_uint_eq(images_found(directory, true, &why), 3);
  files_write(plain, whole, files_idx(whole, sizeof whole, 3, (size_t[]){2, SIDE, SIDE}));
  ck_assert_uint_eq(images_found(directory, true, &why), 2); /* plain before packed */
  ck_assert_uint_eq(images_found(directory, false, &why), 0);
  ck_assert_ptr_nonnull(strstr(why.text, "t10k-images-idx3-ubyte"));
  ck_assert_ptr_nonnull(strstr(why.text, directory));
  const char *other = files_directory("mnist-named-other");
  snprintf(path, sizeof path, "%s/t10k-images-idx3-ubyte", other);
  files_write(path, whole, files_idx(whole, sizeof whole, 3, (size_t[]){1, SIDE, SIDE}));
  setenv("EFLA_MNIST", other, 1);
  ck_assert_uint_eq(images_found(NULL, false, &why), 1);
  ck_assert_uint_eq(images_found("", false, &why), 1);
  ck_assert_uint_eq(images_found(directory, false, &why), 0); /* the argument wins, also where it is of no use */
  ck_assert_uint_eq(images_found(directory, true, &why), 2);
  ck_assert_uint_eq(images_found("no/such/directory", false, &why), 0);
  ck_assert_ptr_nonnull(strstr(why.text, "no/such/directory"));
  for (int empty = 0; empty < 2; empty++) {
    empty ? setenv("EFLA_MNIST", "", 1) : unsetenv("EFLA_MNIST");
    ck_assert_uint_eq(images_found(NULL, false, &why), 0);
    ck_assert(strstr(why.text, "--mnist") && strstr(why.text, "EFLA_MNIST"));
  }
  memset(path, 'a', sizeof path - 1);
  path[sizeof path - 1] = 0;
  ck_assert_uint_eq(images_found(path, true, &why), 0); /* longer than a file's name can be */
}
END_TEST

/* Where EFLA_MNIST names the real files.  The checksums were computed from the training images whose MD5, unpacked, is
 * the published 6bbc9ace898e44ae57da46a324031adb, and the test images, 2646ac647ad5339dbf082846283269ea. */
START_TEST(the_real_images) {
  static const uLong checksum[] = {0xe4ca5f57, 0xf3639b56};
  static const size_t number[] = {10000, 60000};
  const char *where = getenv("EFLA_MNIST");
  if (!where || !*where) {
    testing_skip("the_real_images", "EFLA_MNIST names no directory");
    return;
  }
  for (int training = 0; training < 2; training++) {
    efla_idx images;
    efla_message why = {{0}};
    ck_assert_msg(efla_mnist_read(&images, NULL, training, &why) == EFLA_OK, "%s", why.text);
    ck_assert(images.size[0] == number[training] && images.size[1] == SIDE && images.size[2] == SIDE);
    ck_assert_uint_eq(crc32(0, images.data, (uInt)(number[training] * SIDE * SIDE)), checksum[training]);
    efla_idx_clear(&images);
  }
}
END_TEST

int main(void) {
  const TTest *const tests[] = {which_file_mnist_means, the_real_images};
  return testing_main("mnist", tests, sizeof tests / sizeof *tests, 60);
}
