"""Faults of a figure that gnuplot drew as svg; each function yields pairs of the kind and what is wrong where."""
import re
from collections import Counter

TOUCH = 1.0     # pixels by which boxes may overlap: widths are those of another font than the viewer's
EDGE = 1.0      # pixels by which a text may stand over the edge
NARROW = 0.2    # font sizes between two texts of a line, below which they read as one

# Words of titles and labels by which a reader knows what a style without a legend entry means.
SAID = {
    "dash": "dashe[sd]|dashed|dots|dotted", "width": "thin|thick|bold", "faint": "thin|faint|single|intervals?|bands?|shaded?",
    "glyph": "circles?|dots?|squares?|cross(es)?|points?|triangles?|diamonds?|stars?|rings?|filled|open",
    "fill": "box(es)?|bars?|bands?|intervals?|shaded?|gr[ea]y|areas?", "grey": "gr[ea]y", "line": "lines?|bars?|intervals?|curves?",
}


def _short(text):
    return text if len(text) <= 60 else text[:57] + "..."


def _at(x, y):
    return "at %.0f,%.0f" % (x, y)


def _place(drawing, panel):
    return "panel %d of %d" % (panel + 1, len(drawing.frames)) if panel is not None else "the figure"


# ------------------------------------------------------------------------------------------------------------------ text
def outside(drawing):
    for text in drawing.texts:
        x0, y0, x1, y1 = text.bounds
        over = {"left": -x0, "top": -y0, "right": x1 - drawing.width, "bottom": y1 - drawing.height}
        sides = ["%.0f px at the %s" % (by, side) for side, by in over.items() if by > EDGE]
        if sides:
            yield "outside", "'%s' is cut: %s" % (_short(text.string), ", ".join(sides))


def repeated(drawing):
    count = Counter((t.string, round(t.origin[0]), round(t.origin[1]), t.angle) for t in drawing.texts)
    for (string, x, y, _), times in count.items():
        if times > 1:
            yield "repeated", "'%s' is drawn %d times over itself (%s)" % (_short(string), times, _at(x, y))


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
                yield "overlap", "'%s' and '%s' lie over each other (%s)" % (_short(a.string), _short(b.string), _at(*b.origin))
            elif a.angle == b.angle and overlap(a, b, NARROW * min(a.size, b.size)) > 0.5 and _one_line(a, b):
                yield "touch", "'%s' and '%s' read as one text (%s)" % (_short(a.string), _short(b.string), _at(*b.origin))


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
                yield "frame", "'%s' lies over the frame of %s" % (_short(text.string), _place(drawing, number))


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
    legend = {id(text) for series in drawing.series for text in series.texts}
    for text in drawing.texts:
        hidden = [mark for mark in marks if touched_by(text, mark)]
        if hidden:
            what = "legend entry" if id(text) in legend else "text"
            yield "data", "the %s '%s' lies over data of %s (%s)" % (
                what, _short(text.string), _place(drawing, drawing.frame_of(hidden[0])), _at(*text.origin))


# ----------------------------------------------------------------------------------------------------------------- series
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
        """Where the tick labels are that are words, by axis (0 is x): lists of two or more in a row."""
        rows = {}
        for text in self.drawing.texts:
            frame = self._beside(text)
            if text.tick and frame is not None and re.search(r"[^\W\d_]{2}", text.string):
                axis = 0 if text.origin[1] > self.drawing.frames[frame][3] else 1
                rows.setdefault((axis, frame, round(text.origin[1 - axis])), []).append(text.origin)
        return {axis: [origin for key, row in rows.items() if key[0] == axis and len(row) > 1 for origin in row] for axis in (0, 1)}

    def _beside(self, text):
        distance = [max(x0 - text.bounds[2], text.bounds[0] - x1, y0 - text.bounds[3], text.bounds[1] - y1)
                    for x0, y0, x1, y1 in self.drawing.frames]
        return min(range(len(distance)), key=distance.__getitem__) if distance else None

    def says(self, difference):
        return re.search(r"\b(%s)\b" % SAID[difference], self.said, re.IGNORECASE) is not None

    def named_by_axis(self, marks):
        """Whether a series stands at one place of an axis whose tick labels are words."""
        for axis, origins in self.words.items():
            places = sorted({round(origin[axis]) for origin in origins})
            gaps = [b - a for a, b in zip(places, places[1:]) if b - a > 3]
            low = min(mark.bounds[axis] for mark in marks)
            high = max(mark.bounds[axis + 2] for mark in marks)
            if axis == 1:  # error bars and bands lie along the axis: the height of a mark is not its place
                low = min((m.bounds[1] + m.bounds[3]) / 2 for m in marks)
                high = max((m.bounds[1] + m.bounds[3]) / 2 for m in marks)
            if gaps and high - low < min(gaps):
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
    grown = type(text)(text.origin, text.angle, (left - reach, top - reach, right + reach, bottom + reach), "", text.size,
                       text.colour, False)
    return any(crosses(grown, a, b) for a, b in zip(mark.points, mark.points[1:]))


def missing_entries(drawing):
    legends = Legends(drawing)
    panels = {}
    for series in drawing.series:
        if series.marks:
            panel = drawing.frame_of(series.marks[len(series.marks) // 2])
            panels.setdefault(panel, []).append((series, Style(series.marks)))
        elif series.title and not series.texts and "using" not in series.title:
            yield "legend", "the entry '%s' is not drawn" % _short(series.title)
    for panel, members in sorted(panels.items(), key=lambda item: -1 if item[0] is None else item[0]):
        styles = {style.key() for _, style in members}
        if len(styles) < 2:
            continue
        bare = Counter(_describe(style) for series, style in members
                       if not (series.texts and series.sample) and not legends.explain(series, style, panel))
        if bare:
            yield "legend", "%d of %d series in %s have no entry: %s" % (
                sum(bare.values()), len(members), _place(drawing, panel), ", ".join(sorted(bare)))


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
            yield "empty", "%s shows no data%s" % (_place(drawing, number), ", only a line" if number in bounded else "")


CHECKS = (missing_entries, outside, repeated, texts_over_texts, texts_over_frames, texts_over_data, empty_panels)
