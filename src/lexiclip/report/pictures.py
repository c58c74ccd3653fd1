"""Pictures embedded in the page as data URIs, with the same bytes on every processor.

Hence JPEG, whose encoder has one result whatever instructions it uses, and PNG without compression.
"""

import base64
from io import BytesIO

from PIL import Image


def data_uri(image: Image.Image, kind: str, **how: object) -> str:
    """Encode an image as a data URI; `how` goes to PIL's writer of that kind."""
    file = BytesIO()
    image.save(file, kind, **how)
    return f"data:image/{kind.lower()};base64,{base64.b64encode(file.getvalue()).decode()}"


def photo_uri(image: Image.Image) -> str:
    """A photo, compressed."""
    return data_uri(image, "JPEG", quality=80)
