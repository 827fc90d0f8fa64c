# SPDX-License-Identifier: Apache-2.0
"""The alerts file: what it says, and what is said about a mistake in it."""

from __future__ import annotations

import re

import pytest
from agentstack_exporters.alerts.parsing import parse
from agentstack_exporters.alerts.settings import Channel, Config, Route
from agentstack_processors.verdicts import ConfigError
from hypothesis import given
from hypothesis import strategies as st

FILE = """\
channels:
  - name: ops
    type: slack
    url: ${SLACK_URL}
    min_severity: high
    per_minute: 10
  - {name: pager, type: pagerduty, routing_key: "${PAGER_KEY}", give_up_hours: 2}
  - name: own
    type: webhook
    url: https://alerts.example/${HOOK_PATH}
    secret: ${HOOK_SECRET}
    group_seconds: 60
routes:
  - project: test-*
    channels: []
  - rule: injection.*
    min_severity: CRITICAL
    channels: [pager, ops]
  - channels: [ops]
allow_internal: [10.1.0.0/16, hooks.internal]
disabled:
  "*": [obfuscation.zero-width]
  shop: [injection.x, injection.y]
"""

ENV = {"SLACK_URL": "https://hooks.slack.com/a", "PAGER_KEY": "k", "HOOK_PATH": "p"}
ENV["HOOK_SECRET"] = "shh"


def test_everything_in_the_file_is_read() -> None:
    found = parse(FILE, "alerts.yaml")
    assert found == Config(
        channels=(
            Channel("ops", "slack", url="${SLACK_URL}", min_severity="HIGH", per_minute=10),
            Channel("pager", "pagerduty", routing_key="${PAGER_KEY}", give_up_hours=2),
            Channel(
                "own",
                "webhook",
                url="https://alerts.example/${HOOK_PATH}",
                secret="${HOOK_SECRET}",
                group_seconds=60,
            ),
        ),
        routes=(
            Route(project="test-*"),
            Route(rule="injection.*", min_severity="CRITICAL", channels=("pager", "ops")),
            Route(channels=("ops",)),
        ),
        allow_internal=("10.1.0.0/16", "hooks.internal"),
        disabled=frozenset({"obfuscation.zero-width"}),
        disabled_by_project={"shop": frozenset({"injection.x", "injection.y"})},
    )


def test_references_are_looked_up_in_the_environment_and_shown_nowhere() -> None:
    found = parse(FILE, "alerts.yaml").expanded(ENV)
    assert [channel.url for channel in found.channels] == [
        "https://hooks.slack.com/a", "", "https://alerts.example/p",
    ]  # fmt: skip
    assert (found.channels[1].routing_key, found.channels[2].secret) == ("k", "shh")
    assert "shh" not in repr(found)
    assert "hooks.slack.com" not in repr(found)


@pytest.mark.parametrize("missing", sorted(ENV))
def test_a_variable_that_is_not_set_is_named(missing: str) -> None:
    env = {name: value for name, value in ENV.items() if name != missing}
    with pytest.raises(ConfigError, match=rf"alert channel \w+: .*{missing} is not set"):
        parse(FILE, "alerts.yaml").expanded(env)


def test_an_address_from_the_environment_is_checked_and_not_quoted() -> None:
    with pytest.raises(ConfigError, match=r"alert channel ops: url of x\.example") as raised:
        parse(FILE, "a.yaml").expanded({**ENV, "SLACK_URL": "http://x.example/token"})
    assert re.match(r"a\.yaml:\d+: alert channel ops", str(raised.value))
    assert "token" not in str(raised.value)


@pytest.mark.parametrize("text", ["", "\n# nothing\n", "{}", "channels:\n", "channels: []"])
def test_an_empty_file_is_no_channels(text: str) -> None:
    assert parse(text, "alerts.yaml") == Config()


HOOK = "- {name: a, type: webhook, url: https://x.example"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("channels: 3", "1: channels: must be a list"),
        ("- a", "1: must be `key: value` lines"),
        ("\nchannel: []", "2: there is no setting 'channel'; there are allow_internal, channels"),
        ("channels:\n- name: a", "2: channels: type is missing"),
        ("channels:\n- {name: a, type: mail}", "2: type: must be one of webhook, slack"),
        ("channels:\n- {name: a, type: webhook}", "2: channels: url is missing"),
        (f"channels:\n{HOOK}, colour: red}}", "2: there is no setting 'colour'"),
        (f"channels:\n{HOOK}, routing_key: '${{X}}'}}", "2: there is no setting 'routing_key'"),
        (f"channels:\n{HOOK}}}\n{HOOK}}}", "3: channels: there are two channels called a"),
        (f"channels:\n{HOOK},\n  per_minute: 0}}", "3: per_minute: must be a number from 1"),
        (f"channels:\n{HOOK}, group_seconds: soon}}", "2: group_seconds: must be a number"),
        (f"channels:\n{HOOK}, group_seconds: nan}}", "2: group_seconds: must be a number"),
        (f"channels:\n{HOOK}, min_severity: bad}}", "2: min_severity: must be one of LOW"),
        (f"channels:\n{HOOK}, name: b}}", "2: name is given twice"),
        ("routes:\n- channels: [nobody]", "2: channels: there is no channel 'nobody'"),
        ("routes:\n- project: x", "2: routes: channels is missing"),
        ("disabled: [a]", "1: disabled: must be `key: value` lines"),
        ("disabled: {shop: a}", "1: shop: must be a list"),
        ("a: [", "1: this is no YAML"),
        ("a: b\n\tc: d", "2: this is no YAML"),
        ("a: \x00", "1: this is no YAML"),
        ("!!python/object/apply:os.system [x]", "1: must be"),
    ],
)
def test_a_mistake_is_named_with_its_file_and_line(text: str, said: str) -> None:
    with pytest.raises(ConfigError) as raised:
        parse(text, "conf/alerts.yaml")
    assert str(raised.value).startswith(f"conf/alerts.yaml:{said}")


@pytest.mark.parametrize(
    "text",
    [
        "channels:\n- {name: a, type: slack, url: https://hooks.slack.com/TOPSECRET}",
        "channels:\n- {name: a, type: pagerduty, routing_key: TOPSECRET}",
        "channels:\n- {name: a, type: webhook, url: https://x.example, secret: TOPSECRET}",
    ],
)
def test_a_credential_in_the_file_is_refused_without_repeating_it(text: str) -> None:
    with pytest.raises(ConfigError, match=r"a\.yaml:2: \w+: is a credential: name the") as raised:
        parse(text, "a.yaml")
    assert "TOPSECRET" not in str(raised.value)


@given(st.text(alphabet="abc:-[]{}\n \t&*!|>'\"#%@`,?${}0", max_size=60) | st.text(max_size=40))
def test_any_text_is_a_configuration_or_a_mistake_with_a_line(text: str) -> None:
    try:
        parse(text, "f")
    except ConfigError as error:
        assert str(error).startswith("f:")  # noqa: PT017 - either outcome is right
