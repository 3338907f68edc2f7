"""The report: one page that needs nothing else, whatever state its runs are in."""

import base64
import io
import re
import shutil
from html.parser import HTMLParser

import browser
import numpy as np
import pytest
from PIL import Image

from telegrad.cli.main import main
from telegrad.experiments.comparison import comparison_of
from telegrad.experiments.launch import launch_comparison
from telegrad.experiments.report import write_report

EVIL = '<script>alert("x")</script> & $\\frac'


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Six real runs: two strategies, one of them with probes, by three seeds."""
    comparison = comparison_of(
        strategies={
            EVIL: {"strategy": "Multiscale", "batch_size": 2, "adapt": 0.3},
            "auto": {"strategy": "telegrad.schedules.Auto"},
        },
        seeds=[0, 1, 2],
        size=32,
        budget="150wu",
        device="cpu",
        **{"network.channels": 8, "validation.images": 4, "validation.times": 3},
    )
    directory = tmp_path_factory.mktemp("made")
    assert launch_comparison(comparison, directory, parallel=2) == []
    write_report(directory)
    return directory


@pytest.fixture
def runs(made, tmp_path):
    """The same, to be changed."""
    shutil.copytree(made, tmp_path / "runs")
    return tmp_path / "runs"


def page(directory):
    return write_report(directory)[0].read_text()


class Elements(HTMLParser):
    """Every element of a page with its attributes, and the ones left open."""

    EMPTY = frozenset({"meta", "link", "img", "br"})  # of those that the page has

    def __init__(self, text):
        super().__init__()
        self.all, self.open = [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.all.append((tag, dict(attrs)))
        if tag not in self.EMPTY:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.all.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_the_page_is_whole_and_needs_nothing_from_elsewhere(runs):
    text = page(runs)
    elements = Elements(text)
    assert elements.open == []
    ids = [attributes["id"] for _, attributes in elements.all if "id" in attributes]
    assert len(ids) == len(set(ids))
    assert not {tag for tag, _ in elements.all} & {"iframe", "object", "embed"}
    assert [tag for tag, _ in elements.all].count("script") == 1
    (policy,) = [a["content"] for _, a in elements.all if "http-equiv" in a]
    assert "default-src 'none'" in policy
    links = {value for _, a in elements.all for name, value in a.items() if name in ("src", "href")}
    outside = [x for x in links if not x.startswith(("data:", "#")) and "xlink" not in x]
    assert sorted(outside) == ["summary.csv", "summary.json"]
    assert "url(http" not in text
    assert not any(name.startswith("on") for _, a in elements.all for name in a)


def test_it_shows_tables_curves_work_variances_decisions_and_commands(runs):
    config = next(runs.rglob("runs/*_auto_run1/config.yaml"))
    config.with_name("events.log").write_text("2026-01-01T00:00:00 iteration 9: moving <on>\n")
    text = page(runs)
    for part in ("95 % confidence interval", "Validation loss against work units", "against seconds",
                 "Work units by the finest level", "correction_variance", "What runs decided", "iteration 9: moving &lt;on&gt;", "How to make each again",
                 "telegrad train denoising --network ResNet --network.channels 8",
                 "at equal work (1", "at equal seconds (", "Photographs that no training saw"):  # fmt: skip
        assert part in text
    assert text.count('class="plot"') == 2


def test_it_opens_with_what_is_saved_and_marks_the_best_at_equal_cost(runs):
    text = page(runs)
    (lead,) = re.findall(r'<p class="first">(.*?)</p>', text)
    assert text.index(lead) < text.index("<table")
    assert re.search(r"reached the quality of .*; 3 seeds\.", lead)
    elements = Elements(text).all
    best = [a for tag, a in elements if tag == "td" and a.get("class") == "best"]
    assert 1 <= len(best) <= 2  # the slower one may not have validated in the other's seconds
    heads = re.findall(r'<th scope="col">(.*?)</th>', text)
    assert heads[:2] == ["strategy", "verdict"]


def test_pictures_are_real_images_with_words_for_those_who_can_not_see_them(runs):
    images = [a for tag, a in Elements(page(runs)).all if tag == "img"]
    shown = {}
    for image in images:
        pixels = base64.b64decode(image["src"].split(",", 1)[1])
        shown[image["alt"]] = np.asarray(Image.open(io.BytesIO(pixels)).convert("RGB"))
    scenes = {words.partition(", ")[0] for words in shown}
    assert len(scenes) > 1
    assert len(shown) == len(images) == 4 * len(scenes)  # corrupted, two restored, clean
    assert {array.shape for array in shown.values()} == {(256, 256, 3)}
    for scene in scenes:
        corrupted, clean = (
            next(array for alt, array in shown.items() if alt.startswith(f"{scene}, {name}"))
            for name in ("corrupted", "clean")
        )
        assert np.abs(corrupted.astype(float) - clean).mean() > 1


def test_names_from_files_are_shown_and_not_run(runs):
    text = page(runs)
    assert '<script>alert("x")' not in text
    assert "&lt;script&gt;" in text


def test_what_is_broken_is_said_and_the_rest_stands(runs):
    one, two, *_ = sorted(runs.rglob("runs/*/progress.csv"))
    one.write_text(one.read_text()[:90])
    two.unlink()
    for model in runs.rglob("*_best.pt"):
        model.write_bytes(b"torn")
    for log in runs.rglob("events.log"):
        log.write_bytes(b"\xff\xfe broken")
    text = page(runs)
    assert "No pictures: checkpoint" in text
    assert "confidence interval" in text


def test_a_run_under_way_stands_apart(runs):
    next(runs.rglob("report.json")).unlink()
    text = page(runs)
    assert "Not averaged in" in text
    assert ": unfinished" in text


def test_one_seed_claims_nothing(runs):
    for seed in (1, 2):
        for run in list(runs.glob(f"*/*/seed{seed}")):
            shutil.rmtree(run)
    text = page(runs)
    assert "With one seed no difference can be told from chance." in text
    assert "not tested: needs two seeds or more" in text
    assert " ± " not in re.sub(
        r"<section aria-labelledby=\"how\">.*?</section>", "", text, flags=re.S
    )


def test_a_page_of_runs_that_go_on_refreshes_itself_and_leaves_out_pictures(runs):
    text = write_report(runs, status="6 of 9 runs are finished", live=True)[0].read_text()
    assert "6 of 9 runs are finished" in text
    assert "data-seconds" in text
    assert "<img" not in text
    assert "data-seconds=" not in page(runs)


def test_the_command_line_writes_it_and_tensorboards_logs(runs, capsys):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    assert main(["report", str(runs), "--tensorboard", "true"]) == 0
    said = capsys.readouterr().out
    assert "not averaged in" not in said
    assert str(runs / "report.html") in said
    logs = sorted((runs / "tensorboard").rglob("events.out.*"))
    assert len(logs) == 6
    read = EventAccumulator(str(logs[0].parent))
    read.Reload()
    losses = [event.value for event in read.Scalars("valid_loss")]
    assert len(losses) >= 3
    assert main(["report", str(runs / "tensorboard")]) == 2
    assert "holds no runs" in capsys.readouterr().err


@pytest.fixture(scope="module")
def shown():
    with browser.browser() as of_test:
        yield of_test


@browser.needed
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280, 1920])
def test_in_a_browser_it_fits_complains_of_nothing_and_asks_for_nothing(made, shown, width, dark):
    address = (made / "report.html").as_uri()
    shown.open(address, width, dark)
    widths = "const page = document.documentElement; return [page.scrollWidth, page.clientWidth]"
    needs, has = shown.run(widths)
    assert needs == has > width - 20  # but for a scroll bar
    assert shown.too_wide == []
    assert shown.complaints == []
    assert shown.requests == [address]
    background = shown.run("return getComputedStyle(document.body).backgroundColor")
    light = sum(map(int, re.findall(r"\d+", background)[:3])) > 384
    assert light is not dark
    letters = "return Math.min(...[...document.querySelectorAll('.plot text')].map(e => parseFloat(getComputedStyle(e).fontSize)))"
    assert shown.run(letters) >= 12


@browser.needed
def test_in_a_browser_names_stay_while_a_table_scrolls(made, shown):
    shown.open((made / "report.html").as_uri(), 360)
    left = "return document.querySelector('tbody th').getBoundingClientRect().left"
    before = shown.run(left)
    shown.run("document.querySelector('.scroll').scrollLeft = 200")
    assert shown.run("return document.querySelector('.scroll').scrollLeft") == 200
    assert abs(shown.run(left) - before) < 2


@browser.needed
def test_in_a_browser_the_divider_moves_by_keyboard_and_by_pointer(made, shown):
    from selenium.webdriver.common.action_chains import ActionChains
    from selenium.webdriver.common.keys import Keys

    shown.open((made / "report.html").as_uri(), 1280)
    slider, view = shown.find("input[type=range]"), shown.find(".window")

    def divider():
        box, stage = (shown.find(x).rect for x in (".divider", ".stage"))
        return (box["x"] - stage["x"]) / stage["width"]

    assert divider() == pytest.approx(0.5, abs=0.01)
    slider.send_keys(Keys.ARROW_RIGHT * 10)
    assert divider() == pytest.approx(0.6, abs=0.01)
    assert "60 %" in slider.get_attribute("aria-valuetext")
    view.send_keys(Keys.ARROW_LEFT * 5)
    assert divider() == pytest.approx(0.5, abs=0.01)
    quarter = -view.size["width"] // 4
    ActionChains(shown.driver).move_to_element(view).click_and_hold().move_by_offset(
        quarter, 0
    ).release().perform()
    assert divider() == pytest.approx(0.25, abs=0.02)
    assert shown.complaints == []


@browser.needed
def test_in_a_browser_pictures_are_enlarged_changed_and_become_errors(made, shown):
    shown.open((made / "report.html").as_uri(), 1280)
    shown.run(
        "for (const [select, value] of [[0, 'clean'], [2, '4']]) {"
        "  const chosen = document.querySelectorAll('.controls select')[select];"
        "  chosen.value = value; chosen.dispatchEvent(new Event('input'));"
        "}"
    )
    window, stage = shown.find(".window").size, shown.find(".stage").size
    assert stage["width"] > 3.9 * (window["width"] - 20)
    first = "document.querySelector('.layer img').src === document.querySelector('.scene figure:last-child img').src"
    assert shown.run(f"return {first}")
    shown.find(".controls input[type=checkbox]").click()
    blend = "return getComputedStyle(document.querySelector('.target')).mixBlendMode + getComputedStyle(document.querySelector('.target')).display"
    assert shown.run(blend) == "differenceblock"


@browser.needed
def test_in_a_browser_a_page_of_runs_that_go_on_is_read_again(made, shown, tmp_path):
    text = (made / "report.html").read_text()
    going = tmp_path / "report.html"
    button = '<div class="status"><p role="status">{}</p><button type="button" data-seconds="0.5" hidden></button></div>'
    going.write_text(text.replace("</h1>", "</h1>" + button.format("1 of 2")))
    shown.open(going.as_uri(), 1280)
    assert shown.find("button").text == "Stop refreshing"
    going.write_text(text.replace("</h1>", "</h1><p role=status>2 of 2</p>"))
    shown.until(lambda page: page.find("[role=status]").text == "2 of 2")
