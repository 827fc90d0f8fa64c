// SPDX-License-Identifier: Apache-2.0
package com.example.agentstack.interop;

import io.opentelemetry.sdk.autoconfigure.spi.AutoConfigurationCustomizer;
import io.opentelemetry.sdk.autoconfigure.spi.AutoConfigurationCustomizerProvider;
import io.opentelemetry.sdk.trace.IdGenerator;
import java.util.concurrent.atomic.AtomicLong;

/** Agent extension: the trace id of INTEROP_TRACE_ID, span ids counting up from a100000000000001. */
public final class FixedIds implements AutoConfigurationCustomizerProvider {
  @Override
  public void customize(AutoConfigurationCustomizer customizer) {
    customizer.addTracerProviderCustomizer(
        (builder, config) -> builder.setIdGenerator(new Counting()));
  }

  private static final class Counting implements IdGenerator {
    private final AtomicLong next = new AtomicLong(0xa100000000000001L);

    @Override
    public String generateSpanId() {
      return String.format("%016x", next.getAndIncrement());
    }

    @Override
    public String generateTraceId() {
      return System.getenv("INTEROP_TRACE_ID");
    }
  }
}
