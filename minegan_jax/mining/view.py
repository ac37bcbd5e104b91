"""What the critic sees, what is measured and what a user gets of the images of a game.

A user gets the generator's own image. The critic judges a view of it: a box for each source, at
one resolution and in the same colours for all. So a generator of 1024 pixels in colour is mined
for small grey photographs by a critic that costs little.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from minegan_jax.errors import InputError
from minegan_jax.nets.image_resize import (
    WHOLE,
    Box,
    Given,
    ImageShape,
    box_view,
    common_view,
)
from minegan_jax.types import Images

NUMBERS = Box._fields  # of a box


class View(NamedTuple):
    """The paths of a game's images."""

    shape: ImageShape  # of what the critic sees, and of what is measured
    handed_out: ImageShape  # of what a user gets
    boxes: tuple[Box, ...]  # of each source
    real: Callable[[Given], Images]  # to the critic
    critic: tuple[Callable[[Given], Images], ...]  # each source's images to the critic
    # Each source's images to the measures; None where these are those that are handed out.
    measured: tuple[Callable[[Given], Images] | None, ...]
    output: Callable[[Given], Images]  # to the user


def make_view(
    shape: ImageShape,
    sources: Sequence[ImageShape],
    boxes: Sequence[Box] = (),
    handed_out: ImageShape | None = None,
) -> View:
    """Returns the view of a game.

    To the critic all images, real ones too, go through as many pixels as the box of the least
    detailed source has. What is measured does not: a source without detail should show it.

    Args:
      shape: of what the critic takes.
      sources: the shape of each source's own images.
      boxes: of each source; none are whole images.
      handed_out: the shape in which a user gets images; None is as large as the largest source's,
        and in colour if one makes colours.
    """
    boxes = tuple(boxes) or (WHOLE,) * len(sources)
    pixels = [box.pixels(own.resolution) for box, own in zip(boxes, sources, strict=True)]
    smallest = min(pixels)
    handed_out = handed_out or ImageShape(*map(max, zip(*sources, strict=True)))
    return View(
        shape=shape,
        handed_out=handed_out,
        boxes=boxes,
        real=common_view(smallest, **shape._asdict()),
        critic=tuple(box_view(box, *shape, through=smallest) for box in boxes),
        measured=tuple(
            None if (box, shape) == (WHOLE, handed_out) else _clipped(box_view(box, *shape))
            for box in boxes
        ),
        output=common_view(**handed_out._asdict()),
    )


def _clipped(view: Callable[[Given], Images]) -> Callable[[Given], Images]:
    """Cuts off what is blacker than black or whiter than white, as it is for a user."""
    return lambda images: view(images.clip(-1.0, 1.0))


def read_boxes(numbers: Sequence[float], num_sources: int) -> tuple[Box, ...]:
    """Reads boxes off the numbers of a config, four for each source; none are whole images.

    Raises:
      InputError: there are other numbers of them, or a box has no area or no part of the image.
    """
    if not numbers:
        return (WHOLE,) * num_sources
    if len(numbers) != len(NUMBERS) * num_sources:
        raise InputError(
            f"view.boxes: expected {', '.join(NUMBERS)} of each of {num_sources} sources,"
            f" {len(NUMBERS) * num_sources} numbers, found {len(numbers)}"
        )
    starts = range(0, len(numbers), len(NUMBERS))
    boxes = tuple(Box(*numbers[start : start + len(NUMBERS)]) for start in starts)
    for box in boxes:
        if box.height <= 0 or box.width <= 0:
            raise InputError(
                f"view.boxes: expected a height and a width of more than 0, found {tuple(box)}"
            )
        if not (_meets(box.top, box.height) and _meets(box.left, box.width)):
            raise InputError(
                f"view.boxes: expected a box that shows a part of the image, found {tuple(box)}"
            )
    return boxes


def _meets(start: float, length: float) -> bool:
    """Says whether a stretch has a part between 0 and 1."""
    return start < 1 and start + length > 0


def in_words(view: View, names: Sequence[str]) -> str:
    """Says how images are measured and how they are handed out.

    Args:
      view: of a game.
      names: of its sources.
    """
    boxes = "; ".join(
        f"those of {name} in the box of top {box.top:g}, left {box.left:g}, height {box.height:g}"
        f" and width {box.width:g}"
        for name, box in zip(names, view.boxes, strict=True)
        if box != WHOLE
    )
    measured = f"images are measured as the critic sees them, {_shape_in_words(view.shape)}"
    handed_out = f"they are handed out {_shape_in_words(view.handed_out)}"
    return "; ".join(filter(None, [measured, boxes, handed_out]))


def _shape_in_words(shape: ImageShape) -> str:
    """Says how large and how colourful images are."""
    colours = "grey" if shape.channels == 1 else "in colour"
    return f"{shape.resolution}x{shape.resolution} and {colours}"
