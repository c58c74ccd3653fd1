"""The page in headless Chromium: it renders, fetches nothing, fits a phone, reads in light and in dark."""

import json
import shutil

import pytest
from PIL import Image
from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By

from lexiclip.images.windows import Box
from lexiclip.report.page import write_photos
from lexiclip.report.photos import Card, FoundLabel, frame_style
from lexiclip.report.pictures import photo_uri

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not (CHROMIUM and DRIVER), reason="needs chromium and chromedriver (Debian's names)"),
]
FLAGS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip

# The lowest WCAG contrast of a text with the nearest background behind it, and where it is.
CONTRAST = """
const luminance = (channels) => channels.slice(0, 3)
  .map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4))
  .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
const channels = (text) => {
  const numbers = text.match(/[\\d.]+/g).map(Number);
  return text.startsWith("color(") ? numbers : numbers.map((n, i) => (i < 3 ? n / 255 : n));
};
const behind = (element) => {
  for (; element; element = element.parentElement) {
    const colour = channels(getComputedStyle(element).backgroundColor);
    if (colour.length < 4 || colour[3] > 0) return colour;
  }
};
let worst = [99, ""];
for (const element of document.querySelectorAll("body *")) {
  const text = [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
  if (!text || !element.checkVisibility() || element.closest("script")) continue;
  const style = getComputedStyle(element);
  const ink = luminance(channels(element.closest("svg") ? style.fill : style.color));
  const back = luminance(behind(element));
  const ratio = (Math.max(ink, back) + 0.05) / (Math.min(ink, back) + 0.05);
  if (ratio < worst[0]) worst = [ratio, element.outerHTML.slice(0, 200)];
}
return worst;
"""


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for flag in [*FLAGS, f"--user-data-dir={tmp_path_factory.mktemp('profile')}"]:
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options, Service(DRIVER))  # the path keeps selenium from fetching one
    driver.get("about:blank")  # the browser's own first page asks for hundreds of things
    yield driver
    driver.quit()


def visit(browser, path, width, scheme="light"):
    """Open the file; the addresses that were asked for and what the console said."""
    for log in ("browser", "performance"):
        browser.get_log(log)
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    browser.get(path.as_uri())
    events = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    sent = [event["params"] for event in events if event["method"] == "Network.requestWillBeSent"]
    return [params["request"]["url"] for params in sent], browser.get_log("browser")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 400])
@pytest.mark.parametrize("labels", ["page", "unlabelled_page"])
def test_renders_alone_and_fits(browser, request, labels, width, scheme):
    page = request.getfixturevalue(labels)
    asked, console = visit(browser, page, width, scheme)
    assert page.as_uri() in asked and console == []
    assert [url for url in asked if url != page.as_uri() and not url.startswith("data:")] == []
    assert browser.execute_script("return document.documentElement.scrollWidth <= window.innerWidth")
    assert browser.execute_script("return [...document.images].every((image) => image.naturalWidth > 0)")
    heights = "return [...document.querySelectorAll('section')].map((s) => s.offsetHeight)"
    assert min(browser.execute_script(heights)) > 100
    background = browser.execute_script("return getComputedStyle(document.body).backgroundColor")
    assert (background == "rgb(20, 23, 27)") == (scheme == "dark")
    ratio, where = browser.execute_script(CONTRAST)
    assert ratio >= 4.5, where


def test_a_request_and_a_console_error_would_be_seen(browser, tmp_path):
    """The control: the logs of the test above see what they are there for."""
    file = tmp_path / "loud.html"
    file.write_text("<img src='http://127.0.0.1:9/x.png'><script>console.error('heard')</script>")
    asked, console = visit(browser, file, 400)
    assert "http://127.0.0.1:9/x.png" in asked and any("heard" in entry["message"] for entry in console)


def test_a_heading_sorts_and_sorts_back(browser, page):
    visit(browser, page, 1280)
    rows = "[...document.querySelectorAll('#classes tbody tr')]"
    column = f"return {rows}.map((row) => +row.cells[4].textContent)"
    heading = browser.find_element(By.XPATH, "//section[@id='classes']//th[button='support']")
    before = browser.execute_script(column)
    for order, down in (("descending", True), ("ascending", False)):
        browser.execute_script("arguments[0].click()", heading.find_element(By.TAG_NAME, "button"))
        assert heading.get_attribute("aria-sort") == order
        assert browser.execute_script(column) == sorted(before, reverse=down)
    assert len(set(before)) > 1
    assert len(browser.find_elements(By.CSS_SELECTOR, "#classes [aria-sort]")) == 1


def test_a_label_that_is_clicked_shows_its_frame_on_the_photo(browser, tmp_path):
    picture = Image.new("RGB", (200, 100), "red")
    boxes = [Box(top=30, left=50, height=50, width=100), Box(top=80, left=150, height=50, width=100)]
    labels = [FoundLabel("fox", 0.9, frame_style(box, picture.size)) for box in boxes]
    write_photos(tmp_path / "page.html", [Card("a.jpg", photo_uri(picture), picture.size, labels)])
    asked, said = visit(browser, tmp_path / "page.html", 800)
    assert said == [] and all(address.startswith(("file:", "data:")) for address in asked)
    frames = browser.find_elements(By.CSS_SELECTOR, ".frame")
    assert not any(frame.is_displayed() for frame in frames)
    browser.find_elements(By.CSS_SELECTOR, ".photos ul li")[1].click()
    assert [frame.is_displayed() for frame in frames] == [False, True]
    photo, frame = browser.find_element(By.CSS_SELECTOR, ".photos img").rect, frames[1].rect
    zoom = photo["width"] / 200
    assert frame["x"] - photo["x"] == pytest.approx(150 * zoom, abs=1.5)
    assert frame["y"] - photo["y"] == pytest.approx(80 * zoom, abs=1.5)
    assert (frame["width"], frame["height"]) == pytest.approx((50 * zoom, 20 * zoom), abs=1.5)
