# SPDX-License-Identifier: Apache-2.0
"""An agent in plain Python: no framework, only functions with `@observe`. Offline, ~1 s.

    python examples/plain_agent.py                              # nothing is recorded
    opentelemetry-instrument python examples/plain_agent.py     # every call is a span

Calls become a tree because Python calls them from one another; `operation` says what a function
is, in the words of OpenTelemetry's GenAI conventions.
"""

from __future__ import annotations

import asyncio
import random

from agentstack_otel import observe

PRICES = {"LIS": 128.0, "BCN": 96.0, "NAP": 74.0}


@observe("travel-desk", operation="invoke_agent")
async def plan_trip(wish: str) -> str:
    """The agent: think, look things up side by side, decide."""
    cities = await think(wish)
    offers = await asyncio.gather(*(look_up(city) for city in cities))
    return recommend([offer for offer in offers if offer])


@observe("tiny-model", operation="chat", attributes={"gen_ai.request.model": "tiny-model"})
async def think(wish: str) -> list[str]:
    """Stands for a model call."""
    await asyncio.sleep(0.3)
    return ["LIS", "BCN", "NAP", "XXX"] if "sun" in wish else ["BCN"]


async def look_up(city: str) -> tuple[float, str] | None:
    """Not observed itself; its tool calls still end up below the agent."""
    try:
        return await search_flights(city), city
    except LookupError:
        return None
    except TimeoutError:  # the failed call is a span of its own, and so is the second try
        return await search_flights(city), city


@observe("search_flights", operation="execute_tool")
async def search_flights(city: str) -> float:
    """Return the cheapest fare in euros."""
    await asyncio.sleep(random.Random(city).uniform(0.1, 0.3))
    if city not in PRICES:
        raise LookupError(f"no airport {city}")
    if city == "BCN" and not _retried:
        _retried.append(city)
        raise TimeoutError("fares did not answer in time")
    return PRICES[city]


@observe
def recommend(offers: list[tuple[float, str]]) -> str:
    """Pick the cheapest."""
    fare, city = min(offers)
    return f"{city} for €{fare:.0f}"


_retried: list[str] = []

if __name__ == "__main__":
    print("Somewhere sunny:", asyncio.run(plan_trip("a weekend with sun")))
