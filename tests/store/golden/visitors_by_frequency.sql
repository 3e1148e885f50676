SELECT CASE WHEN "visits" IS NULL THEN -1 ELSE ("visits" >= 2)::BIGINT + ("visits" >= 5)::BIGINT END AS "frequency", count(*)::BIGINT AS "users", coalesce(sum("visits"), 0) AS "visits" FROM (SELECT "weight" AS "weight", "place" AS "place", count(*)::BIGINT AS "visits" FROM "stays" WHERE application = ? AND ("part" >= ? AND "part" <= ?) GROUP BY 1, 2) WHERE ("visits" >= ?) GROUP BY 1
-- '64f0c0c0a1b2c3d4e5f60718'
-- 20454
-- 20818
-- 2
