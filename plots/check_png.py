# SPDX-License-Identifier: GPL-3.0-or-later
"""What can be seen of a png of gnuplot without reading its text: whether it is whole, cut at an edge, or empty."""
import re
import struct
import zlib

MARGIN = 2      # pixels at every edge that are to be blank
DARK = 200      # a frame's lines are darker than this, the grid's lighter
NEAR = 8        # pixels by which the lines of a frame may seem to differ in their ends
INSIDE = 14     # pixels by which ticks reach into a frame
CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
SIGNATURE = b"\x89PNG\r\n\x1a\n"


def _chunks(data):
    place = len(SIGNATURE)
    while place + 8 <= len(data):
        length, kind = struct.unpack(">I4s", data[place:place + 8])
        body = data[place + 8:place + 8 + length]
        tail = data[place + 8 + length:place + 12 + length]
        if len(tail) < 4 or zlib.crc32(kind + body) != struct.unpack(">I", tail)[0]:
            raise ValueError("not a whole png file: the part %s is cut or damaged" % kind.decode("latin-1"))
        yield kind, body
        if kind == b"IEND":
            return
        place += 12 + length
    raise ValueError("not a whole png file: it has no end")


def _paeth(left, up, corner):
    a, b, c = abs(up - corner), abs(left - corner), abs(left + up - 2 * corner)
    return left if a <= b and a <= c else up if b <= c else corner


def _restore(kind, row, above, step):
    """Undoes the filter of one row (the standard's section 9)."""
    if kind == 0:
        return row
    if kind == 2:
        if not any(row):
            return above
        return bytearray((a + b) & 255 for a, b in zip(row, above))
    if kind == 1:
        for i in range(step, len(row)):
            row[i] = (row[i] + row[i - step]) & 255
    elif kind == 3:
        for i, up in enumerate(above):
            row[i] = (row[i] + ((row[i - step] if i >= step else 0) + up) // 2) & 255
    elif kind == 4:
        for i, up in enumerate(above):
            row[i] = (row[i] + (_paeth(row[i - step], up, above[i - step]) if i >= step else up)) & 255
    else:
        raise ValueError("not a png file: filter %d" % kind)
    return row


class Image:
    """The least and the greatest channel of every pixel, by rows: ink of any colour has a low least one, black and grey both."""

    def __init__(self, width, rows, channels):
        self.width, self.height = width, len(rows)
        colours = 3 if channels >= 3 else 1
        self.least, self.most = [], []
        known = {}
        for row in rows:
            key = bytes(row)
            if key not in known:
                parts = [key[i::channels] for i in range(colours)]
                known[key] = (bytes(map(min, *parts)), bytes(map(max, *parts))) if colours > 1 else (parts[0], parts[0])
            least, most = known[key]
            self.least.append(least)
            self.most.append(most)


def read(path):
    with open(path, "rb") as file:
        data = file.read()
    if not data.startswith(SIGNATURE):
        raise ValueError("not a png file")
    packed, header = b"", None
    for kind, body in _chunks(data):
        if kind == b"IHDR":
            header = struct.unpack(">IIBBBBB", body)
        elif kind == b"IDAT":
            packed += body
    if not header or header[2] != 8 or header[3] not in (0, 2, 4, 6) or header[6]:
        raise ValueError("not a png of 8 bits a channel without a palette, as gnuplot writes them")
    width, height, step = header[0], header[1], CHANNELS[header[3]]
    try:
        raw = zlib.decompress(packed)
    except zlib.error as error:
        raise ValueError("not a whole png file: %s" % error) from None
    size = width * step + 1
    if len(raw) != size * height:
        raise ValueError("not a whole png file: %d bytes of pixels in place of %d" % (len(raw), size * height))
    rows, above = [], bytearray(size - 1)
    for y in range(height):
        above = _restore(raw[y * size], bytearray(raw[y * size + 1:(y + 1) * size]), above, step)
        rows.append(above)
    return Image(width, rows, step)


def _spans(positions):
    """Ranges of positions with gaps of at most 20: one cut text each."""
    spans = []
    for place in positions:
        if spans and place - spans[-1][1] <= 20:
            spans[-1][1] = place
        else:
            spans.append([place, place])
    return spans


def cut(image):
    """Pixels at the edges that are not white."""
    ink = [(row != b"\xff" * image.width) and row for row in image.least]
    sides = (
        ("left edge", "rows", [y for y, row in enumerate(ink) if row and min(row[:MARGIN]) < 255]),
        ("right edge", "rows", [y for y, row in enumerate(ink) if row and min(row[-MARGIN:]) < 255]),
        ("top edge", "columns", sorted({x for row in ink[:MARGIN] if row for x, v in enumerate(row) if v < 255})),
        ("bottom edge", "columns", sorted({x for row in ink[-MARGIN:] if row for x, v in enumerate(row) if v < 255})),
    )
    for side, unit, positions in sides:
        for first, last in _spans(positions):
            yield "outside", "something is cut at the %s (%s %d to %d)" % (side, unit, first, last)


def _dark(image, x, top, bottom):
    return sum(image.most[y][x] < DARK for y in range(top, bottom))


def frames(image):
    """Rectangles of dark lines, (left, top, right, bottom), that are large enough for a panel."""
    shortest = max(60, image.width // 12)
    dark = bytes(int(v < DARK) for v in range(256))
    pattern = re.compile(b"\x01{%d,}" % shortest)
    groups = []  # of level lines with nearly the same ends, for a point at a corner makes a line longer: pairs of ends and row
    for y, row in enumerate(image.most):
        for run in pattern.finditer(row.translate(dark)):
            ends = run.start(), run.end() - 1
            group = next((g for g in groups if all(abs(a - b) <= NEAR for a, b in zip(g[0][0], ends))), None)
            if group is None:
                groups.append([(ends, y)])
            else:
                group.append((ends, y))
    found = []
    for group in groups:
        rows = [y for _, y in group]
        left, right = (max({ends[i] for ends, _ in group}, key=lambda x: _dark(image, x, rows[0], rows[-1])) for i in (0, 1))
        ends = [y for i, y in enumerate(rows) if i == 0 or y - rows[i - 1] > 1]
        start = None  # the top of the frame being followed; a line across it, as at zero, does not end it
        for top, bottom in zip(ends, ends[1:] + [None]):
            start = top if start is None else start
            sides = [_dark(image, x, top, bottom) for x in (left, right)] if bottom else [0]
            if min(sides) < 0.95 * ((bottom or top) - top) or not bottom:
                if top - start >= 60:
                    found.append((left, start, right, top))
                start = None
    return [a for a in found if not any(a != b and b[0] <= a[0] and b[1] <= a[1] and a[2] <= b[2] and a[3] <= b[3] for b in found)]


def empty(image):
    if all(row == b"\xff" * image.width for row in image.least):
        yield "empty", "the picture is blank"
        return
    panels = frames(image)
    if not panels:
        yield "empty", "there is no frame with axes"
    for number, (left, top, right, bottom) in enumerate(panels):
        rows = range(top + INSIDE, bottom - INSIDE)
        if all(min(image.least[y][left + INSIDE:right - INSIDE]) >= DARK for y in rows):
            yield "empty", "panel %d of %d shows nothing (at %d,%d)" % (number + 1, len(panels), left, top)


def faults(image):
    yield from cut(image)
    yield from empty(image)
