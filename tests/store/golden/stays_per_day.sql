SELECT "day" AS "day", coalesce(sum("stays"), 0) AS "stays" FROM "geo_stays_place_day" WHERE application = ? AND (("part" >= ? AND "part" <= ?) AND "zone" IN (?)) GROUP BY 1
-- '64f0c0c0a1b2c3d4e5f60718'
-- 20454
-- 20818
-- 'indoor'
