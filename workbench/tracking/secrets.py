"""Secrets by reference: the value goes to who asks for it, and into nothing that is kept.

A parameter's value ``secret:NAME`` is passed on as that text. The notebook resolves it, from the environment
variable ``NAME`` or from the keyring, and what the notebook shows is redacted before a report is written.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from typing import Any

from workbench.errors import SecretError
from workbench.tracking.redaction import Redactor

__all__ = ["PREFIX", "SERVICE", "Redactor", "current", "is_reference", "name_of", "names_in", "resolve"]

PREFIX = "secret:"
#: Under which the keyring holds our secrets: ``keyring set workbench NAME``.
SERVICE = "workbench"
_NAME = r"[A-Za-z_][A-Za-z0-9_.-]*"
_REFERENCE = re.compile(re.escape(PREFIX) + _NAME)
_MINIMUM = 4

_current = Redactor()


def current() -> Redactor:
    """What hides all secrets that this process has resolved."""
    return _current


def is_reference(value: Any) -> bool:
    """Whether a parameter's value refers to a secret."""
    return isinstance(value, str) and _REFERENCE.fullmatch(value) is not None


def names_in(parameters: Any) -> list[str]:
    """The names of all secrets that are referred to, at any depth; sorted."""
    return sorted(set(_names(parameters)))


def _names(value: Any) -> Iterable[str]:
    if is_reference(value):
        yield value.removeprefix(PREFIX)
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _names(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _names(item)


def name_of(reference: str) -> str:
    """The name in ``secret:NAME``, or in ``NAME`` itself.

    Raises
    ------
    SecretError
        When it can be no secret's name.
    """
    name = reference.removeprefix(PREFIX)
    if not re.fullmatch(_NAME, name):
        # What was given may be the secret itself: it is not repeated.
        raise SecretError(f"no name of a secret: letters, digits and _ are meant, as in {PREFIX}API_TOKEN")
    return name


def resolve(reference: str) -> str:
    """The value of a secret, given as ``secret:NAME`` or ``NAME``; :func:`current` hides it from now on.

    Raises
    ------
    SecretError
        When it is neither in the environment nor in the keyring, or too short to be hidden.
    """
    name = name_of(reference)
    value = os.environ.get(name) or _from_keyring(name)
    if len(value) < _MINIMUM or len(value.strip()) < _MINIMUM:
        raise SecretError(
            f"secret {name} is shorter than {_MINIMUM} characters, so it could not be hidden in reports; "
            "choose a longer one"
        )
    _current.add(value)
    return value


def _from_keyring(name: str) -> str:
    by_hand = f"export {name}=…"
    try:
        import keyring
        from keyring.errors import KeyringError
    except ImportError:
        raise SecretError(
            f"secret {name} is not in the environment: {by_hand}; or keep it in the keyring: "
            f"pip install 'mlops-workbench[keyring]' && keyring set {SERVICE} {name}"
        ) from None
    try:
        value = keyring.get_password(SERVICE, name)
    except KeyringError as error:
        why = " ".join(str(error).split()) or type(error).__name__
        raise SecretError(
            f"secret {name} is not in the environment, and the keyring cannot be read: {by_hand}", details=why
        ) from None
    if not value:
        raise SecretError(
            f"secret {name} is neither in the environment nor in the keyring: {by_hand}, "
            f"or keyring set {SERVICE} {name}"
        )
    return value
