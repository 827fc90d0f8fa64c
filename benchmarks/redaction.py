# SPDX-License-Identifier: Apache-2.0
"""What redaction costs: per text in the user's process, per megabyte of requests at the gateway.

clean_2kb_ms, mixed_2kb_ms: one `scrub` of 2 KB with nothing to find; with five secrets in every
    third text.
every_pattern_2kb_ms: the same clean texts asked of every pattern, without the cheap questions.
suspicious_ms_per_mb: `suspicious` on requests of 512 agent spans; suspicious_share is the share of
    them it wanted opened (false alarms: they are clean).
translate_ms_per_mb: one `bytes.translate` of the same requests, the machine's own yardstick.
one_secret_ms_per_mb: rewriting a request in which one span of 512 holds a secret.
all_secrets_ms_per_mb: the same when every span does.
worst_growth: worst ratio of the time for 1 MB to that for 100 KB over hostile texts; 10 is linear.
"""

from __future__ import annotations

import functools
import json
import random
import time
from collections.abc import Callable

from agentstack_processors.otlp.scrub import scrub_traces
from agentstack_processors.redaction import Redactor
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from benchmarks.load import Requests

_HOSTILE = ("a", "@", "a@a.", "1", "1-", "4111 ", "\\", "\\u0040", "eyJ", "sk-", "Bearer ", '"a":"')
_SECRETS = (
    "bob@example.com", "123-45-6789", "4111 1111 1111 1111", "+44 20 7946 0958",
    "sk-proj-abcDEF1234567890abcdef",
)  # fmt: skip
_WORDS = (
    "the agent looked up booking and found two flights that match request #4521 for $1,249.99 "
    'on 2026-03-14 at 10:30 {"status": "ok", "tokens": 84246, "id": "0f996061-dbc0-4f08-971c"}'
)


def _best(work: Callable[[], object], repeats: int = 5) -> float:
    """CPU seconds of the best of `repeats` runs."""
    times = []
    for _ in range(repeats):
        begin = time.process_time()
        work()
        times.append(time.process_time() - begin)
    return min(times)


def _texts(count: int, rng: random.Random) -> list[str]:
    words = _WORDS.split()
    return [" ".join(rng.choices(words, k=400))[:2048] for _ in range(count)]


def _mixed(texts: list[str]) -> list[str]:
    secrets = " and ".join(_SECRETS)
    return [
        text if index % 3 else text[: -len(secrets)] + secrets for index, text in enumerate(texts)
    ]


def _planted(payload: bytes, spans: int) -> bytes:
    request = ExportTraceServiceRequest.FromString(payload)
    found = [s for r in request.resource_spans for scope in r.scope_spans for s in scope.spans]
    for span in found[:spans]:
        span.attributes.add(key="note").value.string_value = f"ask {_SECRETS[0]} about it"
    return request.SerializeToString()


def _growth(redactor: Redactor) -> float:
    worst = 0.0
    for piece in _HOSTILE:
        small, large = (piece * (size // len(piece)) for size in (100_000, 1_000_000))
        cost = [_best(functools.partial(redactor.scrub, text), 3) for text in (small, large)]
        worst = max(worst, cost[1] / max(cost[0], 1e-4))
    return worst


def measure() -> dict[str, float]:
    """All figures of the module's table."""
    rng = random.Random(7)
    redactor = Redactor()
    clean = _texts(200, rng)
    mixed = _mixed(clean)
    requests = [bytes(Requests(spans=512, seed=seed).fresh()) for seed in range(8)]
    megabytes = sum(map(len, requests)) / 1e6
    patterns = redactor._patterns
    suspected = [redactor.suspicious(request) for request in requests]

    one, every = _planted(requests[0], 1), _planted(requests[0], 512)

    def per_text(texts: list[str], scrub: Callable[[str], object]) -> float:
        return _best(lambda: [scrub(text) for text in texts]) / len(texts) * 1e3

    def per_megabyte(judge: Callable[[bytes], object]) -> float:
        return _best(lambda: [judge(request) for request in requests]) / megabytes * 1e3

    return {
        "clean_2kb_ms": per_text(clean, redactor.scrub),
        "mixed_2kb_ms": per_text(mixed, redactor.scrub),
        "every_pattern_2kb_ms": per_text(
            clean[:20], lambda text: [list(pattern.find(text)) for pattern in patterns]
        ),
        "suspicious_ms_per_mb": per_megabyte(redactor.suspicious),
        "suspicious_share": sum(suspected) / len(suspected),
        "translate_ms_per_mb": per_megabyte(lambda data: data.translate(bytes(range(256)))),
        "one_secret_ms_per_mb": _best(lambda: scrub_traces(one, redactor), 3) * 1e9 / len(one),
        "all_secrets_ms_per_mb": _best(lambda: scrub_traces(every, redactor), 3) * 1e9 / len(every),
        "worst_growth": _growth(redactor),
    }


def main() -> None:
    figures = {name: round(figure, 4) for name, figure in measure().items()}
    print(json.dumps({"benchmark": "redaction", **figures}))


if __name__ == "__main__":
    main()
