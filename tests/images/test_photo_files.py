"""Files, folders and patterns become photos, sorted and each once."""

from pathlib import Path

import pytest

from lexiclip.errors import InputError
from lexiclip.images.photo_files import photo_files

FILES = ["b.JPG", "a.png", "sub/deep/c.tiff", "sub/notes.txt", "._a.png", ".cache/d.png", "sub/.hidden.jpg"]


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    for file in FILES:
        (tmp_path / "photos" / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "photos" / file).touch()
    (tmp_path / "photos/folder.png").mkdir()
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    ("given", "found"),
    [
        (["photos"], ["photos/a.png", "photos/b.JPG", "photos/sub/deep/c.tiff"]),
        (["photos/sub"], ["photos/sub/deep/c.tiff"]),
        (["photos/.cache"], ["photos/.cache/d.png"]),
        (["photos/*.png"], ["photos/a.png"]),
        (["photos/**/*.[tj]*"], ["photos/sub/deep/c.tiff"]),
        (["photos/**"], ["photos/a.png", "photos/b.JPG", "photos/sub/deep/c.tiff"]),
        (["photos/b.JPG", "photos"], ["photos/b.JPG", "photos/a.png", "photos/sub/deep/c.tiff"]),
        (["photos/sub/notes.txt", "absent.png"], ["photos/sub/notes.txt", "absent.png"]),
    ],
)
def test_photos_of_files_folders_and_patterns(given, found):
    assert sorted(map(str, photo_files(given))) == sorted(found)
    assert photo_files([Path(text) for text in given]) == photo_files(given)


def test_a_folder_is_sorted_and_files_come_as_given():
    assert photo_files(["photos"]) == sorted(photo_files(["photos"]))
    assert photo_files(["photos/b.JPG", "photos"])[0] == Path("photos/b.JPG")


def test_a_files_name_may_look_like_a_pattern():
    Path("photo[1].jpg").touch()
    assert photo_files(["photo[1].jpg"]) == [Path("photo[1].jpg")]


@pytest.mark.parametrize("given", ["empty", "photos/*.gif", "absent/**"])
def test_no_photo_is_told(given):
    with pytest.raises(InputError, match="no photo in it: expected files that end in"):
        photo_files(["photos", given])


def test_a_name_that_no_file_may_have_is_told():
    with pytest.raises(InputError, match="File name too long"):
        photo_files(["x" * 300])


def test_linked_folders_are_followed_once_and_dangling_links_are_kept(tmp_path):
    album = tmp_path / "album"
    album.mkdir()
    (album / "link").symlink_to(tmp_path / "photos/sub")
    (album / "loop").symlink_to(album)
    (album / "gone.jpg").symlink_to(tmp_path / "absent.jpg")  # that it cannot be read has to be said
    assert photo_files(["album"]) == [Path("album/gone.jpg"), Path("album/link/deep/c.tiff")]
