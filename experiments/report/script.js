// Values under the pointer: coordinates of the nearest point of a curve, read off the axes' labels. The page is whole
// without it.
'use strict';
const box = document.createElement('div');
box.id = 'value';
box.hidden = true;
document.body.append(box);

// The number that a label says, 10 with a raised exponent included; NaN: a word.
function number(group) {
  const parts = [...group.querySelectorAll('tspan')].filter(part => part.textContent);
  if (parts.length === 2 && Number(parts[1].getAttribute('dy')?.replace('px', '')) < 0)
    return {value: Number(parts[0].textContent) ** Number(parts[1].textContent.replace('−', '-')), power: true};
  return {value: Number(group.textContent.trim().replace('−', '-') || NaN), power: false};
}

// Labels at one place across the axis (y axes: the same x), cut up where the values fall: several panels have axes in one
// line.
function axes(labels, across, along, rising) {
  const lines = [];
  for (const label of labels) {
    const line = lines.find(l => Math.abs(l[0][across] - label[across]) < 1);
    if (line) line.push(label); else lines.push([label]);
  }
  return lines.flatMap(line => {
    line.sort((a, b) => a[along] - b[along]);
    const cut = [[]];
    for (const label of line) {
      const last = cut.at(-1).at(-1);
      if (last && (label.value > last.value) !== rising) cut.push([]);
      cut.at(-1).push(label);
    }
    return cut;
  });
}

// Whether equal distances are equal ratios, and not equal differences.
function isGeometric(axis) {
  if (axis.length < 3) return false;
  const [a, b, c] = axis.slice(0, 3).map(label => label.value);
  return Math.abs(b * b - a * c) < 1e-6 * b * b && Math.abs(2 * b - a - c) > 1e-6 * b;
}

// The value at a place, between or beyond the two labels next to it.
function read(axis, along, at) {
  let i = axis.findIndex(label => label[along] > at);
  i = i < 0 ? axis.length - 1 : Math.max(i, 1);
  const [a, b] = [axis[i - 1], axis[i]], share = (at - a[along]) / (b[along] - a[along]);
  const log = a.value > 0 && b.value > 0 && (axis.some(label => label.power) || isGeometric(axis));
  return log ? a.value * (b.value / a.value) ** share : a.value + share * (b.value - a.value);
}

function prepare(svg) {
  const labels = {middle: [], end: []};
  for (const group of svg.querySelectorAll('g[text-anchor]')) {
    const place = group.getAttribute('transform')?.match(/^translate\(([\d.]+),([\d.]+)\)$/), list = labels[group.getAttribute('text-anchor')];
    const said = place && list ? number(group) : {value: NaN};
    if (!Number.isNaN(said.value)) list.push({x: Number(place[1]), y: Number(place[2]) - 4, ...said});
  }
  const points = [];
  for (const path of svg.querySelectorAll('g[id*="gnuplot_plot"] path'))
    for (const at of (path.getAttribute('d') ?? '').matchAll(/([\d.]+),([\d.]+)/g)) points.push([Number(at[1]), Number(at[2])]);
  for (const mark of svg.querySelectorAll('g[id*="gnuplot_plot"] use')) {
    const at = mark.getAttribute('transform')?.match(/translate\(([\d.]+),([\d.]+)\)/);
    if (at) points.push([Number(at[1]), Number(at[2])]);
  }
  return {xs: axes(labels.middle, 'y', 'x', true), ys: axes(labels.end, 'x', 'y', false), points};
}

// The axis next to a point: the lowest above, or the rightmost to the left, that reaches as far as the point along it.
function nearest(list, across, along, distance, at) {
  const reach = axis => axis.length < 2 ? Infinity : 1.2 * Math.abs(axis.at(-1)[along] - axis[0][along]) / (axis.length - 1);
  const fitting = list.filter(axis => distance(axis[0][across]) > 0 &&
    at >= axis[0][along] - reach(axis) && at <= axis.at(-1)[along] + reach(axis));
  const axis = fitting.sort((a, b) => distance(a[0][across]) - distance(b[0][across]))[0];
  return axis?.length > 1 ? axis : null; /* one label says no scale */
}

for (const svg of document.querySelectorAll('figure svg')) {
  let known = null;
  svg.addEventListener('pointermove', event => {
    known ??= prepare(svg);
    const here = new DOMPoint(event.clientX, event.clientY).matrixTransform(svg.getScreenCTM().inverse());
    let best = null, least = 20 ** 2;
    for (const point of known.points) {
      const distance = (point[0] - here.x) ** 2 + (point[1] - here.y) ** 2;
      if (distance < least) [least, best] = [distance, point];
    }
    const x = best && nearest(known.xs, 'y', 'x', y => y - best[1], best[0]);
    const y = best && nearest(known.ys, 'x', 'y', x => best[0] - x, best[1]);
    box.hidden = !x && !y;
    if (box.hidden) return;
    const show = value => Number(value.toPrecision(3)).toString();
    box.textContent = [x && show(read(x, 'x', best[0])), y && show(read(y, 'y', best[1]))].filter(text => text).join(' ; ');
    box.style.left = Math.min(event.clientX + 12, innerWidth - 120) + 'px';
    box.style.top = event.clientY + 12 + 'px';
  });
  svg.addEventListener('pointerleave', () => { box.hidden = true; });
}
