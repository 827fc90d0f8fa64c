// SPDX-License-Identifier: Apache-2.0
import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import io.opentelemetry.api.GlobalOpenTelemetry;
import io.opentelemetry.api.common.AttributeKey;
import io.opentelemetry.api.common.Attributes;
import io.opentelemetry.api.common.AttributesBuilder;
import io.opentelemetry.api.trace.Span;
import io.opentelemetry.api.trace.SpanBuilder;
import io.opentelemetry.api.trace.SpanContext;
import io.opentelemetry.api.trace.SpanKind;
import io.opentelemetry.api.trace.StatusCode;
import io.opentelemetry.api.trace.TraceFlags;
import io.opentelemetry.api.trace.TraceState;
import io.opentelemetry.api.trace.Tracer;
import io.opentelemetry.context.Context;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;

/** Makes the shared trace through the API; the Java agent records and sends it. Send TRACE_JSON BASE_SECONDS */
public final class Send {
  private static Instant at(long base, JsonElement text) {
    String[] parts = text.getAsString().split("\\.");
    return Instant.ofEpochSecond(base + Long.parseLong(parts[0]), Long.parseLong(parts[1]));
  }

  private static <T> List<T> list(JsonElement value, Function<JsonElement, T> convert) {
    List<T> out = new ArrayList<>();
    value.getAsJsonArray().forEach(item -> out.add(convert.apply(item)));
    return out;
  }

  private static Attributes attributes(JsonArray fields) {
    AttributesBuilder out = Attributes.builder();
    for (JsonElement element : fields) {
      JsonObject field = element.getAsJsonObject();
      String key = field.get("key").getAsString();
      JsonElement value = field.get("value");
      switch (field.get("type").getAsString()) {
        case "string" -> out.put(key, value.getAsString());
        case "int" -> out.put(key, value.getAsLong());
        case "double" -> out.put(key, value.getAsDouble());
        case "bool" -> out.put(key, value.getAsBoolean());
        case "strings" -> out.put(AttributeKey.stringArrayKey(key), list(value, JsonElement::getAsString));
        case "ints" -> out.put(AttributeKey.longArrayKey(key), list(value, JsonElement::getAsLong));
        case "doubles" -> out.put(AttributeKey.doubleArrayKey(key), list(value, JsonElement::getAsDouble));
        case "bools" -> out.put(AttributeKey.booleanArrayKey(key), list(value, JsonElement::getAsBoolean));
        default -> throw new IllegalArgumentException(field.toString());
      }
    }
    return out.build();
  }

  public static void main(String[] args) throws Exception {
    JsonObject shared = JsonParser.parseString(Files.readString(Path.of(args[0]))).getAsJsonObject();
    long base = Long.parseLong(args[1]);
    JsonObject scope = shared.getAsJsonObject("scope");
    Tracer tracer =
        GlobalOpenTelemetry.get()
            .tracerBuilder(scope.get("name").getAsString())
            .setInstrumentationVersion(scope.get("version").getAsString())
            .build();
    Map<String, Context> contexts = new HashMap<>();
    contexts.put("", Context.root());
    List<Span> started = new ArrayList<>();
    List<Instant> ends = new ArrayList<>();
    for (JsonElement element : shared.getAsJsonArray("spans")) {
      JsonObject one = element.getAsJsonObject();
      Context parent = contexts.get(one.get("parent").getAsString());
      SpanBuilder builder =
          tracer
              .spanBuilder(one.get("name").getAsString())
              .setParent(parent)
              .setSpanKind(SpanKind.valueOf(one.get("kind").getAsString()))
              .setStartTimestamp(at(base, one.get("start")))
              .setAllAttributes(attributes(one.getAsJsonArray("attributes")));
      for (JsonElement item : one.getAsJsonArray("links")) {
        JsonObject link = item.getAsJsonObject();
        builder.addLink(
            SpanContext.create(
                link.get("trace_id").getAsString(),
                link.get("span_id").getAsString(),
                TraceFlags.getSampled(),
                TraceState.getDefault()),
            attributes(link.getAsJsonArray("attributes")));
      }
      Span span = builder.startSpan();
      contexts.put(one.get("id").getAsString(), parent.with(span));
      for (JsonElement item : one.getAsJsonArray("events")) {
        JsonObject event = item.getAsJsonObject();
        span.addEvent(
            event.get("name").getAsString(),
            attributes(event.getAsJsonArray("attributes")),
            at(base, event.get("time")));
      }
      JsonObject status = one.getAsJsonObject("status");
      if (!status.get("code").getAsString().equals("UNSET")) {
        span.setStatus(StatusCode.valueOf(status.get("code").getAsString()), status.get("message").getAsString());
      }
      started.add(span);
      ends.add(at(base, one.get("end")));
    }
    for (int i = started.size() - 1; i >= 0; i--) {
      started.get(i).end(ends.get(i));
    }
    // The agent flushes in its shutdown hook.
  }
}
