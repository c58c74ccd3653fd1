"""Pictures that lie inside the page: small, as data URIs, with the same bytes on every processor.

Hence JPEG, whose encoder has one result whatever instructions it uses, and PNG without compression.
"""

import base64
from io import BytesIO

import matplotlib
import numpy as np
from PIL import Image, ImageDraw
from scipy.ndimage import gaussian_filter

from lexiclip.images.windows import Box

LONG_SIDE = 320  # pixels, as heatmap.heat_of_cells draws


def data_uri(image: Image.Image, kind: str, **how: object) -> str:
    """The image encoded as a data URI; `how` goes to PIL's writer of that kind."""
    file = BytesIO()
    image.save(file, kind, **how)
    return f"data:image/{kind.lower()};base64,{base64.b64encode(file.getvalue()).decode()}"


def photo_uri(image: Image.Image) -> str:
    """A photo, compressed."""
    return data_uri(image, "JPEG", quality=80)


def small(image: Image.Image) -> Image.Image:
    """The image with its long side at most LONG_SIDE."""
    zoom = min(1.0, LONG_SIDE / max(image.size))
    return image.resize([max(1, round(side * zoom)) for side in image.size])


def with_heat(image: Image.Image, heat: np.ndarray, highest: float, frame: Box) -> Image.Image:
    """The photo under `heat` (h, w), whose size it takes; white where heat reaches `highest`; `frame` drawn.

    `frame` is in pixels of the photo as given and is cut at its edges.
    """
    heat = gaussian_filter(heat, 4)  # the windows' edges tell nothing
    shown = np.asarray(image.resize(heat.shape[::-1]), dtype=np.float64)
    level = np.clip(heat / highest, 0, 1)[..., None]
    colour = 255 * matplotlib.colormaps["inferno"](level[..., 0])[..., :3]
    mixed = Image.fromarray(np.round(shown + (colour - shown) * (0.5 + 0.25 * level)).astype(np.uint8))
    zoom = heat.shape[1] / image.width
    right = min(frame.left + frame.width, image.width) * zoom - 1
    bottom = min(frame.top + frame.height, image.height) * zoom - 1
    corners = (frame.left * zoom, frame.top * zoom, right, bottom)
    ImageDraw.Draw(mixed).rectangle([round(edge) for edge in corners], outline="white", width=2)
    return mixed
