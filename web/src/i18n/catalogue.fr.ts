/** French texts of the KPI catalogue, in a file of their own that only the French page loads. */
import type { CatalogueTexts } from "./catalogue";

export const frenchCatalogue: CatalogueTexts = {
  kpis: {
    "geo-marketing/acquisition": {
      meaning: "Combien de personnes découvrent vos magasins : elles n'étaient venues dans aucun depuis un an.",
      description:
        "Utilisateurs nouveaux dans l'intervalle : aucun séjour dans les 12 mois précédant ce jour (sur aucun site de l'application ; par site : sur ce site).",
    },
    "geo-marketing/attendance": {
      meaning:
        "La fréquentation de vos magasins, en personnes par jour : qui vient deux fois dans la journée compte une fois.",
      description: "Jours-visiteurs : triplets distincts (utilisateur, site, jour local) avec au moins un séjour.",
    },
    "geo-marketing/returning": {
      meaning: "Combien de personnes reviennent : elles étaient déjà venues dans vos magasins depuis un an.",
      description: "Utilisateurs uniques qui ne sont pas nouveaux : visiteurs uniques moins nouveaux visiteurs.",
    },
    "geo-marketing/posSessions": {
      meaning: "Combien de fois on vient dans vos magasins ; qui vient deux fois compte deux fois.",
      description: "Séjours sur les sites de l'étude.",
    },
    "geo-marketing/poiSessions": {
      meaning: "Combien de fois on va dans les autres lieux de votre étude, comme des concurrents ou une gare.",
      description:
        "Séjours aux points d'intérêt de l'étude ; par site, ceux des utilisateurs ayant séjourné sur le site pendant la période (un utilisateur de plusieurs sites compte pour chacun).",
    },
    "geo-marketing/timespent": {
      meaning: "Le temps passé en moyenne dans vos magasins.",
      description: "Durée moyenne des séjours.",
    },
    "geo-marketing/timespentPerScope": {
      meaning:
        "Si les séjours sont courts ou longs : la moyenne seule ne dit pas si tous durent 10 minutes ou la moitié 20.",
      description: "Séjours par tranche de durée.",
    },
    "geo-marketing/uniqUsers": {
      meaning: "Combien de personnes différentes viennent ; qui vient cinq fois compte une fois.",
      description: "Utilisateurs uniques avec au moins un séjour.",
    },
    "geo-marketing/returningPerScope": {
      meaning:
        "La fidélité des visiteurs : combien sont venus un jour, deux jours, etc. ; deux magasins le même jour comptent pour deux.",
      description: "Utilisateurs par nombre de jours-visiteurs.",
    },
    "geo-marketing/returningFrequencyPerScope": {
      meaning: "Combien de temps passe avant que l'on revienne dans le même magasin.",
      description:
        "Intervalles entre deux jours-visiteurs consécutifs d'un utilisateur sur le même site, par tranche de jours.",
    },
    "geo-marketing/os": {
      meaning: "Quels systèmes d'exploitation ont les téléphones de vos visiteurs.",
      description: "Utilisateurs uniques par système d'exploitation de leur appareil.",
    },
    "geo-marketing/model": {
      meaning: "Quels téléphones ont vos visiteurs.",
      description: "Utilisateurs uniques par modèle de leur appareil.",
    },
    "geo-marketing/manufacturer": {
      meaning: "Quelles marques de téléphone ont vos visiteurs.",
      description: "Utilisateurs uniques par fabricant de leur appareil.",
    },
    "geo-marketing/visitorVsPedestrian": {
      meaning: "Combien des personnes qui passent devant vos magasins y entrent.",
      description:
        "Utilisateurs ayant séjourné dans les cellules intérieures, utilisateurs vus seulement dans les cellules extérieures, et part des premiers.",
    },
    "geo-marketing/perPoiSessions": {
      meaning: "Dans quels autres lieux de votre étude on va, et combien de fois.",
      description:
        "Séjours aux points d'intérêt de l'étude, pour chacun d'eux ; par site, ceux des utilisateurs ayant séjourné sur le site pendant la période.",
    },
    "geo-marketing/posAffinity": {
      meaning: "Où vos visiteurs vont plus souvent que les autres : 100, c'est autant ; 200, deux fois plus.",
      description:
        "Par point d'intérêt : 100 fois la part des visiteurs des sites qui y ont aussi été vus, rapportée à la part qui y a été vue de tous les utilisateurs ayant séjourné sur un site ou un point d'intérêt de l'étude ; par zone, de ses utilisateurs.",
    },
    "geo-marketing/homeDistanceVisitsPerScope": {
      meaning: "À quelle distance de vos magasins habitent vos visiteurs.",
      description: "Séjours par tranche de distance à vol d'oiseau entre le site et le centre de la zone du domicile.",
    },
    "geo-marketing/workDistanceVisitsPerScope": {
      meaning: "À quelle distance de vos magasins travaillent vos visiteurs.",
      description: "Séjours par tranche de distance à vol d'oiseau entre le site et le centre de la zone du travail.",
    },
    "conversion/costByVisit": {
      meaning: "Ce qu'il faut dépenser pour amener une visite, en magasin ou en ligne.",
      description: "Coût par visite, en magasin ou en ligne.",
    },
    "conversion/costByOfflineVisit": {
      meaning: "Ce que coûte une visite en magasin, si tout le coût est imputé aux magasins.",
      description: "Coût par visite en magasin.",
    },
    "conversion/costByOnlineVisit": {
      meaning: "Ce que coûte une visite en ligne, si tout le coût est imputé à la vente en ligne.",
      description: "Coût par visite en ligne.",
    },
    "conversion/costByConversion": {
      meaning: "Ce que coûte une visite qui aboutit à un achat.",
      description: "Coût par visite avec achat.",
    },
    "conversion/costByOfflineConversion": {
      meaning: "Ce que coûte une visite en magasin qui aboutit à un achat.",
      description: "Coût par visite en magasin avec achat.",
    },
    "conversion/costByOnlineConversion": {
      meaning: "Ce que coûte une visite en ligne qui aboutit à un achat.",
      description: "Coût par visite en ligne avec achat.",
    },
    "conversion/ctr": {
      meaning: "Combien de fois on clique sur une annonce affichée.",
      description: "Taux de clic : clics sur impressions.",
    },
    "conversion/prints": {
      meaning: "Combien de fois les annonces ont été affichées, ou combien de messages sont arrivés.",
      description: "Impressions diffusées ; pour les messages, ceux qui ont été remis.",
    },
    "conversion/clicks": {
      meaning: "Combien de fois on a cliqué.",
      description: "Clics sur les annonces ou sur les liens des messages.",
    },
    "conversion/openings": {
      meaning: "Combien de messages ont été ouverts.",
      description: "Messages ouverts, la première fois par chaque utilisateur.",
    },
    "conversion/cost": {
      meaning: "Ce que les campagnes ont coûté pendant la période.",
      description: "Coût, réparti également sur ses jours.",
    },
    "conversion/globalLeverPerformance": {
      meaning: "Les chiffres clés des campagnes côte à côte, pour comparer les leviers d'un coup d'œil.",
      description: "Les chiffres clés en un seul enregistrement ; par regroupement, un enregistrement pour chacun.",
    },
    "conversion/offlineVisitsAndConversions": {
      meaning: "Combien de visites en magasin ont suivi une campagne, et combien ont abouti à un achat.",
      description: "Visites en magasin attribuées, celles avec achat, et leur rapport.",
    },
    "conversion/onlineVisitsAndConversions": {
      meaning: "Combien de visites en ligne ont suivi une campagne, et combien ont abouti à un achat.",
      description: "Visites en ligne attribuées, celles avec achat, et leur rapport.",
    },
    "conversion/offlineVisits": {
      meaning:
        "À combien de visites en magasin les campagnes ont contribué ; une visite après deux campagnes compte pour chacune.",
      description: "Visites en magasin précédées d'au moins un contact éligible.",
    },
    "conversion/onlineVisits": {
      meaning:
        "À combien de visites en ligne les campagnes ont contribué ; une visite après deux campagnes compte pour chacune.",
      description: "Visites en ligne précédées d'au moins un contact éligible.",
    },
    "conversion/offlineVisitsAttributions": {
      meaning: "Ce que le choix du modèle d'attribution change pour les visites en magasin.",
      description: "Visites en magasin selon les quatre modèles, et par participation.",
    },
    "conversion/onlineVisitsAttributions": {
      meaning: "Ce que le choix du modèle d'attribution change pour les visites en ligne.",
      description: "Visites en ligne selon les quatre modèles, et par participation.",
    },
    "conversion/offlineVisitsLinear": {
      meaning: "Combien de visites en magasin une campagne a amenées, si chaque contact avant la visite compte autant.",
      description: "Visites en magasin, partagées également entre les contacts de leur parcours.",
    },
    "conversion/offlineVisitsShapley": {
      meaning:
        "Combien de visites en magasin une campagne a amenées, si chaque campagne avant la visite compte autant.",
      description:
        "Visites en magasin par valeur de Shapley : partagées également entre les campagnes distinctes de leur parcours.",
    },
    "conversion/offlineVisitsFC": {
      meaning: "Combien de visites en magasin une campagne a déclenchées : elle en a été le premier contact.",
      description: "Visites en magasin, chacune au premier contact de son parcours.",
    },
    "conversion/offlineVisitsLC": {
      meaning: "Combien de visites en magasin une campagne a conclues : elle en a été le dernier contact.",
      description: "Visites en magasin, chacune au dernier contact de son parcours.",
    },
    "conversion/onlineVisitsLinear": {
      meaning: "Combien de visites en ligne une campagne a amenées, si chaque contact avant la visite compte autant.",
      description: "Visites en ligne, partagées également entre les contacts de leur parcours.",
    },
    "conversion/printVsClick": {
      meaning: "Si l'on vient en magasin après avoir vu une annonce, ou après avoir cliqué dessus.",
      description:
        "Impressions et clics : combien, et les visites en magasin dont le contact crédité (le dernier) en est un.",
    },
    "conversion/printVsClickVsOpenings": {
      meaning: "Si l'on vient en magasin après avoir vu une annonce, cliqué ou ouvert un message.",
      description:
        "Impressions, clics et ouvertures : combien, et les visites en magasin dont le contact crédité en est un.",
    },
    "conversion/timeBeforeOfflineVisitPerScope": {
      meaning: "Combien de temps après le dernier contact on vient en magasin.",
      description: "Visites en magasin par tranche de temps écoulé depuis leur contact crédité.",
    },
    "conversion/timeBeforeOnlineVisitPerScope": {
      meaning: "Combien de temps après le dernier contact on vient en ligne.",
      description: "Visites en ligne par tranche de temps écoulé depuis leur contact crédité.",
    },
    "conversion/offlineRoi": {
      meaning:
        "Ce que chaque euro dépensé a rapporté en magasin, en plus de lui-même : 50 % veut dire 50 centimes, −100 % que tout est perdu.",
      description: "Chiffre d'affaires en magasin moins coût, sur coût.",
    },
    "conversion/offlineRevenues": {
      meaning: "Ce qui a été dépensé en magasin après contact avec une campagne.",
      description: "Montant des achats en magasin attribués.",
    },
    "conversion/offlineConversions": {
      meaning: "Combien de visites en magasin, après contact avec une campagne, ont abouti à un achat.",
      description: "Visites en magasin attribuées avec achat.",
    },
    "conversion/offlineConversionRate": {
      meaning: "La part des visites en magasin, parmi celles qui ont suivi une campagne, qui ont abouti à un achat.",
      description: "Part des visites en magasin attribuées qui ont un achat.",
    },
    "conversion/onlineRoi": {
      meaning:
        "Ce que chaque euro dépensé a rapporté en ligne, en plus de lui-même : 50 % veut dire 50 centimes, −100 % que tout est perdu.",
      description: "Chiffre d'affaires en ligne moins coût, sur coût.",
    },
    "conversion/onlineRevenues": {
      meaning: "Ce qui a été dépensé en ligne après contact avec une campagne.",
      description: "Montant des achats en ligne attribués.",
    },
    "conversion/onlineConversions": {
      meaning: "Combien de visites en ligne, après contact avec une campagne, ont abouti à un achat.",
      description: "Visites en ligne attribuées avec achat.",
    },
    "conversion/onlineConversionRate": {
      meaning: "La part des visites en ligne, parmi celles qui ont suivi une campagne, qui ont abouti à un achat.",
      description: "Part des visites en ligne attribuées qui ont un achat.",
    },
    "conversion/roi": {
      meaning:
        "Ce que chaque euro dépensé a rapporté, en plus de lui-même : 50 % veut dire 50 centimes, −100 % que tout est perdu.",
      description: "Chiffre d'affaires moins coût, sur coût.",
    },
    "conversion/revenues": {
      meaning: "Ce qui a été dépensé après contact avec une campagne, en magasin et en ligne.",
      description: "Montant des achats attribués, en magasin et en ligne.",
    },
    "conversion/revenueByOfflineVisit": {
      meaning: "Ce qui a été dépensé en tout pour chaque visite en magasin qui a suivi une campagne.",
      description: "Chiffre d'affaires par visite en magasin attribuée.",
    },
    "conversion/revenueByOnlineVisit": {
      meaning: "Ce qui a été dépensé en tout pour chaque visite en ligne qui a suivi une campagne.",
      description: "Chiffre d'affaires par visite en ligne attribuée.",
    },
    "conversion/offlineRevenueByOfflineVisit": {
      meaning: "Ce qui a été dépensé en magasin pour chaque visite en magasin qui a suivi une campagne.",
      description: "Chiffre d'affaires en magasin par visite attribuée.",
    },
    "conversion/onlineRevenueByOnlineVisit": {
      meaning: "Ce qui a été dépensé en ligne pour chaque visite en ligne qui a suivi une campagne.",
      description: "Chiffre d'affaires en ligne par visite attribuée.",
    },
    "conversion/venueRate": {
      meaning: "La part des personnes touchées par une campagne qui sont venues en magasin.",
      description:
        "Part des utilisateurs exposés ayant une visite en magasin attribuée ; vide si personne n'a été exposé.",
    },
    "conversion/printsByOfflineVisit": {
      meaning: "Combien de fois il a fallu afficher des annonces pour une visite en magasin.",
      description: "Impressions par visite en magasin attribuée.",
    },
    "conversion/comparisonOfflineVisits": {
      meaning: "Si l'on vient grâce à la campagne : ceux qui l'ont vue, comparés à un groupe témoin.",
      description:
        "Utilisateurs ayant une visite en magasin après leur première exposition, face au groupe témoin : effet, visiteurs incrémentaux, intervalle.",
    },
    "conversion/cohortCostByConversion": {
      meaning: "Ce que coûte une visite avec achat, comptée au jour du contact.",
      description: "Coût par visite avec achat, par jour de contact.",
    },
    "conversion/cohortCostByOfflineConversion": {
      meaning: "Ce que coûte une visite en magasin avec achat, comptée au jour du contact.",
      description: "Coût par visite en magasin avec achat, par jour de contact.",
    },
    "conversion/cohortCostByOnlineConversion": {
      meaning: "Ce que coûte une visite en ligne avec achat, comptée au jour du contact.",
      description: "Coût par visite en ligne avec achat, par jour de contact.",
    },
    "conversion/cohortOfflineVisitsAndConversions": {
      meaning: "Ce que les contacts d'un jour ont amené en magasin, quel que soit le jour de la visite.",
      description: "Visites en magasin attribuées, celles avec achat, et leur rapport, par jour de contact.",
    },
    "conversion/cohortOnlineVisitsAndConversions": {
      meaning: "Ce que les contacts d'un jour ont amené en ligne, quel que soit le jour de la visite.",
      description: "Visites en ligne attribuées, celles avec achat, et leur rapport, par jour de contact.",
    },
    "conversion/cohortOfflineRoi": {
      meaning: "Ce que chaque euro dépensé un jour a finalement rapporté en magasin, en plus de lui-même.",
      description: "Chiffre d'affaires en magasin par jour de contact moins coût, sur coût.",
    },
    "conversion/cohortOfflineRevenues": {
      meaning: "Ce qui a été dépensé en magasin après les contacts d'un jour, quel que soit le jour de la visite.",
      description: "Montant des achats en magasin attribués, par jour de contact.",
    },
    "conversion/cohortOfflineConversions": {
      meaning: "À combien de visites en magasin avec achat les contacts d'un jour ont mené.",
      description: "Visites en magasin attribuées avec achat, par jour de contact.",
    },
    "conversion/cohortOfflineConversionRate": {
      meaning: "La part des visites en magasin amenées par les contacts d'un jour qui ont abouti à un achat.",
      description: "Part des visites en magasin attribuées qui ont un achat, par jour de contact.",
    },
    "conversion/cohortOnlineRoi": {
      meaning: "Ce que chaque euro dépensé un jour a finalement rapporté en ligne, en plus de lui-même.",
      description: "Chiffre d'affaires en ligne par jour de contact moins coût, sur coût.",
    },
    "conversion/cohortOnlineRevenues": {
      meaning: "Ce qui a été dépensé en ligne après les contacts d'un jour, quel que soit le jour de la visite.",
      description: "Montant des achats en ligne attribués, par jour de contact.",
    },
    "conversion/cohortOnlineConversions": {
      meaning: "À combien de visites en ligne avec achat les contacts d'un jour ont mené.",
      description: "Visites en ligne attribuées avec achat, par jour de contact.",
    },
    "conversion/cohortOnlineConversionRate": {
      meaning: "La part des visites en ligne amenées par les contacts d'un jour qui ont abouti à un achat.",
      description: "Part des visites en ligne attribuées qui ont un achat, par jour de contact.",
    },
    "conversion/cohortRoi": {
      meaning: "Ce que chaque euro dépensé un jour a finalement rapporté, en plus de lui-même.",
      description: "Chiffre d'affaires par jour de contact moins coût, sur coût.",
    },
    "conversion/cohortRevenues": {
      meaning: "Ce qui a été dépensé après les contacts d'un jour, quel que soit le jour de l'achat.",
      description: "Montant des achats attribués, par jour de contact.",
    },
    "conversion/costByPurchase": {
      meaning: "Ce que coûte un achat ; deux achats pendant une visite comptent pour deux.",
      description: "Coût par achat attribué.",
    },
    "conversion/costByOfflinePurchase": {
      meaning: "Ce que coûte un achat en magasin.",
      description: "Coût par achat en magasin attribué.",
    },
    "conversion/costByOnlinePurchase": {
      meaning: "Ce que coûte une commande en ligne.",
      description: "Coût par achat en ligne attribué.",
    },
    "conversion/offlineConversionPurchases": {
      meaning: "Combien de tickets de caisse ont suivi une campagne ; une visite peut en avoir plusieurs.",
      description: "Achats en magasin attribués (tickets).",
    },
    "conversion/onlineConversionPurchases": {
      meaning: "Combien de commandes en ligne ont suivi une campagne ; une visite peut en avoir plusieurs.",
      description: "Achats en ligne attribués (commandes).",
    },
    "conversion/offlineVisitsPerCampaign": {
      meaning: "Quelles campagnes ont amené les visites en magasin ; la somme des parts est le total.",
      description: "Crédit linéaire des visites en magasin, campagne par campagne.",
    },
    "conversion/onlineVisitsPerCampaign": {
      meaning: "Quelles campagnes ont amené les visites en ligne ; la somme des parts est le total.",
      description: "Crédit linéaire des visites en ligne, campagne par campagne.",
    },
    "presence/acquisition": {
      meaning: "Combien d'appareils sont nouveaux : les capteurs ne les avaient pas vus depuis un an.",
      description:
        "Appareils nouveaux dans l'intervalle : aucun séjour dans les 12 mois précédant ce jour (sur aucun site de l'application ; par site ou équipement : sur celui-ci).",
    },
    "presence/areaMatching": {
      meaning: "Quelles zones du magasin sont visitées par les mêmes personnes.",
      description:
        "Pour chaque paire de zones, les appareils vus dans les deux et leur part de ceux vus dans la zone de la ligne ; les 100 zones les plus fréquentées. Par équipement, la ligne de cette zone.",
    },
    "presence/attendance": {
      meaning:
        "La fréquentation d'un magasin ou d'une zone, en appareils par jour : qui vient deux fois dans la journée compte une fois.",
      description:
        "Jours-visiteurs : triplets distincts (appareil, site ou équipement, jour local) avec au moins un séjour.",
    },
    "presence/dropouts": {
      meaning: "Combien de personnes repartent presque aussitôt.",
      description: "Séjours plus courts que le seuil d'engagement.",
    },
    "presence/entering": {
      meaning: "Combien de personnes entrent.",
      description: "Séjours qui commencent dans l'intervalle.",
    },
    "presence/leaving": {
      meaning: "Combien de personnes sortent ; le cumul des entrées moins les sorties donne le nombre de présents.",
      description: "Séjours qui finissent dans l'intervalle, à leur dernière détection.",
    },
    "presence/rangeAmplitude": {
      meaning: "Combien de temps sépare, dans la journée, la première entrée d'un appareil de sa dernière sortie.",
      description:
        "Journées d'un appareil sur un site (ou un équipement) par tranche de temps entre sa première entrée et sa dernière sortie, absences comprises.",
    },
    "presence/returning": {
      meaning: "Combien d'appareils reviennent : les capteurs les avaient déjà vus depuis un an.",
      description: "Appareils uniques qui ne sont pas nouveaux : visiteurs uniques moins nouveaux visiteurs.",
    },
    "presence/sessions": {
      meaning: "Combien de fois on est dans le magasin, ou dans une de ses zones.",
      description: "Séjours ; par équipement, ceux qui y ont un passage.",
    },
    "presence/timespent": {
      meaning: "Le temps passé en moyenne dans le magasin, ou dans une de ses zones.",
      description: "Durée moyenne des séjours ; par équipement, des passages.",
    },
    "presence/timespentPerScope": {
      meaning: "Si l'on reste peu ou longtemps.",
      description: "Séjours par tranche de durée ; par équipement, passages.",
    },
    "presence/uniqUsers": {
      meaning: "Combien d'appareils différents viennent ; celui qui vient cinq fois compte une fois.",
      description: "Appareils uniques avec au moins un séjour.",
    },
    "presence/visitOrder": {
      meaning: "Dans quel ordre on parcourt les zones du magasin.",
      description:
        "Le rang de chaque zone (de son premier passage) dans les parcours des séjours, et les passages d'une zone à l'autre ; les 100 zones les plus fréquentées. Par équipement, les éléments de cette zone et les passages qui en partent. Un filtre sur les équipements garde des séjours, et montre toutes les zones de leurs parcours.",
    },
    "performance/visits": {
      meaning: "Combien de visites il y a en tout, avec et sans campagne.",
      description: "Toutes les visites, attribuées ou non ; celles en ligne sont les visites des sites en ligne.",
    },
    "performance/visitors": {
      meaning: "Combien de personnes différentes viennent.",
      description: "Utilisateurs uniques avec au moins une visite.",
    },
    "performance/purchases": {
      meaning: "Combien d'achats il y a en tout, avec et sans campagne.",
      description: "Tous les achats, attribués ou non, avec ou sans visite ; les remboursements n'en sont pas.",
    },
    "performance/sales": {
      meaning: "Tout ce qui a été dépensé, moins ce qui a été remboursé.",
      description: "Montant de tous les achats moins celui des remboursements.",
    },
    "performance/refunds": { meaning: "Ce qui a été remboursé.", description: "Montant des remboursements." },
    "performance/averageBasket": {
      meaning: "Ce que rapporte un achat en moyenne.",
      description: "Chiffre d'affaires par achat.",
    },
    "performance/conversionRate": {
      meaning: "Combien d'achats il y a pour chaque visite ; il peut y en avoir plus d'un.",
      description: "Achats par visite.",
    },
    "performance/salesPerVisitor": {
      meaning: "Ce qu'une personne dépense en moyenne pendant la période.",
      description: "Chiffre d'affaires par utilisateur unique ayant une visite.",
    },
    "performance/salesPerVisit": {
      meaning: "Ce que rapporte une visite en moyenne.",
      description: "Chiffre d'affaires par visite.",
    },
    "performance/unattributedVisits": {
      meaning: "À combien de visites aucune campagne n'a contribué.",
      description: "Visites qui ne sont créditées à aucune campagne.",
    },
    "performance/unattributedSales": {
      meaning: "Ce qui a été dépensé sans contact avec une campagne.",
      description: "Montant des achats moins celui des remboursements, de ceux qui ne sont crédités à aucune campagne.",
    },
    "performance/attributedShare": {
      meaning: "À quelle part des visites les campagnes ont contribué.",
      description: "Part des visites créditées à des campagnes.",
    },
    "performance/newVisitorShare": {
      meaning: "La part des nouveaux parmi les visiteurs.",
      description:
        "Part des visiteurs nouveaux dans l'intervalle : aucune visite dans les 12 mois précédant ce jour (d'aucun site de l'application ; par site : de ce site).",
    },
    "performance/visitFrequency": {
      meaning: "Combien de fois un visiteur vient pendant la période.",
      description: "Visites par utilisateur unique.",
    },
    "performance/basketDistribution": {
      meaning: "Si les achats sont petits ou grands.",
      description: "Achats par tranche de montant ; les remboursements n'en sont pas.",
    },
    "performance/sharedVisitors": {
      meaning: "Quels magasins ont les mêmes visiteurs.",
      description:
        "Pour chaque paire de sites, les utilisateurs ayant une visite dans les deux et leur part des visiteurs du site de la ligne ; 100 sites au plus. Par site, la ligne de ce site.",
    },
  },
  /** Parts of formulas; names of KPIs and fields are in fr.ts. */
  phrases: {
    "by sites": "par site",
    "by equipments": "par équipement",
    "by campaigns": "par campagne",
    "number of": "nombre de",
    "number of distinct users": "nombre d'utilisateurs uniques",
    "number of distinct devices": "nombre d'appareils uniques",
    "number of visitor-days": "nombre de jours-visiteurs",
    "number of purchases": "nombre d'achats",
    "number of attributed purchases": "nombre d'achats attribués",
    "number of attributed offline purchases": "nombre d'achats en magasin attribués",
    "number of attributed online purchases": "nombre d'achats en ligne attribués",
    "number of steps from an area to the next": "nombre de passages d'une zone à la suivante",
    "number of such days": "nombre de ces jours",
    "number of stays in whose path the area is first reached at this rank":
      "nombre de séjours dont le parcours atteint la zone pour la première fois à ce rang",
    "number of stays with it": "nombre de séjours qui y passent",
    "sum of the amounts of": "somme des montants des",
    "sum of the clicks of deliveries": "somme des clics des diffusions",
    "sum of the prints of deliveries": "somme des impressions des diffusions",
    "sum of the openings of deliveries": "somme des ouvertures des diffusions",
    "sum of the dwell of": "somme des durées des",
    "sum of the days since the visitor-day before, of": "somme des jours depuis le jour-visiteur précédent, des",
    "sum of the distances between home and site, of": "somme des distances entre le domicile et le site, des",
    "sum of the distances between work and site, of": "somme des distances entre le lieu de travail et le site, des",
    "sum of the times between the credited touch and": "somme des temps entre le contact crédité et les",
    "sum of these times": "somme de ces temps",
    "sum of the rank": "somme du rang",
    "sum of the ranks of an area": "somme des rangs d'une zone",
    "sum over": "somme sur les",
    stays: "séjours",
    "indoor stays": "séjours à l'intérieur",
    "ends of stays": "fins de séjour",
    passages: "passages",
    "number of visits": "nombre de visites",
    "attributed visits": "visites attribuées",
    "attributed offline visits": "visites en magasin attribuées",
    "attributed online visits": "visites en ligne attribuées",
    "unattributed visits": "visites non attribuées",
    "sum of the amounts of purchases": "somme des montants des achats",
    "attributed purchases": "achats attribués",
    "attributed offline purchases": "achats en magasin attribués",
    "attributed online purchases": "achats en ligne attribués",
    "unattributed purchases": "achats non attribués",
    "sum of the amounts of refunds": "somme des montants des remboursements",
    "unattributed refunds": "remboursements non attribués",
    "less refunds": "moins les remboursements",
    "with stays": "avec séjours",
    "with passages": "avec passages",
    "with indoor stays": "avec séjours à l'intérieur",
    "with indoor or outdoor stays": "avec séjours à l'intérieur ou à l'extérieur",
    "with visits": "avec visites",
    "with a purchase": "avec achat",
    "of users": "des utilisateurs",
    "at the sites": "sur les sites",
    "at the points of interest": "aux points d'intérêt",
    "at the sites and points of interest of the study": "sur les sites et aux points d'intérêt de l'étude",
    "at both i and j": "à la fois en i et en j",
    "and none at any site of the application in the 12 months before that day":
      "et sans aucun, sur aucun site de l'application, dans les 12 mois précédant ce jour",
    "and none there in the 12 months before that day":
      "et sans aucun au même endroit dans les 12 mois précédant ce jour",
    "with visits and none at any site of the application in the 12 months before that day":
      "avec visites et sans aucune, sur aucun site de l'application, dans les 12 mois précédant ce jour",
    "shorter than the engagement threshold": "plus courts que le seuil d'engagement",
    "by the day of their credited touch": "par jour de leur contact crédité",
    "by the campaign of the first touch of the path": "par campagne du premier contact du parcours",
    "by the campaign of the last touch of the path": "par campagne du dernier contact du parcours",
    "whose credited touch is a click": "dont le contact crédité est un clic",
    "whose credited touch is a print": "dont le contact crédité est une impression",
    "whose credited touch is an opening": "dont le contact crédité est une ouverture",
    "touches in the path": "contacts dans le parcours",
    "all touches of the path": "tous les contacts du parcours",
    "campaigns in the path": "campagnes dans le parcours",
    "all distinct campaigns of the path": "toutes les campagnes distinctes du parcours",
    "per item": "par élément",
    pois: "points d'intérêt",
    campaigns: "campagnes",
    "per os": "par système d'exploitation",
    "per model": "par modèle",
    "per manufacturer": "par fabricant",
    "per point of interest": "par point d'intérêt",
    "per rank": "par rang",
    "per band of amount": "par tranche de montant",
    "per band of days since the visitor-day before": "par tranche de jours depuis le jour-visiteur précédent",
    "per band of distance between home and site": "par tranche de distance entre le domicile et le site",
    "per band of distance between work and site": "par tranche de distance entre le lieu de travail et le site",
    "per band of dwell": "par tranche de durée",
    "per band of time since the credited touch": "par tranche de temps écoulé depuis le contact crédité",
    "per band of visitor-days": "par tranche de jours-visiteurs",
    "per band of last end − first start of the": "par tranche de temps entre le premier début et la dernière fin des",
    "of a device at a place on a local day": "d'un appareil en un lieu pendant un jour local",
    unknown: "inconnus",
    "`unknown` counts those without": "« inconnus » compte les cas sans cette valeur",
    "`unknown` counts those without it": "« inconnus » compte les cas sans cette valeur",
    "those without that quantity are left out": "les cas sans cette valeur sont exclus",
    "median by linear interpolation within its band": "Médiane par interpolation linéaire dans sa tranche",
    "visitor-days ÷ users": "jours-visiteurs ÷ utilisateurs",
    "fixed costs, in equal parts for each day of the cost, +":
      "coûts fixes, répartis également sur les jours du coût, +",
    "cost per thousand": "coût pour mille",
    "cost per click": "coût par clic",
    "cost per opening": "coût par ouverture",
    "distinct exposed users among the users with attributed offline visits ÷ all of them":
      "utilisateurs exposés uniques ayant une visite en magasin attribuée ÷ tous les utilisateurs exposés uniques",
    "print.contacts": "Contacts (impressions)",
    "print.visits": "Visites (impressions)",
    "print.share": "Part (impressions)",
    "click.contacts": "Contacts (clics)",
    "click.visits": "Visites (clics)",
    "click.share": "Part (clics)",
    "opening.contacts": "Contacts (ouvertures)",
    "opening.visits": "Visites (ouvertures)",
    "opening.share": "Part (ouvertures)",
    "distinct users": "utilisateurs uniques",
    "who are also seen there": "également vus en ce lieu",
    "all of them": "tous ces utilisateurs",
    "the same of users": "la même part des utilisateurs",
    "users, of the exposed users and of the control group": "utilisateurs, chez les exposés et dans le groupe témoin",
    "visitors ÷": "visiteurs ÷",
    "without exposed users": "sans utilisateurs exposés",
    "a visitor has an offline visit at or after their first touch":
      "est visiteur qui a une visite en magasin au moment de son premier contact ou après",
    "exposed users": "utilisateurs exposés",
    "exposed visitors": "visiteurs exposés",
    "exposed rate": "taux des exposés",
    "control users": "utilisateurs témoins",
    "control visitors": "visiteurs témoins",
    "control rate": "taux des témoins",
    ci95: "intervalle à 95 %",
    "significant = 0 is not within ci95": "significatif = 0 n'est pas dans l'intervalle à 95 %",
    "1,000": "1 000",
    "1.96": "1,96",
  },
};
