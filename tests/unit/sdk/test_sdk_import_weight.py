# SPDX-License-Identifier: Apache-2.0
"""Importing costs a user's process next to nothing and brings nothing but OpenTelemetry."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys

import agentstack_otel

HEAVY = {
    "agentstack_exporters.log.sqlite",
    "chdb",
    "click",
    "google.protobuf",
    "grpc",
    "http.client",
    "httptools",
    "langchain_core",
    "orjson",
    "prometheus_client",
    "rich",
    "sqlite3",
    "starlette",
    "uvicorn",
}
MEASURE = """
import time
import {first}
began = time.process_time()
import {then}
print(time.process_time() - began)
"""


def in_a_fresh_process(program: str) -> str:
    return subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    ).stdout


def modules_after(program: str) -> set[str]:
    listing = f"{program}\nimport sys, json; print(json.dumps(sorted(sys.modules)))"
    return set(json.loads(in_a_fresh_process(listing)))


def test_importing_the_package_loads_nothing_heavy() -> None:
    assert modules_after("import agentstack_otel") & HEAVY == set()


def test_importing_it_loads_no_third_party_code_but_opentelemetry_and_its_needs() -> None:
    loaded = modules_after("import agentstack_otel") - modules_after("import opentelemetry.trace")
    tops = {name.split(".")[0] for name in loaded} - set(sys.stdlib_module_names)

    assert tops <= {
        "agentstack_exporters",
        "agentstack_otel",
        "agentstack_processors",
        "opentelemetry",
        "typing_extensions",
        "wrapt",
    }


def test_setting_up_tracing_still_loads_no_server_and_no_protobuf() -> None:
    program = "import agentstack_otel; agentstack_otel.init(instrument=False)"

    assert modules_after(program) & (HEAVY - {"http.client", "sqlite3"}) == set()


def test_importing_it_takes_less_than_60_ms_on_top_of_opentelemetry() -> None:
    program = MEASURE.format(first="opentelemetry.trace", then="agentstack_otel")
    seconds = [float(in_a_fresh_process(program)) for _ in range(5)]

    assert statistics.median(seconds) < 0.060


def test_every_public_name_is_there_and_is_what_it_says() -> None:
    for name in agentstack_otel.__all__:
        assert getattr(agentstack_otel, name) is not None
    assert set(agentstack_otel.__all__) <= set(dir(agentstack_otel))
    assert len(agentstack_otel.__all__) <= 12


def test_names_are_functions_even_when_their_modules_were_imported_first() -> None:
    for module in ("init", "observe", "lifecycle", "runs"):
        program = f"""
import agentstack_otel.{module}
import agentstack_otel
print(all(callable(getattr(agentstack_otel, name)) for name in ("init", "observe", "flush")))
"""
        assert in_a_fresh_process(program) == "True\n"


def test_a_name_that_does_not_exist_is_an_attribute_error() -> None:
    assert not hasattr(agentstack_otel, "obsreve")
