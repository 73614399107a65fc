# SPDX-License-Identifier: GPL-3.0-or-later
"""Faults of the series of a figure, in legend and panels; each function yields pairs of the kind and what is wrong where."""
import re
from collections import Counter

from check_svg import place, short
from check_text import crosses

# Words of titles and labels by which a reader knows what a style without a legend entry means.
SAID = {
    "dash": "dashe[sd]|dashed|dots|dotted", "width": "thin|thick|bold", "faint": "thin|faint|single|intervals?|bands?|shaded?",
    "glyph": "circles?|dots?|squares?|cross(es)?|points?|triangles?|diamonds?|stars?|rings?|filled|open",
    "fill": "box(es)?|bars?|bands?|intervals?|shaded?|gr[ea]y|areas?", "grey": "gr[ea]y", "line": "lines?|bars?|intervals?|curves?",
}


class Style:
    """The first line, glyph and fill of a series or of its sample."""

    def __init__(self, marks):
        self.line, self.glyph, self.fill = (next((m for m in marks if m.kind == kind), None) for kind in ("line", "glyph", "fill"))
        first = self.line or self.glyph or self.fill
        self.colour = first.colour if first else None
        self.opacity = first.opacity if first else 1.0
        lines = [mark.points for mark in marks if mark.kind == "line"]
        self.bars = len(lines) > 2 and all(len(p) == 2 and (p[0][0] == p[1][0] or p[0][1] == p[1][1]) for p in lines)

    def key(self):
        return self.colour, tuple(mark and mark.look()[1:] for mark in (self.line, self.glyph, self.fill))


def differences(style, sample):
    """In what a reader sees that a series is not drawn as a sample of the legend; None: in the colour."""
    if style.colour != sample.colour:
        return None
    if style.opacity < 0.6 or style.fill and style.fill.opacity < 0.6:  # goes with what has its colour in full
        return {"faint"} if sample.opacity >= 0.6 else set()
    found = set()
    if style.line and sample.line:
        if style.line.dash != sample.line.dash:
            found.add("dash")
        if not style.bars and abs(style.line.width - sample.line.width) > 0.3 * max(style.line.width, sample.line.width):
            found.add("width")
    for kind in ("line", "fill"):
        if getattr(style, kind) and not getattr(sample, kind):
            found.add(kind)
    if style.glyph and (not sample.glyph or style.glyph.glyph != sample.glyph.glyph):
        found.add("glyph")
    return found


def _grey(colour):
    return isinstance(colour, tuple) and max(colour) - min(colour) < 12


def _straight(marks):
    """Whether all marks are lines along one straight line: a bound, a slope, an axis."""
    if any(mark.kind != "line" for mark in marks):
        return False
    points = [point for mark in marks for point in mark.points]
    a, b = points[0], points[-1]
    length = max(abs(b[0] - a[0]), abs(b[1] - a[1]), 1e-9)
    return all(abs((b[0] - a[0]) * (y - a[1]) - (b[1] - a[1]) * (x - a[0])) < 1.5 * length for x, y in points)


class Legends:
    """What a reader can learn of the meaning of a style, anywhere in a figure."""

    def __init__(self, drawing):
        self.drawing = drawing
        self.samples = [Style(series.sample) for series in drawing.series if series.sample]
        entries = {id(text) for series in drawing.series for text in series.texts}
        self.labels = [text for text in drawing.texts if id(text) not in entries and not text.tick]
        self.said = " ".join(text.string for text in self.labels)
        self.words = self._words()

    def _words(self):
        """Where the tick labels are that are words: pairs of an axis (0 is x) and the places along it of two or more in a row."""
        rows = {}
        for text in self.drawing.texts:
            frame = self._beside(text)
            if text.tick and frame is not None and re.search(r"[^\W\d_]{2}", text.string):
                axis = 0 if text.origin[1] > self.drawing.frames[frame][3] else 1
                rows.setdefault((axis, frame, round(text.origin[1 - axis])), []).append(text.origin)
        return [(key[0], sorted({round(origin[key[0]]) for origin in row})) for key, row in rows.items() if len(row) > 1]

    def _beside(self, text):
        distance = [max(x0 - text.bounds[2], text.bounds[0] - x1, y0 - text.bounds[3], text.bounds[1] - y1)
                    for x0, y0, x1, y1 in self.drawing.frames]
        return min(range(len(distance)), key=distance.__getitem__) if distance else None

    def says(self, difference):
        return re.search(r"\b(%s)\b" % SAID[difference], self.said, re.IGNORECASE) is not None

    def named_by_axis(self, marks):
        """Whether a series stands at one place of an axis whose tick labels are words."""
        for axis, places in self.words:
            gaps = [b - a for a, b in zip(places, places[1:]) if b - a > 3]
            low = min(mark.bounds[axis] for mark in marks)
            high = max(mark.bounds[axis + 2] for mark in marks)
            if axis == 1:  # error bars and bands lie along the axis: the height of a mark is not its place
                low = min((m.bounds[1] + m.bounds[3]) / 2 for m in marks)
                high = max((m.bounds[1] + m.bounds[3]) / 2 for m in marks)
            if gaps and high - low < min(gaps) and places[0] - gaps[0] < low and high < places[-1] + gaps[-1]:
                return True
        return False

    def named_by_label(self, style, marks, panel):
        """A label of the same colour in the panel, or one along a straight line."""
        for text in self.labels:
            if self.drawing.frame_of(text) == panel and panel is not None:
                if text.colour == style.colour and not _grey(style.colour):
                    return True
                if _straight(marks) and any(_near(text, mark) for mark in marks):
                    return True
        return False

    def tells(self, difference, style):
        """Whether words tell a difference, or a grey sample: colours and points may have entries of their own."""
        def same(sample):
            mark, other = (getattr(s, "glyph" if difference == "glyph" else "line") for s in (style, sample))
            if difference == "glyph":
                return other and mark.glyph == other.glyph and not sample.line
            return difference == "dash" and other and mark.dash == other.dash
        return self.says(difference) or any(_grey(sample.colour) and same(sample) for sample in self.samples)

    def explain(self, series, style, panel):
        for sample in self.samples:
            found = differences(style, sample)
            if found is not None and all(self.tells(difference, style) for difference in found):
                return True
        if len({mark.colour for mark in series.marks if mark.kind == "fill"}) > 1:  # a map, with a scale of colours
            return True
        if self.named_by_axis(series.marks) or self.named_by_label(style, series.marks, panel):
            return True
        if _grey(style.colour):
            if _straight(series.marks) and style.line.dash and self.says("dash"):
                return True
            return style.colour != (0, 0, 0) and self.says("grey")
        return False


def _near(text, mark):
    reach = 2 * text.size
    left, top, right, bottom = text.box
    grown = text.with_box((left - reach, top - reach, right + reach, bottom + reach))
    return any(crosses(grown, a, b) for a, b in zip(mark.points, mark.points[1:]))


def missing_entries(drawing):
    legends = Legends(drawing)
    panels = {}
    with_legend = {series.panel for series in drawing.series if series.texts}
    for series in drawing.series:
        if series.marks:
            panel = drawing.frame_of(series.marks[len(series.marks) // 2])
            panels.setdefault(panel, []).append((series, Style(series.marks)))
        elif series.title and not series.texts and series.panel in with_legend:
            yield "legend", "the entry '%s' is not drawn" % short(series.title)
    for panel, members in sorted(panels.items(), key=lambda item: -1 if item[0] is None else item[0]):
        styles = {style.key() for _, style in members}
        if len(styles) < 2:
            continue
        bare = Counter(_describe(style) for series, style in members
                       if not (series.texts and series.sample) and not legends.explain(series, style, panel))
        if bare:
            yield "legend", "%d of %d series in %s have no entry: %s" % (
                sum(bare.values()), len(members), place(drawing, panel), ", ".join(sorted(bare)))


def _describe(style):
    colour = "#%02x%02x%02x" % style.colour if isinstance(style.colour, tuple) else str(style.colour)
    if style.line:
        return colour + (" dashes" if style.line.dash else " line")
    return colour + (" points" if style.glyph else " area")


def empty_panels(drawing):
    if not drawing.frames:
        yield "empty", "there is no frame with axes"
    filled, bounded = set(), set()
    for series in drawing.series:
        if series.marks and _straight(series.marks) and _grey(Style(series.marks).colour):
            bounded.update(drawing.frame_of(mark) for mark in series.marks)
        else:
            filled.update(drawing.frame_of(mark) for mark in series.marks + series.sample)
    for number in range(len(drawing.frames)):
        if number not in filled and (number not in bounded or filled):
            yield "empty", "%s shows no data%s" % (place(drawing, number), ", only a line" if number in bounded else "")


CHECKS = (missing_entries, empty_panels)
