# SPDX-License-Identifier: GPL-3.0-or-later
"""Faults of the texts of a figure; each function yields pairs of the kind and what is wrong where."""
from collections import Counter

from check_svg import at, place, short

TOUCH = 1.0     # pixels by which boxes may overlap: widths are those of another font than the viewer's
EDGE = 1.0      # pixels by which a text may stand over the edge
NARROW = 0.2    # font sizes between two texts of a line, below which they read as one


def outside(drawing):
    for text in drawing.texts:
        x0, y0, x1, y1 = text.bounds
        over = {"left": -x0, "top": -y0, "right": x1 - drawing.width, "bottom": y1 - drawing.height}
        sides = ["%.0f px at the %s" % (by, side) for side, by in over.items() if by > EDGE]
        if sides:
            yield "outside", "'%s' is cut: %s" % (short(text.string), ", ".join(sides))


def repeated(drawing):
    count = Counter((t.string, round(t.origin[0]), round(t.origin[1]), t.angle) for t in drawing.texts)
    for (string, x, y, _), times in count.items():
        if times > 1:
            yield "repeated", "'%s' is drawn %d times over itself (%s)" % (short(string), times, at(x, y))


def overlap(a, b, room=0.0):
    """By how much two oriented boxes overlap along the direction in which they do so least; negative: their distance.

    room: added to both ends of a, along its text.
    """
    least = float("inf")
    left, top, right, bottom = a.box
    corners = [(a.origin[0] + x * a.axes[0] - y * a.axes[1], a.origin[1] + x * a.axes[1] + y * a.axes[0])
               for x, y in ((left - room, top), (right + room, top), (right + room, bottom), (left - room, bottom))]
    for cos, sin in (a.axes, (-a.axes[1], a.axes[0]), b.axes, (-b.axes[1], b.axes[0])):
        one = [x * cos + y * sin for x, y in corners]
        two = [x * cos + y * sin for x, y in b.corners]
        least = min(least, min(max(one), max(two)) - max(min(one), min(two)))
    return least


def texts_over_texts(drawing):
    seen, texts = set(), []
    for text in drawing.texts:
        key = text.string, round(text.origin[0]), round(text.origin[1])
        if key not in seen:
            seen.add(key)
            texts.append(text)
    texts.sort(key=lambda text: text.bounds[0])
    for i, a in enumerate(texts):
        for b in texts[i + 1:]:
            if b.bounds[0] > a.bounds[2] + a.size:
                break
            by = overlap(a, b)
            if by > TOUCH:
                yield "overlap", "'%s' and '%s' lie over each other (%s)" % (short(a.string), short(b.string), at(*b.origin))
            elif a.angle == b.angle and overlap(a, b, NARROW * min(a.size, b.size)) > 0.5 and _one_line(a, b):
                yield "touch", "'%s' and '%s' read as one text (%s)" % (short(a.string), short(b.string), at(*b.origin))


def _one_line(a, b):
    """Whether one text goes on where the other ends."""
    return abs(a.local(b.origin)[1]) < 0.5 * a.size


def texts_over_frames(drawing):
    for text in drawing.texts:
        x0, y0, x1, y1 = (b + s for b, s in zip(text.bounds, (1.5, 1.5, -1.5, -1.5)))
        for number, (left, top, right, bottom) in enumerate(drawing.frames):
            upright = any(x0 < x < x1 for x in (left, right)) and y0 < bottom and y1 > top
            level = any(y0 < y < y1 for y in (top, bottom)) and x0 < right and x1 > left
            if (upright or level) and not text.tick:
                yield "frame", "'%s' lies over the frame of %s" % (short(text.string), place(drawing, number))


def crosses(text, a, b, inset=1.0):
    """Whether the segment a-b passes through the box of a text, made smaller by inset on all sides."""
    left, top, right, bottom = (e + s * inset for e, s in zip(text.box, (1, 1, -1, -1)))
    (x0, y0), (x1, y1) = text.local(a), text.local(b)
    enter, leave = 0.0, 1.0
    for start, step, low, high in ((x0, x1 - x0, left, right), (y0, y1 - y0, top, bottom)):
        if abs(step) < 1e-12:
            if not low <= start <= high:
                return False
            continue
        first, last = sorted(((low - start) / step, (high - start) / step))
        enter, leave = max(enter, first), min(leave, last)
    return enter <= leave


def _light(colour):
    return not isinstance(colour, tuple) or 0.3 * colour[0] + 0.59 * colour[1] + 0.11 * colour[2] > 190


def touched_by(text, mark):
    x0, y0, x1, y1 = mark.bounds
    reach = mark.radius or 0
    left, top, right, bottom = text.bounds
    if x1 + reach < left or x0 - reach > right or y1 + reach < top or y0 - reach > bottom:
        return False
    if mark.kind == "glyph":
        x, y = text.local(mark.points[0])
        left, top, right, bottom = text.box
        return left - 0.5 * reach < x < right + 0.5 * reach and top - 0.5 * reach < y < bottom + 0.5 * reach
    if mark.kind == "fill":
        if mark.opacity < 0.5 or _light(mark.colour):
            return False
        left, top, right, bottom = text.bounds
        return min(right, x1) - max(left, x0) > 1 and min(bottom, y1) - max(top, y0) > 1
    return any(crosses(text, a, b) for a, b in zip(mark.points, mark.points[1:]))


def texts_over_data(drawing):
    marks = [mark for series in drawing.series for mark in series.marks]
    entries = {id(text): series for series in drawing.series for text in series.texts}
    for text in drawing.texts:
        series = entries.get(id(text))
        whole = _with_sample(text, series.sample) if series else text
        hidden = [mark for mark in marks if touched_by(whole, mark)]
        if hidden:
            yield "data", "the %s '%s' lies over data of %s (%s)" % (
                "legend entry" if series else "text", short(text.string), place(drawing, drawing.frame_of(hidden[0])),
                at(*text.origin))


def _with_sample(text, sample):
    """A legend's entry: the box of its text, made longer by the sample beside it."""
    left, top, right, bottom = text.box
    for mark in sample:
        left, right = min(left, mark.bounds[0] - text.origin[0]), max(right, mark.bounds[2] - text.origin[0])
    return text.with_box((left, top, right, bottom))


CHECKS = (outside, repeated, texts_over_texts, texts_over_frames, texts_over_data)
