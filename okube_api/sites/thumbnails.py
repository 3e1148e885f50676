"""Stores thumbnails of sites: uploaded pictures, checked and re-encoded."""

import base64
import hashlib
import io
import warnings
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from anyio import CapacityLimiter, to_thread

from okube_api.errors import NotFound, TooLarge, UnsupportedMedia
from okube_api.store.conditions import equal
from okube_api.store.protocol import Store
from okube_api.store.schema import Collection, ColumnType
from okube_api.store.values import Json

if TYPE_CHECKING:
    from PIL import Image

THUMBNAILS = Collection("thumbnails", fields={"application": ColumnType.TEXT})
"""One per site, under the site's `_id`; `image` is base64."""

MAX_BYTES = 5 * 1024 * 1024
MAX_PIXELS = {"JPEG": 25_000_000, "PNG": 25_000_000, "WEBP": 12_500_000}
"""By format.  WebP has half as many: Pillow decodes it at full size only, with 16 bytes a pixel (PNG: 8 at most)."""
MAX_SIDE = 1024
"""The longest side of a stored picture, in pixels."""


@dataclass(frozen=True, slots=True)
class Picture:
    """A stored picture."""

    media_type: str
    image: bytes

    @property
    def etag(self) -> str:
        """The entity tag: a hash of the picture."""
        return hashlib.blake2b(self.image, digest_size=16).hexdigest()


def reencode(raw: bytes) -> Picture:
    """Re-encode a JPEG, PNG or WebP picture: upright, at most `MAX_SIDE` pixels wide and high, without metadata.

    Blocking: run it in a thread.  Raise UnsupportedMedia for other files, TooLarge above `MAX_PIXELS`, which is checked
    before the picture is decoded.
    """
    from PIL import Image, ImageOps  # noqa: PLC0415 - only uploads of pictures need it

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # MAX_PIXELS is lower
            image = Image.open(io.BytesIO(raw), formats=tuple(MAX_PIXELS))
            most_pixels = MAX_PIXELS[image.format or "JPEG"]
            if image.width * image.height > most_pixels:
                raise TooLarge(
                    f"The picture has {image.width * image.height:,} pixels. A {image.format} picture may have "
                    f"{most_pixels:,} at most. Send a smaller one."
                )
            # First reduced, then turned: a JPEG is decoded at a reduced size, and no full-size copy is made.
            image.thumbnail((MAX_SIDE, MAX_SIDE))
            return _encode(ImageOps.exif_transpose(image))
    except Image.DecompressionBombError:
        raise TooLarge(f"A picture may have {max(MAX_PIXELS.values()):,} pixels at most. Send a smaller one.") from None
    except (OSError, SyntaxError, ValueError, EOFError, OverflowError, IndexError, TypeError, KeyError):
        raise UnsupportedMedia("The picture must be a JPEG, PNG or WebP file.") from None


def _encode(image: "Image.Image") -> Picture:
    is_transparent = image.has_transparency_data
    converted = image.convert("RGBA" if is_transparent else "RGB")
    converted.info.clear()
    out = io.BytesIO()
    if is_transparent:
        converted.save(out, "PNG", optimize=True)
        return Picture("image/png", out.getvalue())
    converted.save(out, "JPEG", quality=85)
    return Picture("image/jpeg", out.getvalue())


class ThumbnailStore:
    """Stores at most one picture per site."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._decoding = CapacityLimiter(1)

    async def reencode(self, read: Callable[[], Awaitable[bytes]]) -> Picture:
        """Read a picture and re-encode it, one at a time per process: it may take 220 MB.

        Raise UnsupportedMedia or TooLarge.
        """
        async with self._decoding:
            return await to_thread.run_sync(reencode, await read())

    async def put(self, site: Json, picture: Picture) -> str:
        """Store the picture of a site, replacing an earlier one, and return its path."""
        image = base64.b64encode(picture.image).decode("ascii")
        document = {
            "_id": site["_id"],
            "application": site["application"],
            "mediaType": picture.media_type,
            "image": image,
        }
        if await self._store.get(THUMBNAILS, equal("_id", site["_id"])) is None:
            await self._store.write(THUMBNAILS, (document,), ())
        else:
            await self._store.write(THUMBNAILS, (), (document,))
        return f"/sites/{site['_id']}/thumbnail"

    async def get(self, site: Json) -> Picture:
        """Return the picture of a site.  Raise NotFound."""
        document = await self._store.get(THUMBNAILS, equal("_id", site["_id"]))
        if document is None:
            raise NotFound("thumbnail", site["_id"])
        return Picture(document["mediaType"], base64.b64decode(document["image"]))

    async def remove(self, site: Json) -> None:
        """Delete the picture of a site, if there is one."""
        await self._store.delete(THUMBNAILS, equal("_id", site["_id"]))
