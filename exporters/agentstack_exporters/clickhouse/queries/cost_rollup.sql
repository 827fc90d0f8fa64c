-- SPDX-License-Identifier: Apache-2.0
-- What was spent, by up to two dimensions. Sums are NULL where nothing could be priced, never 0.
-- Parameters: those of cost_rows; by1, by2 (a dimension or ''), model, agent, conversation, user,
-- service, provider, operation String (empty for all); unit (order by `cost` or `time`); limit UInt32.
SELECT
    multiIf(
        {by1:String} = 'model', toString(model),
        {by1:String} = 'agent', toString(agent),
        {by1:String} = 'project', toString(project_id),
        {by1:String} = 'conversation', conversation,
        {by1:String} = 'user', user_id,
        {by1:String} = 'service', toString(service_name),
        {by1:String} = 'provider', toString(provider),
        {by1:String} = 'operation', toString(operation),
        {by1:String} = 'trace', trace_id,
        {by1:String} = 'status', toString(cost_status),
        {by1:String} = 'hour', formatDateTime(time, '%Y-%m-%dT%H:00Z', 'UTC'),
        {by1:String} = 'day', formatDateTime(time, '%Y-%m-%d', 'UTC'),
        {by1:String} = 'week', toString(toMonday(time, 'UTC')),
        {by1:String} = 'month', formatDateTime(time, '%Y-%m', 'UTC'),
        ''
    ) AS key1,
    multiIf(
        {by2:String} = 'model', toString(model),
        {by2:String} = 'agent', toString(agent),
        {by2:String} = 'project', toString(project_id),
        {by2:String} = 'conversation', conversation,
        {by2:String} = 'user', user_id,
        {by2:String} = 'service', toString(service_name),
        {by2:String} = 'provider', toString(provider),
        {by2:String} = 'operation', toString(operation),
        {by2:String} = 'trace', trace_id,
        {by2:String} = 'status', toString(cost_status),
        {by2:String} = 'hour', formatDateTime(time, '%Y-%m-%dT%H:00Z', 'UTC'),
        {by2:String} = 'day', formatDateTime(time, '%Y-%m-%d', 'UTC'),
        {by2:String} = 'week', toString(toMonday(time, 'UTC')),
        {by2:String} = 'month', formatDateTime(time, '%Y-%m', 'UTC'),
        ''
    ) AS key2,
    count() AS calls,
    countIf(total_cost IS NULL) AS unpriced,
    countIf(estimated AND total_cost IS NOT NULL) AS estimates,
    arraySort(groupUniqArrayIf(toString(cost_status), total_cost IS NULL)) AS reasons,
    sum(prompt_tokens) AS input_tokens,
    sum(completion_tokens) AS output_tokens,
    sum(cached_tokens) AS cached,
    sum(cache_write_tokens) AS cache_written,
    sum(reasoning_tokens) AS reasoning,
    sum(prompt_cost) AS input_cost,
    sum(completion_cost) AS output_cost,
    sum(cached_cost) AS cache_read_cost,
    sum(cache_write_cost) AS cache_written_cost,
    sum(total_cost) AS cost
FROM cost_rows
WHERE ({model:String} = '' OR model = {model:String})
    AND ({agent:String} = '' OR agent = {agent:String})
    AND ({conversation:String} = '' OR conversation = {conversation:String})
    AND ({user:String} = '' OR user_id = {user:String})
    AND ({service:String} = '' OR service_name = {service:String})
    AND ({provider:String} = '' OR provider = {provider:String})
    AND ({operation:String} = '' OR operation = {operation:String})
GROUP BY key1, key2
ORDER BY
    if({unit:String} = 'time', key1, '') ASC,
    ifNull(cost, toDecimal128(-1, 24)) DESC,
    input_tokens + output_tokens DESC,
    key1 ASC,
    key2 ASC
LIMIT {limit:UInt32}
