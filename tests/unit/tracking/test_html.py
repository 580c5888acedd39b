"""Report pages: what they show, what they keep out, and how they tell of a run that went wrong."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from tests.pages import (
    PNG,
    code,
    display,
    manifest,
    markdown,
    notebook,
    parse,
    printed,
    raised,
    shown,
    version,
)
from workbench.tracking.html import Limits, render
from workbench.tracking.page import CONTENT_SECURITY_POLICY, duration
from workbench.tracking.reports import Failure


def _render(*cells: Any, limits: Limits | None = None, **facts: Any) -> str:
    return render(notebook(*cells), title="train · tiny", manifest=manifest(**facts), limits=limits)


def _outputs(page: str, kind: str) -> list[str]:
    return [element.text for element in shown(page, "div", kind) if "output" in element.attributes["class"]]


def test_policy_comes_first_and_forbids_scripts_and_fetching() -> None:
    page = _render(markdown("# Train"))
    head = parse(page)[1:3]
    assert [element.tag for element in head] == ["head", "meta"]
    assert head[1].attributes == {"http-equiv": "Content-Security-Policy", "content": CONTENT_SECURITY_POLICY}
    for rule in ("default-src 'none'", "img-src data:", "style-src 'unsafe-inline'", "font-src data:"):
        assert rule in CONTENT_SECURITY_POLICY
    assert "script-src" not in CONTENT_SECURITY_POLICY


# -- what is shown -----------------------------------------------------------------------------------


def test_charts_are_inside_the_page_and_named_after_their_section() -> None:
    page = _render(
        markdown("## Calibration"),
        code(
            "1", display({"image/png": PNG + "\n", "text/plain": "<Figure>"}, {"image/png": {"width": 640}})
        ),
        code("1", display({"image/svg+xml": "<svg xmlns='http://www.w3.org/2000/svg'/>"})),
    )
    png, svg = shown(page, "img")
    assert png.attributes == {
        "src": f"data:image/png;base64,{PNG}",
        "alt": "Chart: Calibration",
        "width": "640",
    }
    assert svg.attributes["src"].startswith("data:image/svg+xml;base64,")
    assert "Figure" not in page.partition("</style>")[2]


def test_data_frames_keep_their_table_and_lose_their_style_sheet() -> None:
    import pandas as pd

    frame = pd.DataFrame({"carrier": ["UA", "<b>"], "late": [0.21, 0.34]})
    page = _render(code("frame", display({"text/html": frame._repr_html_(), "text/plain": str(frame)})))
    assert [cell.text for cell in shown(page, "td")] == ["UA", "0.21", "<b>", "0.34"]
    assert "scoped" not in page


def test_an_estimator_is_shown_as_text() -> None:
    from sklearn.linear_model import LogisticRegression

    estimator = LogisticRegression(C=0.5)
    page = _render(code("1", display({"text/html": estimator._repr_html_(), "text/plain": repr(estimator)})))
    assert _outputs(page, "text") == ["LogisticRegression(C=0.5)"]


def test_a_widget_shows_its_picture_and_without_one_a_note() -> None:
    view = {"application/vnd.jupyter.widget-view+json": {"model_id": "m"}, "text/plain": "VBox(...)"}
    page = _render(
        code("panel", display({**view, "text/html": "<table><tr><td>A against B</td></tr></table>"})),
        code("slider", display(view)),
    )
    assert _outputs(page, "html") == ["A against B"]
    assert "open the notebook" in _outputs(page, "note")[0]
    assert "VBox" not in page


def test_a_scripted_chart_leaves_a_note_instead_of_a_gap() -> None:
    page = _render(code("1", display({"text/html": "<div id='x'>Loading…</div><script>draw()</script>"})))
    assert "open the notebook" in _outputs(page, "note")[0]


def test_header_says_what_ran_on_what_and_how_it_ended() -> None:
    page = _render(
        markdown("# Train two models\n\nReads *prepared*."),
        parameters={"learning_rate": 0.05},
        reads=(version("prepared", 3),),
        writes=(version("scores", 1),),
        code_version="0123456789abcdef0123+changed",
        notebook_hash="n" * 64,
        draft=True,
        seconds=185.0,
    )
    header = next(shown(page, "header")).text
    for words in (
        "tiny / train",
        "Train two models",
        "finished",
        "draft",
        "17 May 2024, 08:30 UTC",
        "took 3 min 05 s",
        "by maria",
        "learning_rate 0.05",
        "read prepared v3",
        "wrote scores v1",
        "0123456789ab… + changed",
        "nnnnnnnnnnnn…",
    ):
        assert words in header
    assert page.count("Train two models") == 1
    assert next(shown(page, "section", "prose")).text == "Reads prepared."


def test_without_a_title_of_its_own_a_notebook_gets_the_given_one() -> None:
    assert [heading.text for heading in shown(_render(code("1")), "h1")] == ["train · tiny"]


def test_contents_lead_to_the_sections() -> None:
    page = _render(
        markdown("# T\n\n## Why `x`"),
        code("1"),
        markdown("### Detail\n\n## What & how"),
        markdown("## Why `x`"),
    )
    nav = next(shown(page, "nav"))
    assert nav.text == "Contents Why x What & how Why x Show all code"
    targets = [
        link.attributes["href"] for link in shown(page, "a") if link.attributes["href"].startswith("#")
    ]
    ids = [element.attributes["id"] for element in parse(page) if "id" in element.attributes]
    assert len(targets) == 3
    assert {target.removeprefix("#") for target in targets} <= set(ids)
    assert len(ids) == len(set(ids))


def test_code_is_folded_but_there_and_parameters_are_open() -> None:
    page = _render(
        code("as_of = '2013-07-01'  # first day", tags=["parameters"]),
        code("\nimport pandas as pd\nframe = pd.DataFrame()"),
    )
    parameters, rest = shown(page, "details", "code")
    assert "open" in parameters.attributes
    assert "first day" in parameters.text
    assert "open" not in rest.attributes
    assert rest.text.startswith("[2] import pandas as pd +1")
    assert "frame = pd . DataFrame ()".replace(" ", "") in rest.text.replace(" ", "")


def test_other_languages_and_colours_are_shown() -> None:
    cells = notebook(code("x <- c(1, 2)", printed("\x1b[31mred\x1b[0m and \x1b[38mno colour <b>")))
    cells.metadata.language_info = {"name": "R", "pygments_lexer": "r"}
    page = render(cells, title="t", manifest=manifest())
    assert "x<-c(1,2)" in next(shown(page, "details", "code")).text.replace(" ", "")
    assert _outputs(page, "text") == ["red and no colour <b>"]


def test_a_progress_bar_is_shown_as_it_ended() -> None:
    page = _render(
        code("1", printed("\r 0%", "stderr"), printed("\r 50%", "stderr"), printed("\r100%\n", "stderr"))
    )
    assert _outputs(page, "log") == ["100%"]


def test_a_broken_attachment_costs_a_cell_and_not_the_report() -> None:
    page = _render(markdown("![x](attachment:gone.png) *kept*"), markdown("## After"))
    assert "attachment:gone.png" in next(shown(page, "section", "prose")).text
    assert [heading.text for heading in shown(page, "h2") if "id" in heading.attributes] == ["After"]


def test_an_attached_picture_is_inside_the_page() -> None:
    cell = markdown("![plan](attachment:a.png)", attachments={"a.png": {"image/png": PNG}})
    (picture,) = shown(_render(cell), "img")
    assert picture.attributes["src"] == f"data:image/png;base64,{PNG}"


# -- length ------------------------------------------------------------------------------------------


def test_long_print_is_cut_in_the_middle_with_a_note() -> None:
    text = "\n".join(f"line {number}" for number in range(1000))
    (shown_text,) = _outputs(_render(code("1", printed(text)), limits=Limits(lines=40)), "text")
    assert shown_text.startswith("line 0 line 1 ")
    assert "line 29 … 960 lines left out; the notebook has them … line 990" in shown_text
    assert shown_text.endswith("line 999")


def test_one_long_line_is_cut_too() -> None:
    (text,) = _outputs(
        _render(code("1", printed("x" * 90_000 + "end")), limits=Limits(characters=1000)), "text"
    )
    assert len(text) < 1200
    assert "89,003 characters left out" in text
    assert text.endswith("end")


def test_huge_tables_and_pictures_give_way() -> None:
    table = "<table>" + "<tr><td>1</td></tr>" * 200 + "</table>"
    page = _render(
        code("1", display({"text/html": table, "text/plain": "200 rows"})),
        code("1", display({"text/html": table})),
        code("1", display({"image/png": "A" * 5000})),
        limits=Limits(markup=1000, picture=4000),
    )
    assert _outputs(page, "text") == ["200 rows"]
    assert _outputs(page, "note") == [
        f"A table or page of {len(table):,} characters: see the notebook.",
        "A picture of 5,000 characters: see the notebook.",
    ]
    assert "<img" not in page


def test_a_page_is_small_before_anything_is_on_it() -> None:
    assert len(_render(code("1"))) < 30_000


# -- runs that did not end well ----------------------------------------------------------------------


def _broken_cells() -> list[Any]:
    return [
        markdown(
            '<span style="color:red">An Exception was encountered</span>',
            metadata={"tags": ["papermill-error-cell-tag"]},
        ),
        markdown("# Train"),
        code("rounds = 3", tags=["parameters"]),
        code("rounds = 4", tags=["injected-parameters"]),
        code("check()", raised(message="too few <rows>")),
        markdown("## Later"),
        code("later()", never_ran=True),
    ]


def test_a_failed_run_leads_from_the_top_to_the_cell() -> None:
    page = _render(*_broken_cells(), status="failed", error=Failure(message="phase 'train' failed"))
    alert = next(shown(page, "p", "trouble"))
    assert alert.text == "ValueError: too few <rows> Go to cell 3"
    (cell,) = shown(page, "section", "failed")
    assert cell.attributes["id"] == "cell-3"
    assert '<a href="#cell-3">' in page
    assert "cell 3 failed" in cell.text
    code_of_it = [each for each in shown(page, "details", "code") if "check" in each.text]
    assert "open" in code_of_it[0].attributes
    assert "cell 5 was not run" in next(shown(page, "section", "not-run")).text
    assert "An Exception was encountered" not in page


def test_an_interrupted_run_says_where_it_was() -> None:
    cells = [code("1"), code("wait()", raised("KeyboardInterrupt", "")), code("2", never_ran=True)]
    page = _render(*cells, status="killed", error=Failure(message="phase 'train' was interrupted"))
    assert next(shown(page, "p", "trouble")).text == "phase 'train' was interrupted Go to cell 2"
    assert "cell 2 is where it stopped" in next(shown(page, "section", "stopped")).text


@pytest.mark.parametrize("status_of_cell", ["running", "pending"])
def test_a_dead_kernel_is_found_where_the_cells_end(status_of_cell: str) -> None:
    died = code("crash()", papermill={"status": status_of_cell}, never_ran=status_of_cell == "pending")
    page = _render(
        code("1"), died, code("2", never_ran=True), status="failed", error=Failure(message="its kernel died")
    )
    assert next(shown(page, "p", "trouble")).text == "its kernel died Go to cell 2"
    assert [cell.attributes["id"] for cell in shown(page, "section", "not-run")] == ["cell-3"]


def test_an_expected_error_is_no_failure() -> None:
    page = _render(code("1/0", raised("ZeroDivisionError", "division by zero"), tags=["raises-exception"]))
    assert not list(shown(page, "p", "trouble"))
    assert not list(shown(page, "section", "failed"))
    assert "division by zero" in _outputs(page, "error")[0]


# -- manners -----------------------------------------------------------------------------------------


def test_the_notebook_is_not_changed() -> None:
    given = notebook(*_broken_cells(), code("1", display({"text/html": "<script>1</script>"})))
    before = copy.deepcopy(given)
    render(given, title="t", manifest=manifest())
    assert given == before


def test_the_index_is_linked_when_there_is_one() -> None:
    with_index = render(notebook(), title="t", manifest=manifest(), index="../../index.html")
    assert [link.text for link in shown(with_index, "a")] == ["All reports"]
    assert not list(shown(_render(), "a"))


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0.04, "0.0 s"),
        (9.94, "9.9 s"),
        (9.96, "10 s"),
        (59.4, "59 s"),
        (59.6, "1 min 00 s"),
        (7800, "2 h 10 min"),
        (None, "–"),
    ],
)
def test_durations_read_as_people_say_them(seconds: float | None, said: str) -> None:
    assert duration(seconds) == said
