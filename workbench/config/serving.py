"""``[serving]``: where the model server listens, who may ask it, and what it keeps of an answer."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from workbench.config.fields import NAME, REFERENCE, Section
from workbench.errors import ConfigError, UnknownName

__all__ = ["CanaryConfig", "KeyConfig", "ServingConfig", "TlsConfig"]

_COLUMN = Annotated[str, Field(min_length=1)]


class CanaryConfig(Section):
    """What part of the questions the canary answers.

    ``key`` is a raw column: rows that are equal in it are answered by the same version. Without one, each
    question is drawn by itself.
    """

    share: float = Field(gt=0, lt=1)
    key: str = ""


class KeyConfig(Section):
    """An API key, by reference (``key = "secret:NAME"``), and what it opens.

    ``predict`` asks for answers, ``feedback`` also brings ground truth and feedback, ``admin`` does all.
    """

    role: Literal["predict", "feedback", "admin"]
    key: str

    @field_validator("key")
    @classmethod
    def _by_reference(cls, key: str) -> str:
        # What was given may be the key itself, so it is not repeated; `reading` does not show it either.
        if not key.startswith("secret:") or len(key) == len("secret:"):
            raise ValueError('a key is given by reference, as "secret:NAME", and never written here')
        return key


class TlsConfig(Section):
    """Files in PEM format, below the project's folder or absolute; ``key`` is the private key's."""

    certificate: str = Field(min_length=1)
    key: str = Field(min_length=1)


class ServingConfig(Section):
    """The model server.

    ``log`` is a PostgreSQL database for the prediction log (default: files in ``.workbench/``), and
    ``when_log_fails`` what becomes of an answer that cannot be logged. ``key`` are the raw columns that tell
    one case from another: ground truth may come by them. ``personal`` are raw columns whose values the log
    holds as pseudonyms. ``row_wise`` are functions of function transformers that treat each row by itself,
    so that they may be compiled.
    """

    host: str = Field(default="127.0.0.1", pattern=r"^[A-Za-z0-9_.:-]+$")
    port: int = Field(default=5010, ge=0, le=65535)
    workers: int = Field(default=1, ge=1, le=256)
    log: str = ""
    when_log_fails: Literal["refuse", "spool", "unlogged"] = "refuse"
    shadow_share: float = Field(default=1.0, ge=0, le=1)
    canary: CanaryConfig | None = None
    key: tuple[_COLUMN, ...] = ()
    personal: tuple[_COLUMN, ...] = ()
    keys: dict[Annotated[str, Field(pattern=NAME)], KeyConfig] = Field(default_factory=dict)
    tls: TlsConfig | None = None
    row_wise: tuple[Annotated[str, Field(pattern=REFERENCE)], ...] = ()

    @field_validator("log")
    @classmethod
    def _postgresql(cls, log: str) -> str:
        # It may hold a password, so it is not repeated either.
        if log and not log.startswith(("postgresql://", "postgresql+psycopg://")):
            raise ValueError(
                'a PostgreSQL database, as "postgresql+psycopg://HOST/NAME"; leave it out for files'
            )
        return log

    @field_validator("key", "personal", "row_wise")
    @classmethod
    def _once(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        for name, count in Counter(names).items():
            if count > 1:
                raise ValueError(f"{name!r} is named twice")
        return names

    @model_validator(mode="after")
    def _one_role_each(self) -> ServingConfig:
        names: dict[str, str] = {}
        for name, entry in self.keys.items():
            if entry.key in names:
                raise ValueError(
                    f"keys {names[entry.key]!r} and {name!r} are the same secret; each needs its own"
                )
            names[entry.key] = name
        return self

    def check_columns(self, raw: Collection[str], features: Collection[str] = ()) -> None:
        """Hold the columns that are named here against those of a raw row, and against the features.

        A personal column whose name is misspelt would be logged as it is, and so would one that is a feature.

        Raises
        ------
        UnknownName
            For a column that no raw row has, with the nearest that exists.
        ConfigError
            For a feature that has a personal column's name.
        """
        canary = (self.canary.key,) if self.canary and self.canary.key else ()
        for setting, names in (("personal", self.personal), ("key", self.key), ("canary.key", canary)):
            for name in names:
                if name not in raw:
                    raise UnknownName("raw column", name, raw, where=f"[serving] {setting}")
        for name in self.personal:
            if name in features:
                raise ConfigError(
                    f"[serving] personal names {name!r}, which is a feature: the model would learn from it, "
                    "and the log would show it; leave it out of the features"
                )
