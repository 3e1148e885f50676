"""Every KPI, by module and by name."""

from collections.abc import Mapping

from okube_api.catalogue.conversion import CONVERSION
from okube_api.catalogue.geomarketing import GEO_MARKETING
from okube_api.catalogue.kpi import Kpi, Module
from okube_api.catalogue.performance import PERFORMANCE
from okube_api.catalogue.presence import PRESENCE

CATALOGUE: Mapping[Module, tuple[Kpi, ...]] = {
    Module.GEO_MARKETING: GEO_MARKETING,
    Module.CONVERSION: CONVERSION,
    Module.PRESENCE: PRESENCE,
    Module.PERFORMANCE: PERFORMANCE,
}
BY_NAME: Mapping[Module, Mapping[str, Kpi]] = {
    module: {kpi.name: kpi for kpi in kpis} for module, kpis in CATALOGUE.items()
}
