-- SPDX-License-Identifier: Apache-2.0
-- Alerts, newest first. An empty filter is no filter. An alert that was acknowledged is a second
-- row of the same key: FINAL keeps the later one.
-- Parameters: project, rule, trace, id (beginnings), status String; score UInt8 (least);
-- since Int64 (ns); limit UInt32.
SELECT
    alert_id AS id,
    project_id AS project,
    time,
    toUnixTimestamp64Nano(security_alerts.time) AS time_unix_nano,
    trace_id, span_id,
    rule_name AS rule,
    rule_version, category, severity, score, description, field, evidence,
    conversation, service_name, agent, attributes, status
FROM security_alerts FINAL
WHERE ({project:String} = '' OR project_id = {project:String})
    AND ({rule:String} = '' OR rule_name = {rule:String})
    AND ({trace:String} = '' OR startsWith(trace_id, {trace:String}))
    AND ({id:String} = '' OR startsWith(alert_id, {id:String}))
    AND ({status:String} = '' OR security_alerts.status = {status:String})
    AND security_alerts.score >= {score:UInt8}
    AND security_alerts.time >= fromUnixTimestamp64Nano({since:Int64}, 'UTC')
ORDER BY security_alerts.time DESC, alert_id
LIMIT 1 BY project_id, alert_id -- one that was told again hours later is another row
LIMIT {limit:UInt32}
