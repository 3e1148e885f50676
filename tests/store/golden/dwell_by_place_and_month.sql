SELECT "place" AS "place", "month" AS "month", coalesce(sum("stays"), 0) AS "stays", coalesce(sum("dwell"), 0) AS "dwell" FROM "geo_stays_place_day" WHERE application = ? AND (("part" >= ? AND "part" <= ?) AND "place" IN (?, ?)) GROUP BY 1, 2
-- '64f0c0c0a1b2c3d4e5f60718'
-- 20454
-- 20818
-- 'a'
-- 'b'
