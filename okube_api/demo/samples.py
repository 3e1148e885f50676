"""Creates samples in the demo that its events do not need: a saved view of the explorer, and the picture of a shop."""

import io

from okube_api.kit import demo_names
from okube_api.kit.application import Application
from okube_api.kit.creation_ids import CREATION_IDS
from okube_api.kit.demo_names import DemoIds
from okube_api.sites.repository import SiteRepository
from okube_api.sites.thumbnails import ThumbnailStore, reencode
from okube_api.store.protocol import Store
from okube_api.views.repository import ViewRepository

_SIDE = 256


async def create_samples(store: Store, sites: SiteRepository, application: Application, owner: str) -> None:
    """Create a shared view of an application, whose owner is a user (an id), and the picture of one of its shops."""
    token = CREATION_IDS.set(DemoIds([demo_names.VIEW]))
    try:
        query = "period=last-week&compare=previousYearSameWeekday"
        fields = {"name": demo_names.VIEW, "path": "overview", "query": query, "shared": True}
        await ViewRepository(store, sites.clock).create(application.id, owner, fields)
    finally:
        CREATION_IDS.reset(token)
    site = await sites.get(application.id, demo_names.SITE)
    picture = reencode(draw_lamp())
    path = await ThumbnailStore(store).put(site, picture)
    await sites.update(application, site, {"thumbnail": path, "thumbnailEtag": picture.etag})


def draw_lamp() -> bytes:
    """Return a PNG picture of a lamp, the sign of the shops."""
    from PIL import Image, ImageDraw  # noqa: PLC0415 - only a new demo needs it

    picture = Image.new("RGB", (_SIDE, _SIDE), "#0072b2")
    draw = ImageDraw.Draw(picture)
    draw.line((128, 0, 128, 76), fill="white", width=6)
    draw.polygon(((96, 76), (160, 76), (208, 164), (48, 164)), fill="white")
    draw.ellipse((104, 148, 152, 196), fill="#f0e442")
    file = io.BytesIO()
    picture.save(file, "PNG")
    return file.getvalue()
