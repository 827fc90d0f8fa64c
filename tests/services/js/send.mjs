// SPDX-License-Identifier: Apache-2.0
//
// Sends the shared trace with one of the stock JavaScript exporters:
// node send.mjs http-json|http-proto|grpc TRACE_JSON URL TRACE_ID BASE_SECONDS [gzip]
//
// Run from the folder that holds node_modules (ESM resolves packages beside the file).
import { readFileSync } from 'node:fs';
import { ROOT_CONTEXT, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import { defaultResource, resourceFromAttributes } from '@opentelemetry/resources';
import { BasicTracerProvider, BatchSpanProcessor } from '@opentelemetry/sdk-trace-base';

const packages = {
  'http-json': '@opentelemetry/exporter-trace-otlp-http',
  'http-proto': '@opentelemetry/exporter-trace-otlp-proto',
  grpc: '@opentelemetry/exporter-trace-otlp-grpc',
};
const [protocol, file, url, traceId, baseSeconds, compression] = process.argv.slice(2);
const shared = JSON.parse(readFileSync(file, 'utf8'));
const { OTLPTraceExporter } = await import(packages[protocol]);

// [seconds, nanoseconds], never through a float.
const at = (text) => {
  const [seconds, nanoseconds] = text.split('.').map(Number);
  return [Number(baseSeconds) + seconds, nanoseconds];
};
const attributes = (fields) => Object.fromEntries(fields.map(({ key, value }) => [key, value]));

const ids = shared.spans.map(({ id }) => id);
const provider = new BasicTracerProvider({
  resource: defaultResource().merge(resourceFromAttributes(shared.resource)),
  idGenerator: { generateTraceId: () => traceId, generateSpanId: () => ids.shift() },
  spanProcessors: [new BatchSpanProcessor(new OTLPTraceExporter({ url, compression }))],
});
const tracer = provider.getTracer(shared.scope.name, shared.scope.version);

const contexts = { '': ROOT_CONTEXT };
const spans = shared.spans.map((one) => {
  const span = tracer.startSpan(
    one.name,
    {
      kind: SpanKind[one.kind],
      startTime: at(one.start),
      attributes: attributes(one.attributes),
      links: one.links.map((link) => ({
        context: { traceId: link.trace_id, spanId: link.span_id, traceFlags: 1 },
        attributes: attributes(link.attributes),
      })),
    },
    contexts[one.parent],
  );
  contexts[one.id] = trace.setSpan(contexts[one.parent], span);
  for (const event of one.events) {
    span.addEvent(event.name, attributes(event.attributes), at(event.time));
  }
  if (one.status.code !== 'UNSET') {
    span.setStatus({ code: SpanStatusCode[one.status.code], message: one.status.message || undefined });
  }
  return span;
});
spans.reverse().forEach((span, index) => span.end(at(shared.spans[spans.length - 1 - index].end)));
await provider.shutdown();
