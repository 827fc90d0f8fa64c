-- SPDX-License-Identifier: Apache-2.0
-- Re-pricings that were begun, newest first. Parameters: project String (exactly this one).
SELECT
    generation, project_id, price_version, published,
    toUnixTimestamp64Nano(since) AS since_ns,
    toUnixTimestamp64Nano(until) AS until_ns
FROM cost_generations FINAL
WHERE project_id = {project:String}
ORDER BY generation DESC
LIMIT 1000
