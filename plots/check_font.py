# SPDX-License-Identifier: GPL-3.0-or-later
"""Widths of text in Helvetica, whose metrics Arial and Liberation Sans share.

Widths are thousandths of the font size (Adobe's metrics of Helvetica, Helvetica-Bold and Symbol).
"""
import unicodedata

_FIRST = 32  # the tables hold the characters from the space to the tilde
REGULAR = (
    "278 278 355 556 556 889 667 191 333 333 389 584 278 333 278 278 556 556 556 556 556 556 556 556 556 556 278 278 "
    "584 584 584 556 1015 667 667 722 722 667 611 778 722 278 500 667 556 833 722 778 667 778 722 667 611 722 667 944 "
    "667 667 611 278 278 278 469 556 333 556 556 500 556 556 278 556 556 222 222 500 222 833 556 556 556 556 333 500 "
    "278 556 500 722 500 500 500 334 260 334 584")
BOLD = (
    "278 333 474 556 556 889 722 238 333 333 389 584 278 333 278 278 556 556 556 556 556 556 556 556 556 556 333 333 "
    "584 584 584 611 975 722 722 722 722 667 611 778 722 278 556 722 611 833 722 778 667 778 722 667 611 722 667 944 "
    "667 667 611 333 278 333 584 556 333 556 611 556 611 556 333 611 611 278 278 556 278 889 611 611 611 611 389 556 "
    "333 611 556 778 556 556 500 389 280 389 584")
TABLES = {False: [int(w) for w in REGULAR.split()], True: [int(w) for w in BOLD.split()]}
OTHERS = {}
for _chars, _widths in (
        ("·×÷±−–—…°≤≥≈∼√∞‖→←", "278 584 584 584 584 556 1000 1000 400 549 549 549 549 549 713 500 987 987"),
        ("αβγδεζηθικλμνξοπρσςτυφχψω", "631 549 411 494 439 494 603 521 329 549 549 576 521 493 549 549 549 603 439 439 576 603 549 686 686"),
        ("ΓΔΘΛΞΠΣΦΨΩ", "603 612 741 686 645 768 592 763 795 768")):
    OTHERS.update(zip(_chars, (int(w) for w in _widths.split())))
OTHERS["\u2060"] = 0  # the word joiner, which is not seen
UNKNOWN = 600

# Extent above and below the base line, in font sizes.
LOW = set("acemnorsuvwxyzgpq·−-–—→←∼~+=<>:")
DEEP = set("gjpqy()[]{}|,;_@QβγζημξρφχψςΨ$")


def _width(char, bold):
    table = TABLES[bold]
    place = ord(char) - _FIRST
    if 0 <= place < len(table):
        return table[place]
    if char in OTHERS:
        return OTHERS[char]
    base = unicodedata.normalize("NFD", char)[0]  # a letter with an accent is as wide as without
    place = ord(base) - _FIRST
    return table[place] if 0 <= place < len(table) else UNKNOWN


def width(text, size, bold=False):
    """The advance of a text, in the unit of size."""
    return sum(_width(char, bold) for char in text) * size / 1000


def extent(text, size):
    """How far a text reaches above and below its base line, in the unit of size."""
    letters = [char for char in text if not char.isspace()]
    above = 0.54 if all(char in LOW for char in letters) else 0.73
    below = 0.21 if any(char in DEEP for char in letters) else 0.01
    return above * size, below * size
