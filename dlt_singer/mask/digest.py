"""What stands in place of a value: its salted SHA-256, so that equal values stay equal and none can be read.

In: a value as JSON text. Out: hexadecimal text. The text that is hashed is the value's, not the tap's spelling of
it: a string's characters, a number without needless digits, objects and arrays in one canonical form.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import TypeAlias

_Value: TypeAlias = "bool | Decimal | str | Sequence[_Value] | Mapping[str, _Value] | None"

_PLAIN_DIGITS = 1_000
"""A number further from 1 than by so many digits keeps its exponent."""
# A word such as NaN is what some taps write; control characters in strings, too.
_decode = json.JSONDecoder(strict=False, parse_int=Decimal, parse_float=Decimal, parse_constant=Decimal).decode


def sha256(salt: str) -> Callable[[bytes], str]:
    """Return the function from a value's JSON text to `sha256(salt + canonical text)` in hexadecimal.

    Args:
        salt: What makes the digests of this project different from everybody else's.

    >>> digest = sha256("pepper")
    >>> digest(b'"Jane"') == hashlib.sha256(b"pepperJane").hexdigest()
    True
    >>> digest(b"1.50") == digest(b"15e-1") == hashlib.sha256(b"pepper1.5").hexdigest()
    True
    """
    salted = hashlib.sha256(salt.encode())

    def digest(text: bytes) -> str:
        hashed = salted.copy()
        # Without an escape, a string's JSON text is its UTF-8 between quotes.
        hashed.update(text[1:-1] if text[:1] == b'"' and b"\\" not in text else canonical_text(text))
        return hashed.hexdigest()

    return digest


def salt_fingerprint(salt: str, place: str) -> str:
    """Return what is the same as long as a salt is, and is of no use to find it out.

    Each guess costs tens of milliseconds and 16 MB, and serves for one place only.

    Args:
        salt: The salt.
        place: What the fingerprint is for.

    >>> salt_fingerprint("pepper", "tap-x") == salt_fingerprint("pepper", "tap-x")
    True
    >>> salt_fingerprint("pepper", "tap-x") == salt_fingerprint("sugar", "tap-x")
    False
    """
    return hashlib.scrypt(salt.encode(), salt=place.encode(), n=2**14, r=8, p=1, dklen=16).hex()


def canonical_text(text: bytes) -> bytes:
    r"""Return the text of a JSON value that is the same however the value was written.

    A string is itself, without quotes and escapes. A number has no exponent and no zeros behind its last digit.
    `true` and `false` are these words. Objects have their keys sorted, and neither they nor arrays have spaces;
    within them, strings have quotes.

    Args:
        text: JSON, also with what Python's json module writes beyond it.

    Raises:
        ValueError: It is no JSON.

    >>> canonical_text(b'{"b": [1.0, "\\u00e9"], "a": 1e2}').decode()
    '{"a":100,"b":[1,"é"]}'
    """
    value: _Value = _decode(text.decode("utf-8", "surrogateescape"))
    return (value if isinstance(value, str) else _canonical(value)).encode("utf-8", "surrogatepass")


def _canonical(value: _Value) -> str:
    match value:
        case bool() | None:
            return json.dumps(value)
        case Decimal():
            return _number(value)
        case str():
            return json.dumps(value, ensure_ascii=False)
        case Mapping():
            members = (
                f"{json.dumps(name, ensure_ascii=False)}:{_canonical(value[name])}" for name in sorted(value)
            )
            return f"{{{','.join(members)}}}"
        case _:
            return f"[{','.join(map(_canonical, value))}]"


def _number(value: Decimal) -> str:
    if not value.is_finite():
        return str(value)
    if not value:
        return "0"
    style = "f" if abs(value.adjusted()) <= _PLAIN_DIGITS else "e"
    digits, e, exponent = format(value, style).partition("e")
    return (digits.rstrip("0").rstrip(".") if "." in digits else digits) + e + exponent
