-- SPDX-License-Identifier: Apache-2.0
-- Budgets as they are now. Parameters: project String (empty for all).
SELECT
    name, project_id, scope, amount, period, thresholds,
    toUnixTimestamp64Milli(created_at) AS created_ms
FROM budgets FINAL
WHERE NOT removed AND ({project:String} = '' OR project_id = {project:String})
ORDER BY project_id, name
