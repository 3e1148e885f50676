SELECT document FROM "documents" WHERE "_id" IN (SELECT "_id" FROM "documents" WHERE ("application" IN (?) AND ((list_contains("# names", ?) AND list_contains("names", ?)) OR (list_contains("# names", ?) AND list_contains("names", ?))) AND contains("_search", ?) AND (NOT coalesce(("count" >= ?), false))) ORDER BY "_id" LIMIT 25 OFFSET 25) ORDER BY "_id"
-- '64f0c0c0a1b2c3d4e5f60718'
-- 1852260499459380031
-- "a'b"
-- 2696696784358602625
-- 'c"d'
-- 'eragny (95)'
-- 1
