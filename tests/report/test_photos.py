"""The page of `lexiclip predict --report`: names are text, and a frame is cut at the photo's edges."""

import re
from html import escape

from PIL import Image

from lexiclip.images.windows import Box
from lexiclip.report.page import write_photos
from lexiclip.report.photos import Card, FoundLabel, frame_style
from lexiclip.report.pictures import photo_uri

NAME = "<script>alert('é')</script> & \"co\".jpg"


def test_a_frame_is_in_per_cent_of_the_width_and_cut_at_the_edges():
    inside = frame_style(Box(top=30, left=50, height=50, width=100), (200, 100))
    assert inside == "margin:15.00% 0 0 25.00%;width:50.00%;aspect-ratio:100/50"
    past = frame_style(Box(top=80, left=150, height=50, width=100), (200, 100))
    assert past == "margin:40.00% 0 0 75.00%;width:25.00%;aspect-ratio:50/20"


def test_names_are_text_and_the_page_fetches_nothing(tmp_path):
    picture = Image.new("RGB", (20, 10), "red")
    label = FoundLabel("<i>fox</i>", 0.934, frame_style(Box(0, 0, 5, 5), picture.size))
    cards = [Card(NAME, photo_uri(picture), picture.size, labels) for labels in ([label], [])]
    write_photos(tmp_path / "page.html", cards)
    text = (tmp_path / "page.html").read_text(encoding="utf-8")
    shown = str(escape(NAME)).replace("&#x27;", "&#39;").replace("&quot;", "&#34;")
    assert text.count(f'alt="{shown}"') == text.count(f"<h3>{shown}</h3>") == 2
    assert "0.93 <b>&lt;i&gt;fox&lt;/i&gt;</b>" in text and "no label predicted" in text
    assert "<script" not in text and re.findall(r'(?:src|href)="(?!data:)', text) == []
