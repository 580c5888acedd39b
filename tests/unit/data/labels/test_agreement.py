"""Agreement: known answers, and intervals that hold what they say."""

from __future__ import annotations

import itertools
import random
from collections.abc import Sequence

import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score

from tests.contract.labelling import NOW
from workbench.data.labels.agreement import agreement, kappas
from workbench.data.labels.model import Choice, Queue, Row
from workbench.data.labels.results import Given, Result

pytestmark = pytest.mark.practice("L9")
CHOICES = tuple(Choice(key, key, key) for key in "1234n")
QUEUE = Queue(1, "p", "q", "?", CHOICES, NOW, "ada")


def rows(*people: Sequence[str | None]) -> list[Result]:
    """What people named a, b, c … say of rows; None where one says nothing."""
    made = []
    for number, said in enumerate(zip(*people, strict=True), start=1):
        given = tuple(
            Given(name, label, NOW, 1) for name, label in zip("abcd", said, strict=False) if label is not None
        )
        made.append(Result(Row(number, 1, number, 1, {}, {}, "", len(given) or 1), given, None))
    return made


def test_alpha_is_that_of_krippendorffs_own_example() -> None:
    """From *Computing Krippendorff's Alpha-Reliability* (2011), C: four people, some silent: 0.743."""
    one = ["1", "2", "3", "3", "2", "1", "4", "1", "2", None, None, None]
    two = ["1", "2", "3", "3", "2", "2", "4", "1", "2", "n", None, "3"]
    three = [None, "3", "3", "3", "2", "3", "4", "2", "2", "n", "1", None]
    four = ["1", "2", "3", "3", "2", "4", "4", "1", "2", "n", "1", None]
    found = agreement(QUEUE, rows(one, two, three, four), rounds=50)
    assert found.alpha.value == pytest.approx(0.743, abs=5e-4)
    assert found.rows == 11
    assert [(pair.left, pair.right) for pair in found.pairs] == list(itertools.combinations("abcd", 2))


def test_kappa_is_that_of_a_table_worked_by_hand() -> None:
    # 20 both yes, 5 and 10 apart, 15 both no: (0.7 - 0.5) / (1 - 0.5)
    found = agreement(QUEUE, rows("1" * 25 + "2" * 25, "1" * 20 + "2" * 5 + "1" * 10 + "2" * 15))
    (pair,) = found.pairs
    assert (pair.rows, pair.same) == (50, pytest.approx(0.7))
    assert pair.kappa.value == pytest.approx(0.4)
    assert pair.kappa.low is not None
    assert pair.kappa.high is not None
    # By its asymptotic standard error, 0.13, it would be 0.15 to 0.65.
    assert pair.kappa.low == pytest.approx(0.15, abs=0.05)
    assert pair.kappa.high == pytest.approx(0.65, abs=0.05)
    assert agreement(QUEUE, rows("1" * 25 + "2" * 25, "1" * 20 + "2" * 5 + "1" * 10 + "2" * 15)) == found


def test_two_who_guess_agree_no_more_than_chance() -> None:
    chance = random.Random(3)
    found = agreement(QUEUE, rows(*("".join(chance.choice("12") for _ in range(300)) for _ in range(2))))
    assert found.alpha.low is not None
    assert found.alpha.high is not None
    assert found.alpha.low < 0 < found.alpha.high
    assert agreement(QUEUE, rows("12" * 9, "12" * 9)).alpha.value == pytest.approx(1)


@pytest.mark.parametrize(
    ("people", "count"), [((), 0), (("111", "111"), 3), ((["1", None], [None, "2"]), 0), (("1", "2"), 1)]
)
def test_where_it_is_not_defined_that_is_said(people: tuple[Sequence[str | None], ...], count: int) -> None:
    found = agreement(QUEUE, rows(*people) if people else [])
    assert found.rows == count
    assert found.same == (None if not count else float(people[0] == people[1]))
    if people == ("111", "111"):
        assert str(found.alpha) == "not defined (only one label was given)"
        assert found.pairs[0].kappa.value is None
    if people == ("1", "2"):
        assert (found.pairs[0].kappa.value, found.pairs[0].kappa.low) == (0, None)


def test_many_kappas_at_once_are_those_of_scikit_learn() -> None:
    chance = np.random.default_rng(1)
    tables = chance.multinomial(60, [0.3, 0.05, 0.05, 0.1, 0.2, 0.05, 0.05, 0.05, 0.15], 20).reshape(-1, 3, 3)
    places = [np.repeat(np.arange(9), table.ravel()) for table in tables]
    expected = [cohen_kappa_score(*np.divmod(each, 3)) for each in places]
    assert kappas(tables) == pytest.approx(expected)
    assert np.isnan(kappas(np.array([[[5, 0], [0, 0]]]))).all()
