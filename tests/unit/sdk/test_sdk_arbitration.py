# SPDX-License-Identifier: Apache-2.0
"""One instrumentor per library, and the best one."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from agentstack_otel.arbitration import EntryPoint, Verdict, arbitrate, family_of, library_of


@dataclass(frozen=True)
class Distribution:
    name: str


@dataclass(frozen=True)
class Point:
    name: str
    value: str
    dist: Distribution


def point(name: str, value: str, distribution: str) -> Point:
    return Point(name, value, Distribution(distribution))


OURS = point(
    "agentstack_langchain",
    "agentstack_otel.instrumentation.langchain:AgentStackLangChainInstrumentor",
    "agentstack-otel",
)
OFFICIAL = point(
    "langchain",
    "opentelemetry.instrumentation.genai.langchain:LangChainInstrumentor",
    "opentelemetry-instrumentation-genai-langchain",
)
OPENINFERENCE = point(
    "langchain",
    "openinference.instrumentation.langchain:LangChainInstrumentor",
    "openinference-instrumentation-langchain",
)
TRACELOOP = point(
    "langchain",
    "opentelemetry.instrumentation.langchain:LangchainInstrumentor",
    "opentelemetry-instrumentation-langchain",
)
REQUESTS = point(
    "requests",
    "opentelemetry.instrumentation.requests:RequestsInstrumentor",
    "opentelemetry-instrumentation-requests",
)
BEST_FIRST = [OURS, OFFICIAL, OPENINFERENCE, TRACELOOP]


def winners(points: list[Point], **options: object) -> list[str]:
    verdicts: list[Verdict] = arbitrate(points, **options)  # type: ignore[arg-type]  # a callable
    return [verdict.distribution for verdict in verdicts if verdict.wins]


@pytest.mark.parametrize("missing", range(4))
def test_the_best_of_those_installed_wins_whatever_the_order(missing: int) -> None:
    installed = BEST_FIRST[missing:]

    assert winners(installed) == [BEST_FIRST[missing].dist.name]
    assert winners(installed[::-1]) == [BEST_FIRST[missing].dist.name]


def test_losers_are_told_who_won() -> None:
    verdicts = arbitrate([TRACELOOP, OURS])

    assert [verdict.winner for verdict in verdicts] == ["agentstack-otel"] * 2


def test_libraries_do_not_compete_with_each_other() -> None:
    assert set(winners([OURS, REQUESTS])) == {
        "agentstack-otel",
        "opentelemetry-instrumentation-requests",
    }


def test_an_instrumentor_that_cannot_be_loaded_defeats_nobody() -> None:
    def usable(entry_point: EntryPoint) -> bool:
        return entry_point is not OURS

    assert winners([OURS, OPENINFERENCE], usable=usable) == [OPENINFERENCE.dist.name]


@pytest.mark.parametrize(
    ("given", "family"),
    list(
        zip(
            [*BEST_FIRST, REQUESTS],
            ["AgentStack", "OpenTelemetry GenAI", "OpenInference", "Traceloop", "OpenTelemetry"],
            strict=True,
        )
    ),
)
def test_families_are_told_by_distribution_not_by_name(given: Point, family: str) -> None:
    assert family_of(given) == family


@pytest.mark.parametrize(
    ("name", "library"),
    [
        ("agentstack_langchain", "langchain"),
        ("langgraph", "langchain"),
        ("aws_crewai", "crewai"),
        ("llama-index", "llama_index"),
        ("requests", "requests"),
    ],
)
def test_names_in_use_lead_to_the_library(name: str, library: str) -> None:
    assert library_of(point(name, "m:C", "d")) == library


def test_an_entry_point_without_a_distribution_is_judged_by_its_module() -> None:
    bare = Point("langchain", "somebody.else:Thing", None)  # type: ignore[arg-type]  # as found

    assert family_of(bare) == "other"
    assert winners([bare, OPENINFERENCE]) == [OPENINFERENCE.dist.name]
