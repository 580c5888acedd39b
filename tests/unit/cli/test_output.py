"""What commands print."""

from __future__ import annotations

import pytest

from workbench.cli.output import print_table


def test_in_a_pipe_a_row_is_a_line_and_on_a_screen_nothing_is_cut_off(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    long = "word " * 60
    print_table(["name", "what"], [["one", long], ["[red]", "short"]])
    header, first, second = capsys.readouterr().out.splitlines()
    assert (header.split(), first.split()) == (["name", "what"], ["one", *long.split()])
    assert second.split() == ["[red]", "short"]
    monkeypatch.setenv("COLUMNS", "60")
    print_table(["name", "what"], [["one", long]])
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) == 60
    assert " ".join(lines).split().count("word") == 60
