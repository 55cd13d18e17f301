"""Draw the pictures in custom_components/watched_sync/brand.

``brand.py FONT [FOLDER]``: needs Pillow and NumPy; FONT is a bold TrueType or WOFF2
file for the name in the logo (drawn with Nunito 800, SIL Open Font License). The
motif is our own: an eye whose pupil is a play button, and the tick that it was seen.
"""

from pathlib import Path
import sys

import numpy as np
from PIL import Image, ImageChops, ImageDraw, ImageFont

FOLDER = Path(__file__).parents[2] / "custom_components" / "watched_sync" / "brand"
# Drawn this many times larger than needed and scaled down: smooth edges.
OVERSAMPLE = 4
SIZE = 512

type Point = tuple[float, float]
type Colour = tuple[int, int, int]

INDIGO_TOP: Colour = (99, 102, 241)
INDIGO_LOW: Colour = (67, 40, 170)
IRIS_TOP: Colour = (45, 212, 235)
IRIS_LOW: Colour = (37, 99, 235)
PUPIL: Colour = (30, 27, 75)
GREEN_TOP: Colour = (52, 211, 153)
GREEN_LOW: Colour = (5, 150, 105)
WHITE: Colour = (255, 255, 255)
INK: Colour = (49, 46, 129)
PALE: Colour = (224, 231, 255)


class Canvas:
    """A square picture with its origin at the top left and a side of 1."""

    def __init__(self, size: int) -> None:
        self.side = size * OVERSAMPLE
        self.image = Image.new("RGBA", (self.side, self.side))

    def mask(self) -> tuple[Image.Image, ImageDraw.ImageDraw]:
        """Return an empty mask and something to draw on it."""
        mask = Image.new("L", (self.side, self.side))
        return mask, ImageDraw.Draw(mask)

    def px(self, *points: Point) -> list[Point]:
        """Return the points in pixels."""
        return [(x * self.side, y * self.side) for x, y in points]

    def circle(self, centre: Point, radius: float) -> Image.Image:
        """Return the mask of a disc."""
        mask, draw = self.mask()
        x, y = centre
        draw.ellipse(
            [v * self.side for v in (x - radius, y - radius, x + radius, y + radius)],
            fill=255,
        )
        return mask

    def rounded_square(self, inset: float, radius: float) -> Image.Image:
        """Return the mask of a square with round corners."""
        mask, draw = self.mask()
        low, high = inset * self.side, (1 - inset) * self.side
        draw.rounded_rectangle((low, low, high, high), radius * self.side, fill=255)
        return mask

    def lens(self, centre: Point, half_width: float, half_height: float) -> Image.Image:
        """Return the mask of an almond: where two large discs overlap."""
        x, y = centre
        radius = (half_width**2 + half_height**2) / (2 * half_height)
        shift = radius - half_height
        return ImageChops.darker(
            self.circle((x, y + shift), radius), self.circle((x, y - shift), radius)
        )

    def stroke(self, width: float, *points: Point) -> Image.Image:
        """Return the mask of a line with round ends and corners."""
        mask, draw = self.mask()
        line = self.px(*points)
        draw.line(line, fill=255, width=round(width * self.side), joint="curve")
        half = width * self.side / 2
        for x, y in line:
            draw.ellipse((x - half, y - half, x + half, y + half), fill=255)
        return mask

    def triangle(self, *points: Point, rounding: float) -> Image.Image:
        """Return the mask of a triangle with rounded corners."""
        mask = self.stroke(rounding, *points, points[0])
        ImageDraw.Draw(mask).polygon(self.px(*points), fill=255)
        return mask

    def paint(self, mask: Image.Image, top: Colour, low: Colour | None = None) -> None:
        """Fill the mask, from *top* to *low* across its own height."""
        box = mask.getbbox()
        if box is None:
            return
        ramp = np.clip((np.arange(self.side) - box[1]) / (box[3] - box[1]), 0, 1)
        start, end = np.array(top), np.array(low or top)
        colours = start + (end - start) * ramp[:, None]
        rows = np.repeat(colours[:, None, :], self.side, axis=1).astype(np.uint8)
        layer = Image.fromarray(rows, "RGB").convert("RGBA")
        layer.putalpha(mask)
        self.image = Image.alpha_composite(self.image, layer)

    def erase(self, mask: Image.Image) -> None:
        """Make the mask transparent."""
        alpha = ImageChops.subtract(self.image.getchannel("A"), mask)
        self.image.putalpha(alpha)

    def done(self, size: int) -> Image.Image:
        """Return the picture in its final size."""
        return self.image.resize((size, size), Image.Resampling.LANCZOS)


def icon(*, dark: bool) -> Canvas:
    """Draw the icon; *dark* is for dark backgrounds, a little brighter."""
    canvas = Canvas(SIZE)
    top, low = INDIGO_TOP, INDIGO_LOW
    if dark:
        top, low = (129, 140, 248), (79, 55, 200)
    canvas.paint(canvas.rounded_square(0.0, 0.24), top, low)

    eye = (0.5, 0.45)
    canvas.paint(canvas.lens(eye, 0.395, 0.245), WHITE, PALE)
    canvas.paint(canvas.circle(eye, 0.198), IRIS_TOP, IRIS_LOW)
    canvas.paint(canvas.circle(eye, 0.138), PUPIL)
    x, y = eye
    canvas.paint(
        canvas.triangle(
            (x - 0.036, y - 0.062),
            (x - 0.036, y + 0.062),
            (x + 0.070, y),
            rounding=0.03,
        ),
        WHITE,
    )

    badge = (0.79, 0.79)
    canvas.erase(canvas.circle(badge, 0.222))
    canvas.paint(canvas.circle(badge, 0.185), GREEN_TOP, GREEN_LOW)
    x, y = badge
    canvas.paint(
        canvas.stroke(
            0.048,
            (x - 0.080, y + 0.006),
            (x - 0.022, y + 0.064),
            (x + 0.086, y - 0.058),
        ),
        WHITE,
    )
    return canvas


def logo(mark: Canvas, font_file: str, height: int, colour: Colour) -> Image.Image:
    """Return the icon with the name beside it."""
    scale = height * OVERSAMPLE
    font = ImageFont.truetype(font_file, round(scale * 0.47))
    left, _, right, _ = font.getbbox("Watched Sync", anchor="ls")
    gap = round(scale * 0.16)
    width = scale + gap + round(right - left) + round(scale * 0.02)
    picture = Image.new("RGBA", (width, scale), (*colour, 0))
    picture.alpha_composite(mark.image.resize((scale, scale), Image.Resampling.LANCZOS))
    # The capitals, not the whole line, are centred on the icon.
    capital = -font.getbbox("W", anchor="ls")[1]
    ImageDraw.Draw(picture).text(
        (scale + gap - left, (scale + capital) / 2),
        "Watched Sync",
        font=font,
        fill=colour,
        anchor="ls",
    )
    return picture.resize((round(width / OVERSAMPLE), height), Image.Resampling.LANCZOS)


def main() -> None:
    """Write all pictures."""
    font_file = sys.argv[1]
    folder = Path(*sys.argv[2:3]) if sys.argv[2:] else FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    for prefix, dark, colour in (("", False, INK), ("dark_", True, PALE)):
        mark = icon(dark=dark)
        for suffix, size, height in (("", 256, 128), ("@2x", 512, 256)):
            mark.done(size).save(folder / f"{prefix}icon{suffix}.png", optimize=True)
            logo(mark, font_file, height, colour).save(
                folder / f"{prefix}logo{suffix}.png", optimize=True
            )


if __name__ == "__main__":
    main()
