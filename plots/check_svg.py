# SPDX-License-Identifier: GPL-3.0-or-later
"""What gnuplot's svg terminal drew: texts with their boxes, series with their legend samples, frames of panels."""
import math
import re
import xml.etree.ElementTree as tree

import check_font as font

NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?")
PLOT = re.compile(r"gnuplot_plot_\d+([a-z]*)$")


def numbers(text):
    return [float(n) for n in NUMBER.findall(text)]


def colour_of(text):
    """'rgb( 86, 180, 233)', '#56b4e9' or a name -> (r, g, b) or the name."""
    if text.startswith("rgb"):
        return tuple(int(n) for n in numbers(text))
    if re.fullmatch("#[0-9A-Fa-f]{6}", text):
        return tuple(int(text[i:i + 2], 16) for i in (1, 3, 5))
    return {"black": (0, 0, 0), "white": (255, 255, 255), "gray": (190, 190, 190)}.get(text, text)


def bounds(points):
    xs, ys = [p[0] for p in points], [p[1] for p in points]
    return min(xs), min(ys), max(xs), max(ys)


class Text:
    """A line of text: `box` (left, top, right, bottom) about `origin`, turned by `angle` degrees."""

    def __init__(self, origin, angle, box, string, size, colour, tick):
        self.origin, self.angle, self.box, self.string = origin, angle, box, string
        self.size, self.colour, self.tick = size, colour, tick
        cos, sin = math.cos(math.radians(angle)), math.sin(math.radians(angle))
        self.axes = (cos, sin)
        left, top, right, bottom = box
        self.corners = [(origin[0] + x * cos - y * sin, origin[1] + x * sin + y * cos)
                        for x, y in ((left, top), (right, top), (right, bottom), (left, bottom))]
        self.bounds = bounds(self.corners)

    def with_box(self, box):
        return Text(self.origin, self.angle, box, self.string, self.size, self.colour, self.tick)

    def local(self, point):
        """A point in the coordinates of the box."""
        dx, dy = point[0] - self.origin[0], point[1] - self.origin[1]
        cos, sin = self.axes
        return dx * cos + dy * sin, dy * cos - dx * sin


class Mark:
    """A drawn piece: kind is line, glyph or fill; points of a glyph is its centre."""

    def __init__(self, kind, points, colour, opacity, **more):
        self.kind, self.points, self.colour, self.opacity = kind, points, colour, opacity
        self.dash, self.width, self.glyph, self.radius = (more.get(key) for key in ("dash", "width", "glyph", "radius"))
        self.bounds = bounds(points)

    def look(self):
        """What one sees of the style."""
        if self.kind == "line":
            return "line", self.colour, self.opacity, self.dash, self.width
        return self.kind, self.colour, self.opacity, self.glyph


class Series:
    """One element of a plot command: its legend's text and sample (either may lack), and the marks of its data."""

    def __init__(self, panel, title):
        self.panel, self.title = panel, title
        self.texts, self.marks, self.sample = [], [], []

    def split(self):
        """The sample comes first, its point last; it is beside the text, at its height."""
        if not self.texts:
            return
        text = self.texts[0]
        left, top, right, bottom = text.bounds
        em = text.size
        top, bottom = text.origin[1] - 1.1 * em, text.origin[1] + 0.5 * em

        def beside(mark):
            x0, y0, x1, y1 = mark.bounds
            return top <= y0 and y1 <= bottom and x1 - x0 < 15 * em and (
                right <= x0 and x1 < right + 15 * em or x1 <= left and x0 > left - 15 * em)
        while self.marks and beside(self.marks[0]):
            self.sample.append(self.marks.pop(0))
        while self.marks and self.marks[-1].kind == "glyph" and beside(self.marks[-1]):
            self.sample.append(self.marks.pop())


class Drawing:
    def __init__(self, path):
        root = tree.parse(path).getroot()
        box = numbers(root.get("viewBox", ""))
        if len(box) != 4:
            raise ValueError("no viewBox")
        self.width, self.height = box[2], box[3]
        self.texts, self.series, self.frames = [], [], []
        self._series = None
        self._walk(root, {"stroke-width": "1", "stroke": "none", "color": "black", "fill": "none"}, [])
        for series in self.series:
            series.split()
        self._drop_nested_frames()

    def _walk(self, element, inherited, ticks):
        """Everything below an element, in the order in which it was drawn; ticks: the marks of ticks drawn with it."""
        own = dict(inherited)
        own.update(element.attrib)
        ticks = list(ticks)
        for child in element:
            tag = child.tag.rsplit("}", 1)[-1]
            if tag == "defs":
                continue
            if tag == "g":
                plot = PLOT.match(child.get("id", ""))
                if plot:
                    title = next((c.text or "" for c in child if c.tag.endswith("title")), "")
                    self._series = Series(plot.group(1), "" if PLOT.match(title) else title)
                    self.series.append(self._series)
                self._walk(child, own, ticks)
                if plot:
                    self._series = None
            elif tag == "text":
                self._text(child, own, ticks)
            elif tag in ("path", "polygon", "use", "circle"):
                ticks += self._mark(tag, child, own)

    def _text(self, element, own, ticks):
        spot = numbers(own.get("transform", ""))
        size = float(own.get("font-size", 12))
        x, dy, string, top, bottom = 0.0, 0.0, "", 0.0, 0.0
        first = True
        runs = [(element.text, element)] + [part for span in element.iter() if span is not element
                                            for part in ((span.text, span), (span.tail, element))]
        for run, span in runs:
            dy += sum(numbers(span.get("dy", ""))) if span is not element else 0
            x += sum(numbers(span.get("dx", ""))) if span is not element else 0
            if not run or span is element and not run.strip():
                continue
            run_size = float(span.get("font-size", size))
            x += font.width(run, run_size, span.get("font-weight") == "bold")
            string += run
            if run.strip():
                above, below = font.extent(run, run_size)
                top = dy - above if first else min(top, dy - above)
                bottom = dy + below if first else max(bottom, dy + below)
                first = False
        if not string.strip():
            return
        left = {"end": -x, "middle": -x / 2}.get(own.get("text-anchor"), 0.0)
        angle = spot[2] if len(spot) > 2 else 0.0
        origin = (spot[0], spot[1]) if spot else (0.0, 0.0)
        tick = any(abs(end[axis] - origin[axis]) < size for mark in ticks for axis, end in [mark])
        text = Text(origin, angle, (left, top, left + x, bottom), string.strip(), size, colour_of(own.get("fill", "black")), tick)
        self.texts.append(text)
        if self._series:
            self._series.texts.append(text)

    def _mark(self, tag, element, own):
        """Adds a piece to the series being read, or a frame; returns the ticks it is: pairs of an axis (0 is x) and an end."""
        opacity = float(element.get("opacity", element.get("fill-opacity", 1)))
        if tag == "polygon":
            flat = numbers(element.get("points", ""))
            marks = [Mark("fill", list(zip(flat[::2], flat[1::2])), colour_of(element.get("fill", "black")), opacity)]
        elif tag == "use":
            spot = numbers(element.get("transform", ""))
            marks = [Mark("glyph", [(spot[0], spot[1])], colour_of(element.get("color", "black")), opacity,
                          glyph=next(v for k, v in element.attrib.items() if k.endswith("href")),
                          radius=spot[2] if len(spot) > 2 else 1.0)]
        elif tag == "circle":
            x, y, r = (float(element.get(key, 0)) for key in ("cx", "cy", "r"))
            marks = [Mark("glyph", [(x, y)], colour_of(element.get("fill", "black")), opacity, glyph="circle", radius=r)]
        else:
            stroke = element.get("stroke", own["stroke"])
            colour = colour_of(own["color"] if stroke == "currentColor" else stroke)
            parts = [numbers(part) for part in element.get("d", "").split("M") if part.strip()]
            closed = element.get("d", "").rstrip().endswith("Z")
            lines = [list(zip(flat[::2], flat[1::2])) for flat in parts if len(flat) >= 2]
            marks = [Mark("line", line, colour, opacity, dash=element.get("stroke-dasharray"), width=float(own["stroke-width"]))
                     for line in lines]
            if element.get("fill", "none") != "none" and closed:
                marks = [Mark("fill", line, colour_of(element.get("fill")), opacity) for line in lines] + marks
        if self._series:
            self._series.marks += marks
            return []
        if tag != "path" or element.get("class") == "gridline":
            return []
        for mark in marks:
            self._frame(mark)
        return [(int(mark.points[0][0] != mark.points[1][0]), mark.points[0]) for mark in marks
                if len(mark.points) == 2 and max(mark.bounds[2] - mark.bounds[0], mark.bounds[3] - mark.bounds[1]) < 20]

    def _frame(self, mark):
        """A border: a path along the sides of a rectangle that is large enough for a panel."""
        x0, y0, x1, y1 = mark.bounds
        steps = list(zip(mark.points, mark.points[1:]))
        straight = all(abs(a[0] - b[0]) < 0.01 or abs(a[1] - b[1]) < 0.01 for a, b in steps)
        if len(steps) >= 2 and straight and x1 - x0 > 40 and y1 - y0 > 40:
            if not any(all(abs(a - b) < 1 for a, b in zip(frame, mark.bounds)) for frame in self.frames):
                self.frames.append(mark.bounds)

    def _drop_nested_frames(self):
        """A frame within another one is that of a legend."""
        def within(a, b):
            return a is not b and b[0] <= a[0] and b[1] <= a[1] and a[2] <= b[2] and a[3] <= b[3]
        self.frames = [a for a in self.frames if not any(within(a, b) for b in self.frames)]

    def frame_of(self, mark):
        """The number of the panel in which most of a mark is, or None."""
        x, y = (mark.bounds[0] + mark.bounds[2]) / 2, (mark.bounds[1] + mark.bounds[3]) / 2
        for number, (x0, y0, x1, y1) in enumerate(self.frames):
            if x0 - 1 <= x <= x1 + 1 and y0 - 1 <= y <= y1 + 1:
                return number
        return None


def short(text):
    return text if len(text) <= 60 else text[:57] + "..."


def at(x, y):
    return "at %.0f,%.0f" % (x, y)


def place(drawing, panel):
    return "panel %d of %d" % (panel + 1, len(drawing.frames)) if panel is not None else "the figure"
