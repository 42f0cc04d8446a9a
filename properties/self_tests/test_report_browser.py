"""The page of ``refconv report`` in a headless Chromium: wide, narrow, light and dark. Skips where there is none."""

import json
import os
import shutil
from pathlib import Path

import pytest
import report_results

pytest.importorskip("jinja2", reason="the page needs pip install 'refconv[report]'")
pytest.importorskip("selenium", reason="the browser is driven by selenium: pip install 'refconv[dev]'")

from selenium import webdriver
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service

from refconv_reports.page import render, report, stored

ROOT = Path(__file__).resolve().parents[2]
CHECKS = (Path(__file__).parent / "page_checks.js").read_text(encoding="utf-8")
BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
DRIVER = shutil.which("chromedriver")
pytestmark = [
    pytest.mark.skipif(
        not (BROWSER and DRIVER),
        reason="there is no Chromium with its driver: apt-get install chromium chromium-driver",
    ),
]
OPTIONS = (
    "--headless",
    "--no-sandbox",  # root has none
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
)
VIEWS = [
    ("full", 360, "light"),
    ("full", 768, "light"),  # the wide drawings at their smallest
    ("full", 1400, "dark"),
    ("stored", 360, "dark"),
    ("stored", 1400, "light"),
    ("little", 360, "light"),
]


@pytest.fixture(scope="module")
def driver(tmp_path_factory):
    """A browser with a profile of its own, that keeps its console and its network requests."""
    options = Options()
    for option in (*OPTIONS, f"--user-data-dir={tmp_path_factory.mktemp('profile')}"):
        options.add_argument(option)
    options.binary_location = BROWSER
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    service = Service(DRIVER, log_output=os.devnull)
    driver = webdriver.Chrome(options=options, service=service)
    driver.get("data:text/html,<span>mmmm</span>")
    if not driver.execute_script("return document.querySelector('span').getBoundingClientRect().width > 10"):
        driver.quit()
        pytest.skip("this Chromium has no font: apt-get install fonts-dejavu-core")
    yield driver
    driver.quit()


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    """A page of full size, of results that nobody measured; and that of what is stored, and of hardly anything."""
    folder = tmp_path_factory.mktemp("pages")
    kept = stored.default_paths(ROOT / "reports")
    about = [path for path in kept if "results" not in path.parts]
    paths = {
        "full": [*report_results.write(folder / "results", report_results.runs(("float32", "bfloat16"))), *about],
        "stored": kept,
        "little": report_results.write(
            folder / "little", report_results.little() | {"kernels.json": report_results.kernels(20, 6)}
        ),
    }
    for name, some in paths.items():
        (folder / f"{name}.html").write_text(render.html(report.page(stored.read(some))), encoding="utf-8")
    return {name: folder / f"{name}.html" for name in paths}


def opened(driver, page, width, scheme, media="screen"):
    """The page in a window of some width; whatever the browser said before is forgotten."""
    size = {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": width < 500}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": media, "features": features})
    driver.get_log("browser")
    driver.get_log("performance")
    driver.get(page.as_uri())


def wrong(driver):
    """What the checks find; all of what is folded is unfolded first."""
    folded = "document.querySelectorAll('details').forEach((one) => { one.open = true; })"
    found = driver.execute_script(CHECKS)
    driver.execute_script(folded)
    return found + [f"unfolded: {sentence}" for sentence in driver.execute_script(CHECKS) if sentence not in found]


def requests(driver):
    """The addresses that the page asked for, but for data that is in the page."""
    messages = [json.loads(entry["message"])["message"] for entry in driver.get_log("performance")]
    sent = [message["params"] for message in messages if message["method"] == "Network.requestWillBeSent"]
    return [request["request"]["url"] for request in sent if not request["request"]["url"].startswith("data:")]


@pytest.mark.parametrize(("name", "width", "scheme"), VIEWS)
def test_nothing_overlaps_is_cut_off_empty_or_faint(driver, pages, name, width, scheme):
    opened(driver, pages[name], width, scheme)
    found = wrong(driver)
    assert not found, "\n".join(found)
    assert requests(driver) == [pages[name].as_uri()]
    assert driver.get_log("browser") == []


def test_the_page_follows_the_scheme(driver, pages):
    grounds = {}
    for scheme in ("light", "dark"):
        opened(driver, pages["full"], 1400, scheme)
        grounds[scheme] = driver.execute_script("return getComputedStyle(document.body).backgroundColor")
    assert grounds == {"light": "rgb(255, 255, 255)", "dark": "rgb(20, 23, 26)"}


def test_paper_is_white_whatever_the_screen_is(driver, pages):
    opened(driver, pages["full"], 1000, "dark", media="print")
    assert driver.execute_script("return getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert not [sentence for sentence in driver.execute_script(CHECKS) if sentence.startswith("contrast")]


@pytest.mark.parametrize(("width", "shown"), [(360, "narrow"), (1400, "wide")])
def test_one_drawing_of_each_figure_is_shown(driver, pages, width, shown):
    opened(driver, pages["full"], width, "light")
    count = "return [...document.querySelectorAll(arguments[0])].filter((one) => one.getClientRects().length).length"
    figures = driver.execute_script(count, "figure")
    assert figures > 8
    assert driver.execute_script(count, f"figure .{shown} svg") == figures == driver.execute_script(count, "figure svg")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_drawing_of_its_own_is_legible(driver, pages, tmp_path, scheme):
    # As Markdown shows it: an image, on whatever ground.
    made = report.page(
        stored.read([ROOT / "reports" / "findings.json", *(ROOT / "reports" / "kernels").glob("*.json")])
    )
    drawing = tmp_path / "occupancy.svg"
    drawing.write_text(render.drawings(made)["occupancy.svg"], encoding="utf-8")
    opened(driver, drawing, 1000, scheme)
    colours = driver.execute_script(
        "const root = document.documentElement; return [getComputedStyle(root).backgroundColor,"
        " getComputedStyle(root.querySelector('text')).fill]"
    )
    assert (
        colours
        == {
            "light": ["rgb(255, 255, 255)", "rgb(89, 97, 107)"],
            "dark": ["rgb(20, 23, 26)", "rgb(163, 171, 181)"],
        }[scheme]
    )
    assert driver.get_log("browser") == []


FAULTS = {
    "wide": (
        "document.querySelector('p').style = 'width: 2000px; max-width: none'",
        "is 2",
    ),
    "cell": (
        "document.querySelector('td').innerHTML = '<span style=\"margin-right: -90px\">a very long text indeed</span>'",
        "the cell",
    ),
    "on another": (
        "const all = [...document.querySelectorAll('.wide text')]; all[1].replaceWith(all[0].cloneNode(true))",
        "lies on",
    ),
    "cut off": ("document.querySelector('.wide text').setAttribute('x', -50)", "is cut off"),
    "faint text": ("document.querySelector('p').style.color = '#999'", "contrast 2.85"),
    "faint mark": ("document.documentElement.style.setProperty('--one', '#bcd')", "of the mark"),
    "empty": ("document.querySelector('td').textContent = ''", "is empty"),
    "astray": ("document.querySelector('td').textContent = 'nan'", "the text has"),
    "twice": ("document.querySelectorAll('figure').forEach((one) => { one.id = 'x'; })", "twice"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_the_checks_can_fail(driver, pages, fault):
    opened(driver, pages["little"], 1400, "light")
    script, says = FAULTS[fault]
    assert driver.execute_script(CHECKS) == []
    driver.execute_script(script)
    assert [sentence for sentence in driver.execute_script(CHECKS) if says in sentence]


def test_a_request_and_an_error_are_noticed(driver, tmp_path):
    page = tmp_path / "page.html"
    page.write_text("<img src='beside.png'><script>console.error('broken')</script>", encoding="utf-8")
    opened(driver, page, 1400, "light")
    assert (tmp_path / "beside.png").as_uri() in requests(driver)
    assert any("broken" in entry["message"] for entry in driver.get_log("browser"))
