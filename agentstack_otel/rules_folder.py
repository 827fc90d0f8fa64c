# SPDX-License-Identifier: Apache-2.0
"""The user's own detection rules: a folder of .yaml and .yar files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from agentstack_processors.verdicts import ConfigError

_YAML = (".yaml", ".yml")
_YARA = (".yar", ".yara")
LARGEST = 4 << 20
"""Bytes of a file that is read."""


@dataclass(frozen=True)
class RulesFolder:
    """What a folder holds, unparsed.

    Attributes:
        rules: (path, YAML) of each rule file, in order of path.
        yara: (path, source) of each YARA file, likewise.
    """

    rules: tuple[tuple[str, str], ...] = ()
    yara: tuple[tuple[str, str], ...] = ()


def read_rules_folder(folder: str | Path) -> RulesFolder:
    """Read the rule files of `folder` and of the folders in it; other files are left alone.

    Raises:
        ConfigError: the folder or a file cannot be read; names it.
    """
    root = Path(folder)
    if not root.is_dir():
        raise ConfigError(f"rules: {root} is not a folder; give one with .yaml or .yar files")
    paths = sorted(path for path in root.rglob("*") if path.is_file())
    read = [(path.suffix.lower(), str(path), path) for path in paths]
    return RulesFolder(
        rules=tuple((name, _text(path)) for suffix, name, path in read if suffix in _YAML),
        yara=tuple((name, _text(path)) for suffix, name, path in read if suffix in _YARA),
    )


def _text(path: Path) -> str:
    try:
        if path.stat().st_size > LARGEST:
            raise ConfigError(f"{path}: larger than {LARGEST >> 20} MB; split it")
        return path.read_text("utf-8")
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: not UTF-8 text (byte {error.start})") from error
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror or error}") from error


__all__ = ["RulesFolder", "read_rules_folder"]
