"""What goes with a resource that is taken away, so that nothing is left that names it.  See `docs/deletion.md`."""

from collections.abc import Sequence
from dataclasses import dataclass

from okube_api.kit.repository import Allowed, Resources
from okube_api.kit.resource_changes import Change, Changes, What
from okube_api.sites.thumbnails import Thumbnails
from okube_api.store.base import Json, Overlaps, equal


@dataclass(frozen=True, slots=True)
class Deletion:
    """Takes resources away: first out of the lists that name them, so that a second try finishes what a crash left."""

    changes: Changes
    sites: Resources
    pois: Resources
    campaigns: Resources
    studies: Resources
    equipments: Resources
    thumbnails: Thumbnails

    async def site(self, site: Json, allowed: Allowed | None = None) -> None:
        """A site, with its equipments and its picture.  Raises PreconditionFailed, as all of these do."""
        inside = equal("application", site["application"]) & equal("site", site["_id"])
        equipments = [one["_id"] for one in await self.equipments.store.find(self.equipments.collection, inside)]
        holders = (self.campaigns, self.studies, self.pois)
        await self._take(self.sites, site, allowed, holders=holders, field="sites", equipments=equipments)
        await self.thumbnails.remove(site)

    async def poi(self, poi: Json, allowed: Allowed | None = None) -> None:
        """A point of interest."""
        await self._take(self.pois, poi, allowed, holders=(self.studies,), field="pois")

    async def campaign(self, campaign: Json, allowed: Allowed | None = None) -> None:
        """A campaign."""
        await self._take(self.campaigns, campaign, allowed)

    async def equipment(self, equipment: Json, allowed: Allowed | None = None) -> None:
        """An equipment."""
        await self._take(self.equipments, equipment, allowed)

    async def _take(
        self,
        resources: Resources,
        document: Json,
        allowed: Allowed | None,
        *,
        holders: Sequence[Resources] = (),
        field: str = "",
        equipments: Sequence[str] = (),
    ) -> None:
        resources.permit(document, allowed)
        gone = [Change(resources.collection.name, (document["_id"],), What.GONE)]
        if equipments:
            gone.append(Change(self.equipments.collection.name, tuple(equipments), What.GONE))
        async with self.changes.around(document["application"], gone):
            for holder in holders:
                await _forget(holder, field, document)
            for one in equipments:
                await self.equipments.store.delete(self.equipments.collection, equal("_id", one))
            await resources.remove(document, allowed)


async def _forget(holder: Resources, field: str, gone: Json) -> None:
    """Takes a resource out of the lists that name it; one that named no other stays with an empty list."""

    async def edit(stored: Json) -> Json:
        return stored | {field: [one for one in stored.get(field) or () if one != gone["_id"]]}

    naming = equal("application", gone["application"]) & Overlaps(field, (gone["_id"],))
    for document in await holder.store.find(holder.collection, naming):
        await holder.change(document, edit)
