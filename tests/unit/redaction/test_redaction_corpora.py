# SPDX-License-Identifier: Apache-2.0
"""The bars for labelled texts, where the environment names a folder of them."""

from __future__ import annotations

from collections import Counter

import pytest
from agentstack_processors.redaction import Find, Redactor, evaluation_config
from agentstack_processors.redaction.aliases import group

from tests.fakes.corpora import corpus

_EVERYTHING, _USUAL = Redactor(evaluation_config()), Redactor()


def _covers(find: Find, span: dict[str, int]) -> bool:
    size = span["end"] - span["start"]
    return min(find.end, span["end"]) - max(find.start, span["start"]) >= 0.8 * size


def _figures(path: str) -> tuple[float, float]:
    """Precision and F1 over all types that are looked for; a hit covers four fifths."""
    count: Counter[str] = Counter()
    for line in corpus(path):
        finds = _EVERYTHING.find(str(line["text"]))
        used: set[Find] = set()
        for span in line["spans"]:
            kind = group(span["type"])
            hits = {f for f in finds if kind == group(f.type) and _covers(f, span)}
            used |= hits
            if kind is not None:
                count["hit" if hits else "missed"] += 1
        dates = [span for span in line["spans"] if span["type"] == "DATE_TIME"]
        wrong = [f for f in finds if f not in used and not any(_covers(f, d) for d in dates)]
        count["wrong"] += len(wrong)
    precision = count["hit"] / (count["hit"] + count["wrong"])
    recall = count["hit"] / (count["hit"] + count["missed"])
    return precision, 2 * precision * recall / (precision + recall)


@pytest.mark.parametrize(
    "path",
    [
        "pii_synth/labelled.jsonl",
        "presidio_research/generated_large.jsonl",
        "presidio_research/generated_small.jsonl",
    ],
)
def test_labelled_personal_data_and_secrets_are_found(path):
    precision, f1 = _figures(path)
    assert precision >= 0.99
    assert f1 >= 0.96


def test_decoys_are_left_alone():
    hits = [_EVERYTHING.find(str(line["text"])) for line in corpus("pii_synth/decoys_no_pii.jsonl")]
    assert [find for finds in hits for find in finds] == []


@pytest.mark.parametrize(
    "path", ["taubench/benign.jsonl", "selfinstruct/benign.jsonl", "deepset/benign.jsonl"]
)
def test_no_secret_is_seen_in_ordinary_texts(path):
    texts = [str(line["text"]) for line in corpus(path)]
    hits = [find for text in texts for find in _USUAL.find(text) if group(find.type) == "SECRET"]
    assert len(hits) <= len(texts) / 1000
