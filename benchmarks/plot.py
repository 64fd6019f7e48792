"""Bars in SVG: the median as a bar, the spread of the rounds as a line over it."""

from collections.abc import Sequence
from xml.sax.saxutils import escape

Bar = tuple[str, float, float, float]
"""What it is of; the median, the least and the most, as parts of the limit."""

LEFT, WIDTH, HEIGHT = 340, 560, 26


def bars(title: str, rows: Sequence[Bar]) -> str:
    top = max([1.0, *(most for _, _, _, most in rows)])
    scale = WIDTH / top
    height = 60 + HEIGHT * len(rows)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{LEFT + WIDTH + 80}" height="{height}"',
        ' font-family="sans-serif">',
        '<rect width="100%" height="100%" fill="#fff"/>',
        f'<text x="10" y="22" font-size="15" font-weight="bold">{escape(title)}</text>',
        f'<line x1="{LEFT + scale:.1f}" x2="{LEFT + scale:.1f}" y1="34" y2="{height - 16}" stroke="#999"/>',
        f'<text x="{LEFT + scale:.1f}" y="{height - 4}" font-size="11" text-anchor="middle">1.00</text>',
    ]
    for number, (name, median, least, most) in enumerate(rows):
        y = 40 + HEIGHT * number
        middle = y + HEIGHT / 2 - 3
        parts += [
            f'<text x="{LEFT - 8}" y="{middle + 4}" font-size="12" text-anchor="end">{escape(name)}</text>',
            f'<rect x="{LEFT}" y="{y}" width="{median * scale:.1f}" height="{HEIGHT - 8}" fill="#3b6ea5"/>',
            f'<line x1="{LEFT + least * scale:.1f}" x2="{LEFT + most * scale:.1f}" y1="{middle}" y2="{middle}"'
            ' stroke="#111" stroke-width="2"/>',
            f'<text x="{LEFT + most * scale + 6:.1f}" y="{middle + 4}" font-size="12">{median:.2f}</text>',
        ]
    return "\n".join([*parts, "</svg>", ""])
