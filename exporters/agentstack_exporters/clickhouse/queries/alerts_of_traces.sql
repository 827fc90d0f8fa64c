-- SPDX-License-Identifier: Apache-2.0
-- What was found in a few traces and is not acknowledged, worst first.
-- Parameters: project String; ids Array(String); limit UInt32.
SELECT trace_id, span_id, alert_id AS id, rule_name AS rule, severity, score, description
FROM security_alerts FINAL
WHERE ({project:String} = '' OR project_id = {project:String})
    AND trace_id IN ({ids:Array(String)})
    AND security_alerts.status = 'OPEN'
ORDER BY score DESC, time, alert_id
LIMIT {limit:UInt32}
