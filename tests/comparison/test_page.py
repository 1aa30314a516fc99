"""The page needs nothing else: no address in it leads elsewhere, every image is inside."""

from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from fcnlab.comparison.figure import colour

ADDRESSES = ("src", "href", "xlink:href", "srcset", "poster", "action", "data", "content")


class Page(HTMLParser):
    """Tags, addresses and text of a page, and whether its tags are closed in order."""

    def __init__(self, content: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, Any]]] = []
        self.open: list[str] = []
        self.words: list[str] = []
        self.feed(content)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in ("meta", "img", "input"):
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)


@pytest.fixture(scope="module")
def content(finished: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    from conftest import call

    output = tmp_path_factory.mktemp("page")
    code, _, message = call("compare", (f"runs={finished}", f"output={output}", "images=3", "samples=10"))
    assert code == 0, message
    return (output / "comparison.html").read_text()


def test_no_address_leads_out_of_the_page(content: str) -> None:
    page = Page(content)
    assert not page.open
    found = [value for _, attributes in page.tags for key, value in attributes.items() if key in ADDRESSES]
    assert all(value.startswith(("data:image/", "#", "width=device-width")) for value in found)
    assert not {"script", "link", "iframe", "object"} & {tag for tag, _ in page.tags}
    assert "@import" not in content
    assert "url(http" not in content


def test_the_same_images_are_shown_for_every_variant_with_what_is_wrong_marked(content: str) -> None:
    page = Page(content)
    images = [attributes for tag, attributes in page.tags if tag == "img"]
    assert len(images) == 3 * (2 + 2 * 2)  # image, truth, and a mask with its marks per variant
    alternatives = [image["alt"] for image in images if image["alt"]]
    assert alternatives[:4] == [f"{what} test_00000" for what in ("image", "truth of", "fcn32s on", "fcn8s on")]
    assert sum(tag == "svg" for tag, _ in page.tags) == 3


def test_the_page_says_what_the_tables_say(content: str) -> None:
    words = "\n".join(Page(content).words)
    for part in (
        "fcn32s, fcn8s on shapes",
        "the highest mean IU, ",
        "7 test images of shapes",
        "background",
        "model.skips",
        "torch ",
    ):
        assert part in words


def test_names_are_text_and_never_markup(finished: Path) -> None:
    from fcnlab.comparison.page import table
    from fcnlab.comparison.table import Grid

    text = table(Grid("t", ["model", "<b>"], [["<script>", "a & b"]]), cards=True)
    assert "<script>" not in text
    assert "&lt;script&gt;" in text
    assert 'data-label="&lt;b&gt;"' in text


def test_a_data_set_may_call_a_class_or_a_run_what_it_likes(finished: Path) -> None:
    from fcnlab.comparison.finished import find_runs, read_runs
    from fcnlab.comparison.page import page
    from fcnlab.comparison.summary import summarise
    from fcnlab.comparison.variants import group

    variants = group(read_runs(find_runs(str(finished), "runs"))[0])
    comparison = summarise(variants, {}, samples=10)
    odd = "<script>alert('a & b')</script>"
    comparison["class_names"] = [odd, *comparison["class_names"][1:]]
    comparison["data"] = comparison["rows"][0]["variant"] = odd
    for row in comparison["rows"]:
        row["iou"][odd] = next(iter(row["iou"].values()))
    shown = Page(page(comparison, variants, images=1))
    assert not shown.open
    assert "script" not in {tag for tag, _ in shown.tags}
    assert any(odd in word for word in shown.words)


def test_many_long_names_leave_the_page_readable(finished: Path) -> None:
    from fcnlab.comparison.finished import find_runs, read_runs
    from fcnlab.comparison.page import page
    from fcnlab.comparison.summary import summarise
    from fcnlab.comparison.variants import Variant, group

    one = group(read_runs(find_runs(str(finished), "runs"))[0])[0]
    names = [f"fcn32s data.images.train={number} trainer.precision=bf16-mixed start=fcn32s" for number in range(9)]
    variants = [Variant(name, one.runs, one.settings | {"epochs": number}) for number, name in enumerate(names)]
    content = page(summarise(variants, {}, samples=10), variants, images=1)
    shown = Page(content)
    titles = [words for words in shown.words if "on shapes" in words]
    assert titles[0] == titles[1] == "9 variants on shapes"  # the tab's and the page's
    assert any(words.startswith("9 variants share the highest mean IU, ") for words in shown.words)
    drawings = [part.split("</svg>")[0] for part in content.split("<svg")[1:]]
    assert len(drawings) == 3
    assert not any("bf16-mixed" in drawing for drawing in drawings)  # a legend in a drawing would cover it
    shades = {attributes["style"] for _, attributes in shown.tags if attributes.get("class") == "key"}
    assert len({shade for shade in shades if any(colour(number) in shade for number in range(9))}) == 9
