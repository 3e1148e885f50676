"""Pictures of sites: checked by what they are, drawn anew, kept in the store."""

import base64
import hashlib
import io
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING

from okube_api.errors import NotFound, TooLarge, UnsupportedMedia
from okube_api.store.conditions import equal
from okube_api.store.protocol import Store
from okube_api.store.schema import Collection, ColumnType
from okube_api.store.values import Json

if TYPE_CHECKING:
    from PIL import Image

THUMBNAILS = Collection("thumbnails", fields={"application": ColumnType.TEXT})
"""One per site, under the site's `_id`; `image` is base64."""

MOST_BYTES = 5 * 1024 * 1024
MOST_PIXELS = 25_000_000
SIDE = 1024
"""The longest side, in pixels, that is kept."""

_FORMATS = ("JPEG", "PNG", "WEBP")


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture as it is served."""

    media_type: str
    image: bytes

    @property
    def etag(self) -> str:
        """Tells it from every other picture."""
        return hashlib.blake2b(self.image, digest_size=16).hexdigest()


def redraw(raw: bytes) -> Picture:
    """A JPEG, PNG or WebP drawn anew: upright, no larger than it needs to be, and without whatever came with it.

    Blocks: run it in a thread.  Raises UnsupportedMedia for anything else, TooLarge past `MOST_PIXELS`.
    """
    from PIL import Image, ImageOps  # noqa: PLC0415 - only pictures need it

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # our own limit is lower
            image = Image.open(io.BytesIO(raw), formats=_FORMATS)
            if image.width * image.height > MOST_PIXELS:
                raise TooLarge(f"The picture may have {MOST_PIXELS:,} pixels at most.")
            drawn = ImageOps.exif_transpose(image)
            drawn.thumbnail((SIDE, SIDE))
            return _encoded(drawn)
    except Image.DecompressionBombError:
        raise TooLarge(f"The picture may have {MOST_PIXELS:,} pixels at most.") from None
    except (OSError, SyntaxError, ValueError, EOFError, OverflowError, IndexError, TypeError, KeyError):
        raise UnsupportedMedia("The picture must be a JPEG, PNG or WebP.") from None


def _encoded(image: "Image.Image") -> Picture:
    transparent = image.has_transparency_data
    plain = image.convert("RGBA" if transparent else "RGB")
    plain.info.clear()
    out = io.BytesIO()
    if transparent:
        plain.save(out, "PNG", optimize=True)
        return Picture("image/png", out.getvalue())
    plain.save(out, "JPEG", quality=85)
    return Picture("image/jpeg", out.getvalue())


class ThumbnailStore:
    """The picture of each site that has one."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def put(self, site: Json, picture: Picture) -> str:
        """Keeps a picture in the place of the one before; its path."""
        image = base64.b64encode(picture.image).decode("ascii")
        made = {
            "_id": site["_id"],
            "application": site["application"],
            "mediaType": picture.media_type,
            "image": image,
        }
        mine = equal("_id", site["_id"])
        known = await self._store.get(THUMBNAILS, mine) is not None
        await self._store.write(THUMBNAILS, () if known else (made,), (made,) if known else ())
        return f"/sites/{site['_id']}/thumbnail"

    async def get(self, site: Json) -> Picture:
        """The picture of a site.  Raises NotFound."""
        found = await self._store.get(THUMBNAILS, equal("_id", site["_id"]))
        if found is None:
            raise NotFound("thumbnail", site["_id"])
        return Picture(found["mediaType"], base64.b64decode(found["image"]))

    async def remove(self, site: Json) -> None:
        """Forgets the picture of a site, if it has one."""
        await self._store.delete(THUMBNAILS, equal("_id", site["_id"]))
