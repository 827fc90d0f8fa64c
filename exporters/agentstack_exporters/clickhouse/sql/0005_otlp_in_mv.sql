-- OTLP requests to rows of `spans`. Values become text as the OpenTelemetry Collector's AsString
-- does it. The canonical columns are generated: python -m agentstack_processors.semconv.sql
CREATE MATERIALIZED VIEW IF NOT EXISTS otlp_in_mv TO spans AS
WITH
    (v -> multiIf(
        isNotNull(v.string_value), toJSONString(assumeNotNull(v.string_value)),
        isNotNull(v.int_value), assumeNotNull(v.int_value),
        isNotNull(v.double_value) AND position(assumeNotNull(v.double_value), 'n') > 0,
        concat('"', assumeNotNull(v.double_value), '"'),
        isNotNull(v.double_value), assumeNotNull(v.double_value),
        isNotNull(v.bool_value), assumeNotNull(v.bool_value),
        isNotNull(v.bytes_value), concat('"', base64Encode(assumeNotNull(v.bytes_value)), '"'),
        throwIf(isNotNull(v.array_value) OR isNotNull(v.kvlist_value), 'AnyValue nests too deep') = 0,
        'null', '')) AS scalar_json,
    (v -> coalesce(
        v.string_value, v.int_value, v.double_value, v.bool_value,
        if(notEmpty(v.array_value), concat(
            '[', arrayStringConcat(arrayMap(x -> scalar_json(x), arrayFlatten(v.array_value.values)), ','), ']'), NULL),
        base64Encode(v.bytes_value),
        if(throwIf(isNotNull(v.kvlist_value), 'AnyValue nests too deep') = 0, '', ''))) AS text,
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
    arrayExists(k -> k IN ('openinference.span.kind', 'traceloop.span.kind', 'llm.request.type', 'ai.operationId', 'langsmith.span.kind', 'ag2.span.type', 'gen_ai.system', 'llm.provider', 'llm.system', 'ai.model.provider', 'llm.model_name', 'llm.request.model_name', 'llm.response.model_name', 'embedding.model_name', 'ai.model.id', 'ai.response.model', 'llm.request.model', 'agent.name', 'agent_name', 'ai.telemetry.functionId', 'traceloop.entity.name', 'tool.name', 'tool_call.function.name', 'ai.toolCall.name', 'session.id', 'traceloop.association.properties.session_id', 'traceloop.association.properties.thread_id', 'traceloop.association.properties.conversation_id', 'ai.telemetry.metadata.sessionId', 'ai.telemetry.metadata.threadId', 'langsmith.metadata.thread_id', 'langsmith.metadata.session_id', 'langsmith.metadata.conversation_id', 'gcp.vertex.agent.session_id', 'langfuse.session.id', 'gen_ai.usage.prompt_tokens', 'llm.token_count.prompt', 'ai.usage.inputTokens', 'ai.usage.promptTokens', 'gen_ai.usage.completion_tokens', 'llm.token_count.completion', 'ai.usage.outputTokens', 'ai.usage.completionTokens', 'gen_ai.usage.cache_read_input_tokens', 'llm.token_count.prompt_details.cache_read', 'llm.token_count.prompt_details.cache_input', 'ai.usage.cachedInputTokens', 'ai.usage.inputTokenDetails.cacheReadTokens', 'gen_ai.usage.reasoning_tokens', 'llm.token_count.completion_details.reasoning', 'llm.usage.reasoning_tokens', 'ai.usage.reasoningTokens', 'ai.usage.outputTokenDetails.reasoningTokens'), mapKeys(attributes)) AS is_foreign,
        arrayMap(i -> (
            if((arrayFirst(t -> t != '', arrayMap(k -> attributes[k], ['gen_ai.operation.name', 'openinference.span.kind', 'traceloop.span.kind', 'llm.request.type', 'ai.operationId', 'langsmith.span.kind', 'ag2.span.type'])) AS operation_raw) != '' AND parent_span_id = '', transform(operation_raw, ['LLM', 'EMBEDDING', 'RETRIEVER', 'TOOL', 'AGENT', 'CHAIN', 'RERANKER', 'GUARDRAIL', 'EVALUATOR', 'PROMPT', 'DECISION', 'workflow', 'agent', 'task', 'tool', 'completion', 'embedding', 'llm', 'chain', 'retriever', 'parser', 'ai.generateText', 'ai.streamText', 'ai.generateObject', 'ai.streamObject', 'ai.generateText.doGenerate', 'ai.streamText.doStream', 'ai.generateObject.doGenerate', 'ai.streamObject.doStream', 'ai.toolCall', 'ai.embed', 'ai.embedMany', 'ai.embed.doEmbed', 'ai.embedMany.doEmbed'], ['chat', 'embeddings', 'retrieval', 'execute_tool', 'invoke_agent', 'invoke_workflow', 'rerank', 'guardrail', 'evaluate', 'prompt', 'decision', 'invoke_workflow', 'invoke_agent', 'step', 'execute_tool', 'text_completion', 'embeddings', 'chat', 'invoke_workflow', 'retrieval', 'step', 'invoke_agent', 'invoke_agent', 'invoke_agent', 'invoke_agent', 'chat', 'chat', 'chat', 'chat', 'execute_tool', 'step', 'step', 'embeddings', 'embeddings']), transform(operation_raw, ['LLM', 'EMBEDDING', 'RETRIEVER', 'TOOL', 'AGENT', 'CHAIN', 'RERANKER', 'GUARDRAIL', 'EVALUATOR', 'PROMPT', 'DECISION', 'workflow', 'agent', 'task', 'tool', 'completion', 'embedding', 'llm', 'chain', 'retriever', 'parser', 'ai.generateText', 'ai.streamText', 'ai.generateObject', 'ai.streamObject', 'ai.generateText.doGenerate', 'ai.streamText.doStream', 'ai.generateObject.doGenerate', 'ai.streamObject.doStream', 'ai.toolCall', 'ai.embed', 'ai.embedMany', 'ai.embed.doEmbed', 'ai.embedMany.doEmbed'], ['chat', 'embeddings', 'retrieval', 'execute_tool', 'invoke_agent', 'step', 'rerank', 'guardrail', 'evaluate', 'prompt', 'decision', 'invoke_workflow', 'invoke_agent', 'step', 'execute_tool', 'text_completion', 'embeddings', 'chat', 'step', 'retrieval', 'step', 'invoke_agent', 'invoke_agent', 'invoke_agent', 'invoke_agent', 'chat', 'chat', 'chat', 'chat', 'execute_tool', 'step', 'step', 'embeddings', 'embeddings'])),
            transform(arrayFirst(t -> t NOT IN ('', 'langchain', 'Langchain', 'langgraph', 'crewai', 'autogen'), arrayConcat(arrayMap(k -> attributes[k], ['gen_ai.provider.name', 'gen_ai.system', 'llm.provider', 'llm.system']), [substringIndex(attributes['ai.model.provider'], '.', 1)])), ['OpenAI', 'Anthropic', 'Cohere', 'Groq', 'AWS', 'aws', 'bedrock', 'amazon-bedrock', 'azure', 'Azure', 'az.ai.openai', 'az.ai.inference', 'google', 'Google', 'gemini', 'vertexai', 'vertex_ai', 'VertexAI', 'xai', 'mistral', 'mistralai', 'MistralAI'], ['openai', 'anthropic', 'cohere', 'groq', 'aws.bedrock', 'aws.bedrock', 'aws.bedrock', 'aws.bedrock', 'azure.ai.openai', 'azure.ai.openai', 'azure.ai.openai', 'azure.ai.inference', 'gcp.gen_ai', 'gcp.gen_ai', 'gcp.gemini', 'gcp.vertex_ai', 'gcp.vertex_ai', 'gcp.vertex_ai', 'x_ai', 'mistral_ai', 'mistral_ai', 'mistral_ai']),
            arrayFirst(t -> t NOT IN ('', 'unknown'), arrayMap(k -> attributes[k], ['gen_ai.request.model', 'gen_ai.response.model', 'llm.model_name', 'llm.request.model_name', 'llm.response.model_name', 'embedding.model_name', 'ai.model.id', 'ai.response.model', 'llm.request.model'])),
            arrayFirst(t -> t != '', arrayConcat(arrayMap(k -> attributes[k], ['gen_ai.agent.name', 'agent.name', 'agent_name', 'ai.telemetry.functionId']), [if(attributes['traceloop.span.kind'] = 'agent', attributes['traceloop.entity.name'], '')])),
            arrayFirst(t -> t != '', arrayConcat(arrayMap(k -> attributes[k], ['gen_ai.tool.name', 'tool.name', 'tool_call.function.name', 'ai.toolCall.name']), [if(attributes['traceloop.span.kind'] = 'tool', attributes['traceloop.entity.name'], '')])),
            arrayFirst(t -> t != '', arrayMap(k -> attributes[k], ['gen_ai.conversation.id', 'session.id', 'traceloop.association.properties.session_id', 'traceloop.association.properties.thread_id', 'traceloop.association.properties.conversation_id', 'ai.telemetry.metadata.sessionId', 'ai.telemetry.metadata.threadId', 'langsmith.metadata.thread_id', 'langsmith.metadata.session_id', 'langsmith.metadata.conversation_id', 'gcp.vertex.agent.session_id', 'langfuse.session.id'])),
            toUInt64OrZero(arrayFirst(t -> t != '', arrayMap(k -> attributes[k], ['gen_ai.usage.input_tokens', 'gen_ai.usage.prompt_tokens', 'llm.token_count.prompt', 'ai.usage.inputTokens', 'ai.usage.promptTokens']))),
            toUInt64OrZero(arrayFirst(t -> t != '', arrayMap(k -> attributes[k], ['gen_ai.usage.output_tokens', 'gen_ai.usage.completion_tokens', 'llm.token_count.completion', 'ai.usage.outputTokens', 'ai.usage.completionTokens']))),
            toUInt64OrZero(arrayFirst(t -> t != '', arrayMap(k -> attributes[k], ['gen_ai.usage.cache_read.input_tokens', 'gen_ai.usage.cache_read_input_tokens', 'llm.token_count.prompt_details.cache_read', 'llm.token_count.prompt_details.cache_input', 'ai.usage.cachedInputTokens', 'ai.usage.inputTokenDetails.cacheReadTokens']))),
            toUInt64OrZero(arrayFirst(t -> t != '', arrayMap(k -> attributes[k], ['gen_ai.usage.reasoning.output_tokens', 'gen_ai.usage.reasoning_tokens', 'llm.token_count.completion_details.reasoning', 'llm.usage.reasoning_tokens', 'ai.usage.reasoningTokens', 'ai.usage.outputTokenDetails.reasoningTokens'])))), range(is_foreign)) AS foreign_columns,
        if(is_foreign, foreign_columns[1].1, attributes['gen_ai.operation.name']) AS operation,
        if(is_foreign, foreign_columns[1].2, attributes['gen_ai.provider.name']) AS provider,
        if(is_foreign, foreign_columns[1].3, if(attributes['gen_ai.request.model'] != '', attributes['gen_ai.request.model'], attributes['gen_ai.response.model'])) AS model,
        if(is_foreign, foreign_columns[1].4, attributes['gen_ai.agent.name']) AS agent,
        if(is_foreign, foreign_columns[1].5, attributes['gen_ai.tool.name']) AS tool,
        if(is_foreign, foreign_columns[1].6, attributes['gen_ai.conversation.id']) AS conversation,
        if(is_foreign, foreign_columns[1].7, toUInt64OrZero(attributes['gen_ai.usage.input_tokens'])) AS input_tokens,
        if(is_foreign, foreign_columns[1].8, toUInt64OrZero(attributes['gen_ai.usage.output_tokens'])) AS output_tokens,
        if(is_foreign, foreign_columns[1].9, toUInt64OrZero(attributes['gen_ai.usage.cache_read.input_tokens'])) AS cached_tokens,
        if(is_foreign, foreign_columns[1].10, toUInt64OrZero(attributes['gen_ai.usage.reasoning.output_tokens'])) AS reasoning_tokens
    FROM
    (
        SELECT
            project AS project_id,
            lower(hex(s.trace_id)) AS trace_id,
            lower(hex(s.span_id)) AS span_id,
            if(s.parent_span_id = repeat('\0', length(s.parent_span_id)), '', lower(hex(s.parent_span_id))) AS parent_span_id,
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
