"""Logins: one form of each address, and users that are found by every other one."""

import pytest
from okube_api.auth.repository import normalize_login


@pytest.mark.parametrize(
    ("login", "expected"),
    [
        ("Jeanne@Example.COM", "jeanne@example.com"),
        ("jeanne@xn--bcher-kva.example", "jeanne@b\u00fccher.example"),
        ("jeanne@XN--BCHER-KVA.Example", "jeanne@b\u00fccher.example"),
        ("jeanne@B\u00dcCHER.example", "jeanne@b\u00fccher.example"),
        ("jeanne@bu\u0308cher.example", "jeanne@b\u00fccher.example"),
        ("jeanne@b\u00fccher\u3002example", "jeanne@b\u00fccher.example"),
        ("jeanne@mail.xn--bcher-kva.xn--fiqs8s", "jeanne@mail.b\u00fccher.\u4e2d\u56fd"),
        ("xn--bcher-kva@example.com", "xn--bcher-kva@example.com"),  # only the domain has such forms
        ("jeanne@xn--strae-oqa.example", "jeanne@xn--strae-oqa.example"),  # not strasse.example
        ("jeanne@xn--.example", "jeanne@xn--.example"),
        ("jeanne@xn--a.example", "jeanne@xn--a.example"),
        ("jeanne@xn--bcher-kva", "jeanne@b\u00fccher"),
        ("no address", "no address"),
    ],
)
def test_login_has_one_form(login: str, expected: str) -> None:
    assert normalize_login(login) == expected
    assert normalize_login(expected) == expected
