"""Charts as inline SVG: sharp at any size, coloured by the page's light or dark scheme."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

from mrtoct.judging.summary import FEWEST_FOR_A_CLAIM, Summary

Point = tuple[float, float]


@dataclass(frozen=True)
class Series:
    """A named line through points; a faint one is context, such as a single subject."""

    name: str
    color: str
    points: Sequence[Point]
    faint: bool = False
    dots: bool = False
    band: Sequence[tuple[float, float]] = ()
    """Of each point, the lower and the upper end of what may be said of it."""


@dataclass(frozen=True)
class DotRow:
    """One method's values over subjects, and their summary."""

    name: str
    color: str
    values: Sequence[tuple[str, float]]
    summary: Summary


@dataclass(frozen=True)
class Frame:
    """The plotting area inside a drawing (pixels) and the data ranges it shows."""

    width: float
    height: float
    left: float
    right: float
    top: float
    bottom: float
    x: tuple[float, float]
    y: tuple[float, float]

    def at(self, x: float, y: float) -> Point:
        """Map data to pixels."""
        u = (x - self.x[0]) / (self.x[1] - self.x[0])
        v = (y - self.y[0]) / (self.y[1] - self.y[0])
        return (
            self.left + u * (self.width - self.left - self.right),
            self.height - self.bottom - v * (self.height - self.top - self.bottom),
        )


def ticks(low: float, high: float, about: int = 5) -> list[float]:
    """Return round numbers (1, 2 or 5 times a power of ten apart) from low to high."""
    if not high > low:
        return [low]
    rough = (high - low) / about
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(m * power for m in (1, 2, 5, 10) if m * power >= rough * 0.999)
    first = math.ceil(low / step - 1e-9)
    return [n * step for n in range(first, math.floor(high / step + 1e-9) + 1)]


def tick_text(value: float) -> str:
    """Return a tick's label: no trailing zeros, a true minus sign, thousands apart."""
    text = f"{value:,.10g}" if abs(value) < 1e4 else f"{value / 1000:,.10g}k"
    return text.replace(",", "\u2009").replace("-", "−")


def line_chart(
    series: Sequence[Series],
    *,
    label: str,
    x_label: str,
    y_label: str,
    x_range: tuple[float, float] | None = None,
    y_range: tuple[float, float] | None = None,
    identity: bool = False,
    identifier: str = "",
    width: float = 560,
    height: float = 320,
) -> Markup:
    """Return a line chart; identity draws y = x, label describes it to a screen reader."""
    series = [s for s in series if s.points]
    if not series:
        return Markup('<p class="quiet">Nothing was recorded.</p>')
    xs = [x for s in series for x, _ in s.points]
    ys = [y for s in series for _, y in s.points]
    frame = Frame(
        width, height, 84, 14, 12, 48, x_range or _span(xs), y_range or _span(ys, zero=True)
    )
    parts = [_axes(frame, x_label, y_label)]
    if identity:
        low, high = max(frame.x[0], frame.y[0]), min(frame.x[1], frame.y[1])
        parts.append(_path([frame.at(low, low), frame.at(high, high)], 'class="identity"'))
    for s in sorted(series, key=lambda s: not s.faint):
        shown = [
            frame.at(x, min(max(y, frame.y[0]), frame.y[1]))
            for x, y in s.points
            if frame.x[0] <= x <= frame.x[1]
        ]
        if s.band:
            parts.append(_band(frame, s))
        style = f'class="line{" faint" if s.faint else ""}" style="stroke:{s.color}"'
        parts.append(_path(shown, style, s.name))
        if s.dots:
            parts += [
                Markup('<circle cx="{:.1f}" cy="{:.1f}" r="3" style="fill:{}"/>').format(
                    *p, s.color
                )
                for p in shown
            ]
    return _drawing(parts, frame, label, identifier)


def dot_plot(rows: Sequence[DotRow], *, label: str, unit: str, width: float = 560) -> Markup:
    """Return one row per method: a dot per subject, a bar for the interval, a tick at the mean."""
    values = [v for row in rows for _, v in row.values if math.isfinite(v)]
    if not values:
        return Markup('<p class="quiet">Not defined for these subjects.</p>')
    height = 34.0 * len(rows) + 52
    frame = Frame(width, height, 142, 16, 6, 46, _span(values, zero=True), (0, len(rows)))
    parts = [_axes(frame, unit, "", y_ticks=False)]
    for n, row in enumerate(rows):
        middle = len(rows) - n - 0.5
        _, y = frame.at(0, middle)
        parts.append(
            Markup('<text class="tick" x="{:.1f}" y="{:.1f}" text-anchor="end">{}</text>').format(
                frame.left - 10, y + 4, row.name
            )
        )
        summary = row.summary
        if summary.subjects >= FEWEST_FOR_A_CLAIM:
            (a, _), (b, _) = frame.at(summary.low, middle), frame.at(summary.high, middle)
            parts.append(
                Markup(
                    '<rect class="interval" x="{:.1f}" y="{:.1f}" width="{:.1f}" height="14" '
                    'rx="3" style="fill:{}"/>'
                ).format(a, y - 7, max(b - a, 1), row.color)
            )
        for name, value in row.values:
            if math.isfinite(value):
                parts.append(
                    Markup(
                        '<circle class="dot" cx="{:.1f}" cy="{:.1f}" r="4.5" style="fill:{}">'
                        "<title>{}, {}: {}</title></circle>"
                    ).format(
                        frame.at(value, middle)[0],
                        y,
                        row.color,
                        name,
                        row.name,
                        f"{value:.4g} {unit}",
                    )
                )
        if math.isfinite(summary.mean):
            x, _ = frame.at(summary.mean, middle)
            parts.append(
                Markup(
                    '<line class="mean" x1="{0:.1f}" x2="{0:.1f}" y1="{1:.1f}" y2="{2:.1f}"/>'
                ).format(x, y - 11, y + 11)
            )
    return _drawing(parts, frame, label)


def _span(values: Sequence[float], *, zero: bool = False) -> tuple[float, float]:
    """Return a range that holds all values, some air above, and 0 where asked."""
    low, high = min(values), max(values)
    if zero:
        low, high = min(low, 0.0), max(high, 0.0)
    pad = (high - low or 1.0) * 0.04
    return (low - (pad if low < 0 or not zero else 0), high + pad)


def _axes(frame: Frame, x_label: str, y_label: str, *, y_ticks: bool = True) -> Markup:
    """Return grid lines, tick labels and axis labels."""
    parts = []
    left, bottom = frame.at(frame.x[0], frame.y[0])
    right, top = frame.at(frame.x[1], frame.y[1])
    for value in ticks(*frame.x, about=6):
        x, _ = frame.at(value, frame.y[0])
        parts.append(
            Markup(
                '<line class="grid{3}" x1="{0:.1f}" x2="{0:.1f}" y1="{1:.1f}" y2="{2:.1f}"/>'
            ).format(x, top, bottom, " zero" if value == 0 else "")
            + Markup(
                '<text class="tick" x="{:.1f}" y="{:.1f}" text-anchor="middle">{}</text>'
            ).format(x, bottom + 18, tick_text(value))
        )
    for value in ticks(*frame.y, about=5) if y_ticks else ():
        _, y = frame.at(frame.x[0], value)
        parts.append(
            Markup(
                '<line class="grid{3}" x1="{0:.1f}" x2="{1:.1f}" y1="{2:.1f}" y2="{2:.1f}"/>'
            ).format(left, right, y, " zero" if value == 0 else "")
            + Markup('<text class="tick" x="{:.1f}" y="{:.1f}" text-anchor="end">{}</text>').format(
                left - 7, y + 4, tick_text(value)
            )
        )
    parts.append(
        Markup('<text class="label" x="{:.1f}" y="{:.1f}" text-anchor="middle">{}</text>').format(
            (left + right) / 2, frame.height - 6, x_label
        )
    )
    if y_label:
        parts.append(
            Markup(
                '<text class="label" transform="translate(14 {:.1f}) rotate(-90)" '
                'text-anchor="middle">{}</text>'
            ).format((top + bottom) / 2, y_label)
        )
    return Markup("").join(parts)


def _path(points: Sequence[Point], attributes: str, name: str = "") -> Markup:
    """Return a polyline; attributes are ours, the name is escaped."""
    inner = f"<title>{escape(name)}</title>" if name else ""
    joined = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    return Markup(f'<polyline points="{joined}" {attributes}>{inner}</polyline>')


def _band(frame: Frame, series: Series) -> Markup:
    """Return the area between the lower and the upper ends, inside the frame."""
    kept = [
        (x, low, high)
        for (x, _), (low, high) in zip(series.points, series.band, strict=True)
        if frame.x[0] <= x <= frame.x[1] and math.isfinite(low) and math.isfinite(high)
    ]
    bottom, top = frame.y
    edge = [(x, low) for x, low, _ in kept] + [(x, high) for x, _, high in reversed(kept)]
    drawn = [frame.at(x, min(max(y, bottom), top)) for x, y in edge]
    joined = " ".join(f"{x:.1f},{y:.1f}" for x, y in drawn)
    return Markup('<polygon class="band" points="{}" style="fill:{}"/>').format(
        joined, series.color
    )


def _drawing(parts: Sequence[Markup], frame: Frame, label: str, identifier: str = "") -> Markup:
    """Wrap the parts; plot edges are written out for scripts that add a marker."""
    left, bottom = frame.at(frame.x[0], frame.y[0])
    right, top = frame.at(frame.x[1], frame.y[1])
    return Markup(
        '<svg class="chart" role="img" aria-label="{}" viewBox="0 0 {:g} {:g}" id="{}" '
        'data-x="{:g} {:g}" data-y="{:g} {:g}" data-plot="{:g} {:g} {:g} {:g}">{}</svg>'
    ).format(
        label,
        frame.width,
        frame.height,
        identifier,
        *frame.x,
        *frame.y,
        left,
        right,
        top,
        bottom,
        Markup("").join(parts),
    )
