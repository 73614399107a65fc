/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "data/shakespeare.h"

/* The assembler reads the file, on every processor and with every compiler that has gcc's syntax; its path is relative
 * to the directory in which make runs. */
__asm__(".pushsection .rodata\n"
        ".globl efla_shakespeare\n"
        ".globl efla_shakespeare_end\n"
        "efla_shakespeare:\n"
        ".incbin \"data/shakespeare.txt\"\n"
        "efla_shakespeare_end:\n"
        ".popsection\n");
