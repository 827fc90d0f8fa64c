-- OTLP requests to rows of `spans`. Values become text as the OpenTelemetry Collector's AsString
-- does it. The canonical columns are generated: python -m agentstack_processors.semconv.sql
CREATE MATERIALIZED VIEW IF NOT EXISTS otlp_in_mv TO spans AS
WITH
    (v -> multiIf(
        isNotNull(v.string_value), toJSONString(assumeNotNull(v.string_value)),
        isNotNull(v.int_value), toString(assumeNotNull(v.int_value)),
        isNotNull(v.double_value), if(
            isFinite(assumeNotNull(v.double_value)),
            toString(assumeNotNull(v.double_value)),
            concat('"', toString(assumeNotNull(v.double_value)), '"')),
        isNotNull(v.bool_value), toString(assumeNotNull(v.bool_value)),
        isNotNull(v.bytes_value), concat('"', base64Encode(assumeNotNull(v.bytes_value)), '"'),
        throwIf(isNotNull(v.array_value) OR isNotNull(v.kvlist_value), 'AnyValue nests too deep') = 0,
        'null', '')) AS scalar_json,
    (v -> multiIf(
        isNotNull(v.string_value), assumeNotNull(v.string_value),
        isNotNull(v.int_value), toString(assumeNotNull(v.int_value)),
        isNotNull(v.double_value), toString(assumeNotNull(v.double_value)),
        isNotNull(v.bool_value), toString(assumeNotNull(v.bool_value)),
        notEmpty(v.array_value), concat(
            '[', arrayStringConcat(arrayMap(x -> scalar_json(x), arrayFlatten(v.array_value.values)), ','), ']'),
        isNotNull(v.bytes_value), base64Encode(assumeNotNull(v.bytes_value)),
        throwIf(isNotNull(v.kvlist_value), 'AnyValue nests too deep') = 0,
        '', '')) AS text,
    (kvs -> mapFromArrays(kvs.key, arrayMap(v -> text(v), kvs.value))) AS to_map,
    (ns -> fromUnixTimestamp64Nano(toInt64(least(ns, 9223372036854775807)), 'UTC')) AS to_time,
    (ns -> fromUnixTimestamp64Milli(toInt64(intDiv(ns, 1000000)), 'UTC')) AS to_millis
SELECT
    project_id, trace_id, span_id, parent_span_id, trace_state, flags, name, kind, service_name,
    status, status_message, start_time, end_time, duration_ms, attributes, resource_attributes,
    scope_name, scope_version, scope_attributes, events, links,
    dropped_attributes, dropped_events, dropped_links,
    operation, provider, model, agent, tool, conversation,
    input_tokens, output_tokens, cached_tokens, reasoning_tokens, ingested_at
FROM
(
    SELECT
        *,
    (attributes['gen_ai.operation.name'] = '' OR hasAny(mapKeys(attributes), ['openinference.span.kind', 'traceloop.span.kind', 'ai.operationId', 'langsmith.span.kind'])) AS is_foreign,
    transform(if(parent_span_id = '' AND (if(is_foreign, if(attributes['gen_ai.operation.name'] != '', attributes['gen_ai.operation.name'], if(attributes['openinference.span.kind'] != '', attributes['openinference.span.kind'], if(attributes['traceloop.span.kind'] != '', attributes['traceloop.span.kind'], if(attributes['llm.request.type'] != '', attributes['llm.request.type'], if(attributes['ai.operationId'] != '', attributes['ai.operationId'], if(attributes['langsmith.span.kind'] != '', attributes['langsmith.span.kind'], attributes['ag2.span.type'])))))), attributes['gen_ai.operation.name']) AS operation_text) != '', transform(operation_text, ['CHAIN', 'chain'], ['invoke_workflow', 'invoke_workflow']), operation_text), ['LLM', 'EMBEDDING', 'RETRIEVER', 'TOOL', 'AGENT', 'CHAIN', 'RERANKER', 'GUARDRAIL', 'EVALUATOR', 'PROMPT', 'DECISION', 'workflow', 'agent', 'task', 'tool', 'completion', 'embedding', 'llm', 'chain', 'retriever', 'parser', 'ai.generateText', 'ai.streamText', 'ai.generateObject', 'ai.streamObject', 'ai.generateText.doGenerate', 'ai.streamText.doStream', 'ai.generateObject.doGenerate', 'ai.streamObject.doStream', 'ai.toolCall', 'ai.embed', 'ai.embedMany', 'ai.embed.doEmbed', 'ai.embedMany.doEmbed'], ['chat', 'embeddings', 'retrieval', 'execute_tool', 'invoke_agent', 'step', 'rerank', 'guardrail', 'evaluate', 'prompt', 'decision', 'invoke_workflow', 'invoke_agent', 'step', 'execute_tool', 'text_completion', 'embeddings', 'chat', 'step', 'retrieval', 'step', 'invoke_agent', 'invoke_agent', 'invoke_agent', 'invoke_agent', 'chat', 'chat', 'chat', 'chat', 'execute_tool', 'step', 'step', 'embeddings', 'embeddings']) AS operation,
    transform(if(is_foreign, if(attributes['gen_ai.provider.name'] != '', attributes['gen_ai.provider.name'], if(attributes['gen_ai.system'] != '', attributes['gen_ai.system'], if(attributes['llm.provider'] != '', attributes['llm.provider'], if(attributes['llm.system'] != '', attributes['llm.system'], substringIndex(attributes['ai.model.provider'], '.', 1))))), if(attributes['gen_ai.provider.name'] != '', attributes['gen_ai.provider.name'], attributes['gen_ai.system'])), ['OpenAI', 'Anthropic', 'Cohere', 'Groq', 'AWS', 'aws', 'bedrock', 'amazon-bedrock', 'azure', 'Azure', 'az.ai.openai', 'az.ai.inference', 'google', 'Google', 'gemini', 'vertexai', 'vertex_ai', 'VertexAI', 'xai', 'mistral', 'mistralai', 'MistralAI', 'langchain', 'Langchain', 'langgraph', 'crewai', 'autogen'], ['openai', 'anthropic', 'cohere', 'groq', 'aws.bedrock', 'aws.bedrock', 'aws.bedrock', 'aws.bedrock', 'azure.ai.openai', 'azure.ai.openai', 'azure.ai.openai', 'azure.ai.inference', 'gcp.gen_ai', 'gcp.gen_ai', 'gcp.gemini', 'gcp.vertex_ai', 'gcp.vertex_ai', 'gcp.vertex_ai', 'x_ai', 'mistral_ai', 'mistral_ai', 'mistral_ai', '', '', '', '', '']) AS provider,
    transform(if(is_foreign, if(attributes['gen_ai.request.model'] != '', attributes['gen_ai.request.model'], if(attributes['gen_ai.response.model'] != '', attributes['gen_ai.response.model'], if(attributes['llm.model_name'] != '', attributes['llm.model_name'], if(attributes['llm.request.model_name'] != '', attributes['llm.request.model_name'], if(attributes['llm.response.model_name'] != '', attributes['llm.response.model_name'], if(attributes['embedding.model_name'] != '', attributes['embedding.model_name'], if(attributes['ai.model.id'] != '', attributes['ai.model.id'], if(attributes['ai.response.model'] != '', attributes['ai.response.model'], attributes['llm.request.model'])))))))), if(attributes['gen_ai.request.model'] != '', attributes['gen_ai.request.model'], attributes['gen_ai.response.model'])), ['unknown'], ['']) AS model,
    if(is_foreign, if(attributes['gen_ai.agent.name'] != '', attributes['gen_ai.agent.name'], if(attributes['agent.name'] != '', attributes['agent.name'], if(attributes['agent_name'] != '', attributes['agent_name'], if(attributes['ai.telemetry.functionId'] != '', attributes['ai.telemetry.functionId'], if(attributes['traceloop.span.kind'] = 'agent', attributes['traceloop.entity.name'], ''))))), attributes['gen_ai.agent.name']) AS agent,
    if(is_foreign, if(attributes['gen_ai.tool.name'] != '', attributes['gen_ai.tool.name'], if(attributes['tool.name'] != '', attributes['tool.name'], if(attributes['tool_call.function.name'] != '', attributes['tool_call.function.name'], if(attributes['ai.toolCall.name'] != '', attributes['ai.toolCall.name'], if(attributes['traceloop.span.kind'] = 'tool', attributes['traceloop.entity.name'], ''))))), attributes['gen_ai.tool.name']) AS tool,
    if(is_foreign, if(attributes['gen_ai.conversation.id'] != '', attributes['gen_ai.conversation.id'], if(attributes['session.id'] != '', attributes['session.id'], if(attributes['traceloop.association.properties.session_id'] != '', attributes['traceloop.association.properties.session_id'], if(attributes['traceloop.association.properties.thread_id'] != '', attributes['traceloop.association.properties.thread_id'], if(attributes['traceloop.association.properties.conversation_id'] != '', attributes['traceloop.association.properties.conversation_id'], if(attributes['ai.telemetry.metadata.sessionId'] != '', attributes['ai.telemetry.metadata.sessionId'], if(attributes['ai.telemetry.metadata.threadId'] != '', attributes['ai.telemetry.metadata.threadId'], if(attributes['langsmith.metadata.thread_id'] != '', attributes['langsmith.metadata.thread_id'], if(attributes['langsmith.metadata.session_id'] != '', attributes['langsmith.metadata.session_id'], if(attributes['langsmith.metadata.conversation_id'] != '', attributes['langsmith.metadata.conversation_id'], if(attributes['gcp.vertex.agent.session_id'] != '', attributes['gcp.vertex.agent.session_id'], attributes['langfuse.session.id']))))))))))), if(attributes['gen_ai.conversation.id'] != '', attributes['gen_ai.conversation.id'], attributes['session.id'])) AS conversation,
    if(length(if(is_foreign, if(attributes['gen_ai.usage.input_tokens'] != '', attributes['gen_ai.usage.input_tokens'], if(attributes['gen_ai.usage.prompt_tokens'] != '', attributes['gen_ai.usage.prompt_tokens'], if(attributes['llm.token_count.prompt'] != '', attributes['llm.token_count.prompt'], if(attributes['ai.usage.inputTokens'] != '', attributes['ai.usage.inputTokens'], attributes['ai.usage.promptTokens'])))), if(attributes['gen_ai.usage.input_tokens'] != '', attributes['gen_ai.usage.input_tokens'], attributes['gen_ai.usage.prompt_tokens'])) AS input_tokens_text) < 19, toUInt64OrZero(input_tokens_text), 0) AS input_tokens,
    if(length(if(is_foreign, if(attributes['gen_ai.usage.output_tokens'] != '', attributes['gen_ai.usage.output_tokens'], if(attributes['gen_ai.usage.completion_tokens'] != '', attributes['gen_ai.usage.completion_tokens'], if(attributes['llm.token_count.completion'] != '', attributes['llm.token_count.completion'], if(attributes['ai.usage.outputTokens'] != '', attributes['ai.usage.outputTokens'], attributes['ai.usage.completionTokens'])))), if(attributes['gen_ai.usage.output_tokens'] != '', attributes['gen_ai.usage.output_tokens'], attributes['gen_ai.usage.completion_tokens'])) AS output_tokens_text) < 19, toUInt64OrZero(output_tokens_text), 0) AS output_tokens,
    if(length(if(is_foreign, if(attributes['gen_ai.usage.cache_read.input_tokens'] != '', attributes['gen_ai.usage.cache_read.input_tokens'], if(attributes['gen_ai.usage.cache_read_input_tokens'] != '', attributes['gen_ai.usage.cache_read_input_tokens'], if(attributes['llm.token_count.prompt_details.cache_read'] != '', attributes['llm.token_count.prompt_details.cache_read'], if(attributes['llm.token_count.prompt_details.cache_input'] != '', attributes['llm.token_count.prompt_details.cache_input'], if(attributes['ai.usage.cachedInputTokens'] != '', attributes['ai.usage.cachedInputTokens'], attributes['ai.usage.inputTokenDetails.cacheReadTokens']))))), if(attributes['gen_ai.usage.cache_read.input_tokens'] != '', attributes['gen_ai.usage.cache_read.input_tokens'], attributes['gen_ai.usage.cache_read_input_tokens'])) AS cached_tokens_text) < 19, toUInt64OrZero(cached_tokens_text), 0) AS cached_tokens,
    if(length(if(is_foreign, if(attributes['gen_ai.usage.reasoning.output_tokens'] != '', attributes['gen_ai.usage.reasoning.output_tokens'], if(attributes['gen_ai.usage.reasoning_tokens'] != '', attributes['gen_ai.usage.reasoning_tokens'], if(attributes['llm.token_count.completion_details.reasoning'] != '', attributes['llm.token_count.completion_details.reasoning'], if(attributes['llm.usage.reasoning_tokens'] != '', attributes['llm.usage.reasoning_tokens'], if(attributes['ai.usage.reasoningTokens'] != '', attributes['ai.usage.reasoningTokens'], attributes['ai.usage.outputTokenDetails.reasoningTokens']))))), if(attributes['gen_ai.usage.reasoning.output_tokens'] != '', attributes['gen_ai.usage.reasoning.output_tokens'], attributes['gen_ai.usage.reasoning_tokens'])) AS reasoning_tokens_text) < 19, toUInt64OrZero(reasoning_tokens_text), 0) AS reasoning_tokens
    FROM
    (
        SELECT
            project AS project_id,
            lower(hex(s.trace_id)) AS trace_id,
            lower(hex(s.span_id)) AS span_id,
            lower(hex(s.parent_span_id)) AS parent_span_id,
            s.trace_state AS trace_state,
            s.flags AS flags,
            s.name AS name,
            transform(s.kind, [1, 2, 3, 4, 5], ['INTERNAL', 'SERVER', 'CLIENT', 'PRODUCER', 'CONSUMER'], 'UNSPECIFIED') AS kind,
            service_name,
            transform(s.status.code, [1, 2], ['OK', 'ERROR'], 'UNSET') AS status,
            s.status.message AS status_message,
            to_time(s.start_time_unix_nano) AS start_time,
            to_time(s.end_time_unix_nano) AS end_time,
            if(s.end_time_unix_nano > s.start_time_unix_nano,
                (s.end_time_unix_nano - s.start_time_unix_nano) / 1e6, 0) AS duration_ms,
            to_map(s.attributes) AS attributes,
            resource_attributes,
            scope_name,
            scope_version,
            scope_attributes,
            arrayMap(e -> (to_time(e.time_unix_nano), e.name, to_map(e.attributes)), s.events) AS events,
            arrayMap(l -> (lower(hex(l.trace_id)), lower(hex(l.span_id)), l.trace_state, to_map(l.attributes)), s.links) AS links,
            s.dropped_attributes_count AS dropped_attributes,
            s.dropped_events_count AS dropped_events,
            s.dropped_links_count AS dropped_links,
            to_millis(received_at) AS ingested_at
        FROM
        (
            SELECT
                project,
                received_at,
                resource_attributes,
                resource_attributes['service.name'] AS service_name,
                ss.scope.name AS scope_name,
                ss.scope.version AS scope_version,
                to_map(ss.scope.attributes) AS scope_attributes,
                arrayJoin(ss.spans) AS s
            FROM
            (
                SELECT
                    project,
                    received_at,
                    to_map(rs.resource.attributes) AS resource_attributes,
                    arrayJoin(rs.scope_spans) AS ss
                FROM (SELECT project, received_at, arrayJoin(resource_spans) AS rs FROM otlp_in)
            )
        )
    )
)
