# SPDX-License-Identifier: Apache-2.0
"""One instrumentor per library when several are installed.

Three projects register `opentelemetry_instrumentor: langchain`, and ours comes on top: loaded
together, one graph run of eight steps gives 21 spans. Names cannot tell them apart, distributions
can. For each library the best family wins: ours, then the official `opentelemetry-*` packages, then
OpenInference, then Traceloop, then anybody else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Protocol


class EntryPoint(Protocol):
    """The part of `importlib.metadata.EntryPoint` that is used here."""

    @property
    def name(self) -> str:
        """Name within the group."""
        ...

    @property
    def value(self) -> str:
        """`module:Class`."""
        ...


FAMILIES: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("AgentStack", ("agentstack_otel.",)),
    ("OpenTelemetry GenAI", ("opentelemetry.instrumentation.genai.",)),
    ("OpenInference", ("openinference.",)),
    ("Traceloop", ()),
    ("OpenTelemetry", ("opentelemetry.instrumentation.",)),
)
"""Family → module prefixes, best first. Traceloop publishes under the official module prefix and is
recognised by its distribution (see `family_of`)."""

_OFFICIAL_GENAI = (
    "opentelemetry-instrumentation-genai-",
    "opentelemetry-instrumentation-openai-v2",
)
_TRACELOOP = tuple(
    f"opentelemetry-instrumentation-{name}"
    for names in (
        "agno alephalpha anthropic bedrock chromadb cohere crewai google-generativeai groq",
        "haystack lancedb langchain llamaindex marqo mcp milvus mistralai ollama openai",
        "openai-agents pinecone qdrant replicate sagemaker together transformers vertexai",
        "voyageai watsonx weaviate writer",
    )
    for name in names.split(" ")
)

_SAME_LIBRARY = {
    "langgraph": "langchain",
    "langchain_core": "langchain",
    "llamaindex": "llama_index",
    "openai_v2": "openai",
    "openai_agents_v2": "openai_agents",
    "google_generativeai": "google_genai",
    "vertex_ai": "vertexai",
    "autogen_agentchat": "autogen",
    "aws_bedrock": "bedrock",
}


@dataclass(frozen=True, slots=True)
class Verdict:
    """What becomes of one instrumentor."""

    name: str
    value: str
    distribution: str
    library: str
    family: str
    wins: bool
    winner: str
    """`distribution` of the instrumentor that is loaded for this library."""


def distribution_of(entry_point: EntryPoint) -> str:
    """Normalised name of the distribution that registered the entry point; "" when unknown."""
    found = getattr(getattr(entry_point, "dist", None), "name", "") or ""
    return str(found).lower().replace("_", "-")


def family_of(entry_point: EntryPoint) -> str:
    """Which project an instrumentor comes from."""
    distribution = distribution_of(entry_point)
    if distribution.startswith(_OFFICIAL_GENAI):
        return "OpenTelemetry GenAI"
    if distribution in _TRACELOOP:
        return "Traceloop"
    for family, prefixes in FAMILIES:
        if entry_point.value.startswith(prefixes):
            return family
    return "other"


def library_of(entry_point: EntryPoint) -> str:
    """The library an instrumentor is for, as far as its name tells."""
    name = entry_point.name.lower().replace("-", "_")
    for prefix in ("agentstack_", "genai_", "aws_", "openinference_"):
        name = name.removeprefix(prefix)
    return _SAME_LIBRARY.get(name, name)


def arbitrate(
    entry_points: Iterable[EntryPoint], usable: Callable[[EntryPoint], bool] = lambda _: True
) -> list[Verdict]:
    """Judge all instrumentors of an environment.

    Args:
        entry_points: Group `opentelemetry_instrumentor`.
        usable: False takes one out of the competition (disabled, its library is not installed).

    Returns:
        One verdict each, in the order given. An unusable one neither wins nor defeats anybody.
    """
    points = list(entry_points)
    best: dict[str, EntryPoint] = {}
    for point in points:
        library = library_of(point)
        if usable(point) and (library not in best or _rank(point) < _rank(best[library])):
            best[library] = point
    return [_verdict(point, best.get(library_of(point))) for point in points]


def _rank(entry_point: EntryPoint) -> int:
    families = [family for family, _ in FAMILIES]
    family = family_of(entry_point)
    return families.index(family) if family in families else len(families)


def _verdict(point: EntryPoint, winner: EntryPoint | None) -> Verdict:
    return Verdict(
        name=point.name,
        value=point.value,
        distribution=distribution_of(point),
        library=library_of(point),
        family=family_of(point),
        wins=winner is point,
        winner=distribution_of(winner) if winner is not None else "",
    )


__all__ = ["EntryPoint", "Verdict", "arbitrate", "distribution_of", "family_of", "library_of"]
