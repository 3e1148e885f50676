SELECT CASE WHEN "dwell_s" IS NULL THEN -1 ELSE ("dwell_s" >= 60)::BIGINT + ("dwell_s" >= 3600)::BIGINT END AS "band", "each campaign" AS "campaign", "each count" AS "count", coalesce(sum("dwell_s"), 0) AS "s", coalesce(sum("dwell_s"::HUGEINT * "weight"), 0) AS "w", count(*)::BIGINT AS "n", min("dwell_s") AS "l", max("weight") AS "h" FROM (SELECT *, unnest(list_distinct("counts")) AS "each count" FROM (SELECT *, unnest(list_distinct("campaigns")) AS "each campaign" FROM "stays" WHERE application = ? AND ((NOT coalesce(("place" IS NULL), false)) OR (list_contains("campaigns", ?) OR list_contains("campaigns", ?))))) GROUP BY 1, 2, 3
-- '64f0c0c0a1b2c3d4e5f60718'
-- 'c1'
-- 'c2'
