"""Names out of what a user writes, the classes that compete with them, and labels of captions by them."""

import pytest

from lexiclip.errors import InputError
from lexiclip.own_classes import check_classes, class_names, own_vocabulary, with_competitors
from lexiclip.vocabulary import load_vocabulary


@pytest.fixture
def animals(tmp_path):
    (tmp_path / "words.yaml").write_text(
        "classes: {dog: [puppy, hound], couch: [sofa], person: [man, woman]}\n"
    )
    return load_vocabulary(tmp_path / "words.yaml")


@pytest.mark.parametrize(
    ("given", "names"),
    [
        ("tram, cyclist", ["tram", "cyclist"]),
        ('tram, "crossing, striped"', ["tram", "crossing, striped"]),
        ("tram; zebra  crossing;\n\ncyclist\n", ["tram", "zebra crossing", "cyclist"]),
        ('"a; b" ;c', ["a; b", "c"]),
        ('5" screen, "a ""b"""', ['5" screen', 'a "b"']),
        (" , ;", []),
    ],
)
def test_names_of_classes(tmp_path, given, names):
    assert class_names(given) == names
    (tmp_path / "classes.txt").write_text(given)
    assert class_names(str(tmp_path / "classes.txt")) == names


def test_names_of_a_vocabulary_and_of_an_upper_case_ending(tmp_path):
    (tmp_path / "mine.YAML").write_text("classes: {tram: [streetcar], cyclist: []}\n")
    (tmp_path / "mine.TXT").write_text("tram\ncyclist\n")
    for name in ("mine.YAML", "mine.TXT"):
        assert class_names(str(tmp_path / name)) == ["tram", "cyclist"]


@pytest.mark.parametrize(
    "given",
    [
        "tram,\nzebra crossing,\n",
        "1. tram\n2. zebra crossing\n",
        "0: tram\n1: zebra crossing",
        "0\ttram\n1\tzebra crossing",
        "- tram\n- zebra crossing",
        "n01440764 tram\nn01443537 zebra crossing\n",
        "# mine\ntram\nzebra crossing",
        '["tram", "zebra crossing"]',
        "['tram', 'zebra crossing']",
        "'tram'\n'zebra crossing'",
        "tram|zebra crossing",
        "tram\u3001zebra crossing",
        "\u200btram\0\n zebra\u00a0crossing",
    ],
)
def test_lists_as_other_tools_write_them(tmp_path, given):
    (tmp_path / "classes.txt").write_text(given, encoding="utf-8")
    assert class_names(str(tmp_path / "classes.txt")) == ["tram", "zebra crossing"]


def test_a_number_or_mark_may_belong_to_a_name():
    numbered = (["3 wheeler", "4 wheeler"], ["2 euro coin", "bus"], ["7. tram"])
    for names in (*numbered, ["- tram", "bus"], ["[a", "b'"]):
        assert class_names("\n".join(names)) == names


def test_names_of_a_terminal_that_is_not_in_utf_8(tmp_path):
    assert class_names("caf\udcc3\udca9, bus") == ["caf\u00e9", "bus"]
    with pytest.raises(InputError, match="--classes: not UTF-8 text"):
        class_names("caf\udce9, bus")


def test_a_list_of_another_kind_or_that_is_not_there_is_no_name():
    for name in ("classes.csv", "coco.names"):
        with pytest.raises(InputError, match=rf"--classes {name}: a file of another kind: give a \.txt with"):
            class_names(name)


def test_a_text_is_no_list_of_names():
    with pytest.raises(InputError, match="expected a list of names, not one text"):
        check_classes("tram, cyclist")


@pytest.mark.parametrize("given", ['tram, "crossing, striped', '"tram" car, bus', 'tram, "'])
def test_a_quote_that_is_not_closed_is_refused(given):
    with pytest.raises(InputError, match=r'^--classes: no closing double quote, or text after it, at "'):
        class_names(given)


@pytest.mark.parametrize(
    ("names", "said"),
    [
        ([], "at least one name"),
        (["tram", " _"], "none empty"),
        (["Traffic light", "tram", "traffic_light"], "'Traffic light' and 'traffic_light' are the same"),
        (["tram", "tram"], "'tram' and 'tram' are the same"),
        (["hot-dog", "hotdog"], "are the same class: keep one"),
    ],
)
def test_classes_that_are_none_or_the_same_are_refused(names, said):
    with pytest.raises(InputError, match=said):
        check_classes(names)


def test_a_class_that_means_the_same_does_not_compete(animals):
    check_classes(["tram", "sofa"])
    assert with_competitors(["tram", "sofa"], animals) == ("tram", "sofa", "dog", "person")


def test_captions_are_labelled_with_own_names_and_the_words_for_them(animals, tmp_path):
    (tmp_path / "rooms.yaml").write_text(
        "classes: {sofa: [couch, settee], sky: [blue heaven], dog: [wolf]}\nignore: [sky blue]\n"
    )
    rooms = load_vocabulary(tmp_path / "rooms.yaml")
    words = own_vocabulary(["man", "person", "sofa", "traffic_light", "Sky"], animals, rooms)
    assert words.names == ("man", "person", "sofa", "traffic_light", "Sky", "dog")
    labels = words.labels("A woman, two couches and a hound beside the traffic lights under a blue heaven")
    assert labels == ["person", "sofa", "traffic_light", "Sky", "dog"]
    assert words.labels("A man on a settee") == ["man", "sofa"]
    assert words.labels("A wolf") == [], "the first vocabulary that has the class has the words for it"


def test_a_word_for_a_class_is_no_word_for_all_that_the_class_means(animals):
    words = own_vocabulary(["puppy", "woman"], animals)
    assert words.labels("A hound and a man") == [] and words.labels("Women and a puppy") == ["puppy", "woman"]
    assert words.names == ("puppy", "woman", "couch")


def test_a_name_of_too_many_words_labels_no_caption(animals):
    with pytest.raises(InputError, match="at most 12 words"):
        own_vocabulary(["very " * 20 + "tram"], animals)
