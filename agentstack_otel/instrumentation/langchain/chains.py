# SPDX-License-Identifier: Apache-2.0
"""What a LangChain "chain" run really is: a graph, a node, a conditional edge, a step, or noise."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from agentstack_otel.instrumentation.langchain import attributes as names
from agentstack_otel.instrumentation.langchain.spans import Run

HIDDEN, WORKFLOW, AGENT, NODE, EDGE, STEP = "hidden", "workflow", "agent", "node", "edge", "step"

_HIDDEN_TAG: Final = "langsmith:hidden"
_HIDDEN_RUN_TYPES: Final = {"prompt", "parser"}
_HIDDEN_NAMES: Final = {"ChannelWrite", "ChannelRead", "_write", "ChatPromptTemplate"}
_CREATE_AGENT: Final = "langchain_create_agent"


@dataclass(frozen=True, slots=True)
class Chain:
    """A classified chain run; `span_name` None means it gets no span of its own."""

    kind: str
    name: str
    span_name: str | None


def classify(
    name: str | None,
    tags: Sequence[str],
    metadata: Mapping[str, Any],
    parent: Run | None,
    *,
    graph: Any = None,
    edge: bool = False,
    run_type: str | None = None,
) -> Chain:
    """Says what a run is.

    `graph` is the Pregel object when the run is a whole graph; `edge` says that a conditional
    edge is being evaluated. Both come from the wrapped calls, the rest from LangChain's words.
    """
    text = name or ""
    if graph is not None:
        return _graph(text, metadata, parent, graph)
    if edge and parent is not None:
        return Chain(EDGE, "" if _generic(text) else text, f"edge {parent.name}")
    if any(tag.startswith("graph:step:") for tag in tags) and text == metadata.get(
        "langgraph_node", text
    ):
        return _hidden(text) if text.startswith("__") else Chain(NODE, text, f"node {text}")
    if run_type in _HIDDEN_RUN_TYPES or _HIDDEN_TAG in tags:
        return _hidden(text)
    if parent is None:
        return Chain(WORKFLOW, text, f"invoke_workflow {text}".strip())
    return _hidden(text) if _is_noise(text) else Chain(STEP, text, f"step {text}")


def _graph(name: str, metadata: Mapping[str, Any], parent: Run | None, graph: Any) -> Chain:
    own = (getattr(graph, "config", None) or {}).get("metadata") or {}
    agent = metadata.get("lc_agent_name")
    inherited = parent is not None and parent.agent == agent
    if own.get("ls_integration") == _CREATE_AGENT:
        agent = own.get("lc_agent_name")
        return Chain(AGENT, agent or "", f"invoke_agent {agent or ''}".strip())
    if agent and not inherited:
        return Chain(AGENT, str(agent), f"invoke_agent {agent}")
    return Chain(WORKFLOW, name, f"invoke_workflow {name}".strip())


def _hidden(name: str) -> Chain:
    return Chain(HIDDEN, name, None)


def _generic(name: str) -> bool:
    return not name or name.startswith("Runnable")


def _is_noise(name: str) -> bool:
    return _generic(name) or name in _HIDDEN_NAMES or name.startswith(("__", "ChannelWrite<"))


def attributes(chain: Chain, metadata: Mapping[str, Any], parent: Run | None) -> dict[str, Any]:
    """Returns the attributes known when the run starts."""
    if chain.kind == WORKFLOW:
        return {
            names.OPERATION_NAME: "invoke_workflow",
            **({names.WORKFLOW_NAME: chain.name} if chain.name else {}),
        }
    if chain.kind == AGENT:
        return {names.OPERATION_NAME: "invoke_agent"}
    found: dict[str, Any] = {names.OPERATION_NAME: "step"}
    if chain.kind == NODE:
        found.update(_node(chain.name, metadata))
        tries = parent.failures.get(namespace(metadata), 0) if parent is not None else 0
        if tries:
            found[names.RETRY_ATTEMPT] = tries + 1
    elif chain.kind == EDGE and parent is not None:
        found[names.GRAPH_EDGE_SOURCE] = parent.name
    return found


def _node(name: str, metadata: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {names.GRAPH_NODE: name}
    step = metadata.get("langgraph_step")
    if isinstance(step, int):
        found[names.GRAPH_STEP] = step
    triggers = metadata.get("langgraph_triggers")
    if isinstance(triggers, (list, tuple)):
        found[names.GRAPH_TRIGGERS] = tuple(str(t) for t in triggers)
    if namespace(metadata):
        found[names.GRAPH_CHECKPOINT_NS] = namespace(metadata)
    return found


def namespace(metadata: Mapping[str, Any]) -> str:
    """Returns the checkpoint namespace, which names one task of one step: a retry keeps it."""
    return str(metadata.get("langgraph_checkpoint_ns") or "")


def count_failure(run: Run) -> None:
    """Remembers a failed try of a node, so that the next try of the same task can say so."""
    if run.parent is not None and run.namespace:
        run.parent.failures[run.namespace] = run.parent.failures.get(run.namespace, 0) + 1


def forget_failures(run: Run) -> None:
    """The node's task succeeded."""
    if run.parent is not None:
        run.parent.failures.pop(run.namespace, None)


def edge_targets(result: Any, ends: Mapping[Any, str] | None) -> list[str]:
    """Returns the nodes a conditional edge chose, in order, one entry for each Send."""
    found = []
    for value in result if isinstance(result, (list, tuple)) else [result]:
        node = getattr(value, "node", None)  # a Send names its node itself
        try:
            found.append(str(node if node is not None else (ends or {}).get(value, value)))
        except TypeError:  # unhashable: the branch is wrong and langgraph will say so
            found.append(str(value))
    return found


def edge_name(source: str, targets: Sequence[str]) -> str:
    """Returns `edge plan → review, worker x3`."""
    counts = {t: targets.count(t) for t in targets}
    chosen = ", ".join(t if n == 1 else f"{t} x{n}" for t, n in counts.items())
    return f"edge {source} → {chosen}"


def edge_attributes(node: Run, targets: Sequence[str]) -> dict[str, Any]:
    """Returns everything about an edge that was not seen before it was over."""
    found = {
        names.OPERATION_NAME: "step",
        names.GRAPH_EDGE_SOURCE: node.name,
        names.GRAPH_EDGE_TARGET: ",".join(targets),
    }
    if node.conversation:
        found[names.CONVERSATION_ID] = node.conversation
    if node.agent:
        found[names.AGENT_NAME] = node.agent
    return found
