// Every thread imports this before its handler: see `threadImports` in ./pool.mjs. The same file may serve the program itself
// (node --import ./instrumentation.mjs …), which has spans of its own.
import process from 'node:process'
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http'
import { resourceFromAttributes } from '@opentelemetry/resources'
import { BatchSpanProcessor, NodeTracerProvider } from '@opentelemetry/sdk-trace-node'

const provider = new NodeTracerProvider({
  resource: resourceFromAttributes({ 'service.name': process.env.OTEL_SERVICE_NAME ?? 'orders' }),
  // Where OTEL_EXPORTER_OTLP_ENDPOINT says: http://localhost:4318 is what collectors listen at.
  spanProcessors: [new BatchSpanProcessor(new OTLPTraceExporter())],
})

// Spans are found by whoever asks @opentelemetry/api, contexts follow promises, and traceparent is read from headers. A thread that
// ends has what is still to be sent flushed by the pool.
provider.register()
