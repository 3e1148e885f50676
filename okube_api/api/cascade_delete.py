"""Delete resources together with the references to them and the resources inside them; see `docs/deletion.md`."""

from collections.abc import Sequence
from dataclasses import dataclass

from okube_api.kit.repository import Precondition, Repository
from okube_api.kit.resource_changes import ChangeKind, ChangePublisher, ResourceChange
from okube_api.sites.thumbnails import ThumbnailStore
from okube_api.store.conditions import Overlaps, equal
from okube_api.store.values import Json


@dataclass(frozen=True, slots=True)
class CascadeDelete:
    """Deletes resources: first the references to them, so that a second attempt completes one that was interrupted."""

    changes: ChangePublisher
    sites: Repository
    pois: Repository
    campaigns: Repository
    studies: Repository
    equipments: Repository
    thumbnails: ThumbnailStore

    async def delete_site(self, site: Json, precondition: Precondition | None = None) -> None:
        """Delete a site with its equipments and its picture.  Raise PreconditionFailed, as all of these methods do."""
        inside = equal("application", site["application"]) & equal("site", site["_id"])
        stored = await self.equipments.store.find(self.equipments.collection, inside)
        equipment_ids = [equipment["_id"] for equipment in stored]
        holders = (self.campaigns, self.studies, self.pois)
        await self._delete(self.sites, site, precondition, holders=holders, field="sites", equipment_ids=equipment_ids)
        await self.thumbnails.remove(site)

    async def delete_poi(self, poi: Json, precondition: Precondition | None = None) -> None:
        """Delete a point of interest."""
        await self._delete(self.pois, poi, precondition, holders=(self.studies,), field="pois")

    async def delete_campaign(self, campaign: Json, precondition: Precondition | None = None) -> None:
        """Delete a campaign."""
        await self._delete(self.campaigns, campaign, precondition)

    async def delete_equipment(self, equipment: Json, precondition: Precondition | None = None) -> None:
        """Delete an equipment."""
        await self._delete(self.equipments, equipment, precondition)

    async def _delete(
        self,
        resources: Repository,
        document: Json,
        precondition: Precondition | None,
        *,
        holders: Sequence[Repository] = (),
        field: str = "",
        equipment_ids: Sequence[str] = (),
    ) -> None:
        """Delete one resource.

        holders: repositories whose documents have the resource in the list `field`.
        equipment_ids: equipments inside the resource.
        """
        resources.check_precondition(document, precondition)
        deletions = [ResourceChange(resources.collection.name, (document["_id"],), ChangeKind.DELETED)]
        if equipment_ids:
            deletions.append(ResourceChange(self.equipments.collection.name, tuple(equipment_ids), ChangeKind.DELETED))
        async with self.changes.publish_around(document["application"], deletions):
            for holder in holders:
                await _remove_references(holder, field, document)
            if resources in (self.sites, self.pois):
                for places in (self.sites, self.pois):
                    await _remove_parent(places, document)
            for equipment_id in equipment_ids:
                await self.equipments.store.delete(self.equipments.collection, equal("_id", equipment_id))
            await resources.remove(document, precondition)


async def _remove_references(holder: Repository, field: str, resource: Json) -> None:
    """Remove a resource from the lists `field` of the holder's documents; a list may become empty."""

    async def edit(stored: Json) -> Json:
        return stored | {field: [id_ for id_ in stored.get(field) or () if id_ != resource["_id"]]}

    naming = equal("application", resource["application"]) & Overlaps(field, (resource["_id"],))
    for document in await holder.store.find(holder.collection, naming):
        await holder.change(document, edit)


async def _remove_parent(places: Repository, parent: Json) -> None:
    """Remove a resource as the parent of places."""

    async def edit(stored: Json) -> Json:
        return {name: value for name, value in stored.items() if (name, value) != ("parent", parent["_id"])}

    inside = equal("application", parent["application"]) & equal("parent", parent["_id"])
    for document in await places.store.find(places.collection, inside):
        await places.change(document, edit)
