"""Labels from text: longest match first, plurals, spellings, misleading words, and errors of bad files."""

import json
from pathlib import Path

import pytest
import yaml
from tests.refusals import refused

from lexiclip.errors import InputError
from lexiclip.vocabulary import load_vocabulary

FOLDER = Path(__file__).resolve().parents[1] / "src/lexiclip/vocabularies"
FORM = "words.yaml: expected `classes:` and below it a class a line, such as `tram: []`"


@pytest.fixture(scope="module")
def coco():
    return load_vocabulary(f"{FOLDER}/coco80.yaml")


@pytest.fixture
def load(tmp_path):
    def load(content, **options):
        path = tmp_path / "words.yaml"
        path.write_text(content if isinstance(content, str) else yaml.safe_dump(content, sort_keys=False))
        return load_vocabulary(path, **options)

    return load


@pytest.mark.parametrize(("file", "count"), [("coco80", 80), ("voc20", 20), ("nus81", 81)])
def test_every_class_is_found_by_its_own_name_in_any_case(file, count):
    vocabulary = load_vocabulary(f"{FOLDER}/{file}.yaml")
    assert len(vocabulary.names) == len(set(vocabulary.names)) == count
    for name in vocabulary.names:
        assert vocabulary.labels(f"A photo of a {name}.") == [name]
        assert vocabulary.labels(f"{name.upper()}!") == [name]


def test_the_coco_names_are_those_of_the_instances_json(shared, coco):
    files = sorted(shared.glob("photos/coco/instances*.json"))
    if not files:
        pytest.skip(f"no instances JSON under {shared}")
    categories = json.loads(files[0].read_text())["categories"]
    in_order = [category["name"] for category in sorted(categories, key=lambda category: category["id"])]
    assert list(coco.names) == in_order


@pytest.mark.parametrize(
    ("text", "labels"),
    [
        ("A dog eats a hot-dog, and two hotdogs lie there", ["dog", "hot dog"]),
        ("A baseball glove and a baseball", ["sports ball", "baseball glove"]),
        ("A teddy bear beside a bear", ["bear", "teddy bear"]),
        ("Knives, forks and wineglasses", ["wine glass", "fork", "knife"]),
        ("Two men, three women and some people", ["person"]),
        ("The policemen ride ponies", ["person", "horse"]),
        ("mice and geese and oxen", ["bird", "cow", "mouse"]),
        ("puppies, sandwiches and buses", ["bus", "dog", "sandwich"]),
        ("a motor bike, a motor-bike, a motorbike", ["motorcycle"]),
        ("TVs, a T.V. and a television", ["tv"]),
        ("An aeroplane above a cellphone", ["airplane", "cell phone"]),
        ("The dog's bowl; the cat\u2019s on the couch", ["cat", "dog", "bowl", "couch"]),
        ("a fire truck passes a fire hydrant", ["truck", "fire hydrant"]),
        ("a baby elephant", ["elephant"]),
        ("hair dryers and hair driers", ["hair drier"]),
        ("A homeowner, onlookers and a backpacker", ["person"]),
        ("A mockingbird and two finches", ["bird"]),
        ("donnuts and a dough-nut", ["donut"]),
        ("a bat and a ball, a baseball bat and gloves", ["sports ball", "baseball bat", "baseball glove"]),
        ("a table for dining, a table", ["dining table"]),
        ("catalogue, carpet, busy, bedroom, orangery, doghouse", []),
        ("hot. Dog", ["dog"]),
        ("", []),
        # misleading words
        ("an orange shirt", []),
        ("a bright orange cat", ["cat"]),
        ("a person in an orange striped shirt", ["person"]),
        ("an orange and white kitten", ["cat"]),
        ("a glass of orange juice", ["cup"]),
        ("an orange on a plate, oranges in a bowl", ["bowl", "orange"]),
        ("an orange, an apple", ["apple", "orange"]),
        ("a remote village", []),
        ("a remote on the couch", ["couch", "remote"]),
        ("a remote-controlled car", ["car"]),
        ("zebras at a zebra crossing", ["zebra"]),
        ("a bus waits at the bus stop", ["bus"]),
        ("a roll of toilet paper", []),
        ("a rocking horse", []),
        ("a male jumping a fence", ["person"]),
        ("oranges and an orange arranged on a plate", ["orange"]),
        ("playing baseball, a game of soccer", []),
        ("playing soccer with a ball", ["sports ball"]),
        ("she plays basketball with her dog", ["dog"]),
        ("a cowboy hat, a cowboy", ["person"]),
        ("at the farmer's market, at farmers markets", []),
        ("To Kill a Mockingbird", []),
        ("a car seat, a car wash", []),
    ],
)
def test_labels(coco, text, labels):
    assert coco.labels(text) == labels


@pytest.mark.parametrize(
    ("file", "labels"), [("voc20", ["bird", "dog", "person"]), ("nus81", ["birds", "dog", "person"])]
)
def test_the_other_vocabularies_know_the_same_words(file, labels):
    text = "A homeowner in a cowboy hat shows a doggo a mockingbird in the dog park"
    assert load_vocabulary(f"{FOLDER}/{file}.yaml").labels(text) == labels


def test_a_class_left_out_still_consumes_its_words():
    vocabulary = load_vocabulary(f"{FOLDER}/coco80.yaml", without=["hot dog", "dining table"])
    assert len(vocabulary.names) == 78
    assert "hot dog" not in vocabulary.names
    assert vocabulary.labels("A hot dog and a dog on a dining table") == ["dog"]
    assert vocabulary.in_order(["dog", None, "person", "dog", "hot dog"]) == ["person", "dog"]


def test_words_of_a_users_own_file(load):
    vocabulary = load({"classes": {"zebra crossing": ["crosswalk"], "wolf": None, "tram": []}})
    assert vocabulary.names == ("zebra crossing", "wolf", "tram")
    assert vocabulary.labels("Trams and wolves at the zebra-crossings") == ["zebra crossing", "wolf", "tram"]
    assert vocabulary.labels("two cross walks, three crosswalks") == ["zebra crossing"]


def test_adjectives_are_known_however_they_are_spelt(load):
    words = {"classes": {"orange": [], "light": [], "shirt": []}}
    vocabulary = load(words | {"adjectives": ["Orange", "Light-"], "after_noun": ["In"]})
    assert vocabulary.labels("an orange shirt, a light shirt") == ["shirt"]
    assert vocabulary.labels("an orange in a light") == ["orange", "light"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("- dog\n- cat\n", f"{FORM}, got ['dog', 'cat']"),
        ("classes: [dog, cat]\n", f"{FORM}, got {{'classes': ['dog', 'cat']}}"),
        ("classes: {}\n", f"{FORM}, got {{'classes': {{}}}}"),
        (f"classes: {{dog: [{'dog ' * 40}]}}\n", "classes.dog.0: expected at most 12 words in a row, got"),
        ("classes: {dog: puppy}\n", "classes.dog: expected a list of words, such as [streetcar], got 'p"),
        ("classes: {dog: [no]}\n", "classes.dog.0: expected a word, got False: put it in quotes"),
        ("classes: {on: [light]}\n", "put it in quotes"),
        ("classes: {dog: [pet], cat: [pet]}\n", "'pet' stands for both 'dog' and 'cat'"),
        ("classes: {dog: [], dogs: []}\n", "'dogs' stands for both 'dog' and 'dogs'"),
        ("classes: {dog: []}\nignore: [Dog]\n", "'Dog' is ignored"),
        (
            "classes: {tram stop: []}\nignore: [Tram-stop]\n",
            "'Tram-stop' is ignored and stands for 'tram stop'",
        ),
        ("classes: {dog: []}\nignored: [hot dog]\n", "ignored: unknown key"),
        ("classes: {dog: []}\nignore: hot dog\n", "ignore: expected a list of words, such as "),
    ],
)
def test_a_bad_file_is_told_in_one_line(load, content, said):
    with refused(said, "words.yaml"):
        load(content)


def test_an_unknown_class_left_out_names_the_nearest(load):
    with pytest.raises(InputError, match=r"no class 'hotdog' .*did you mean 'hot dog'"):
        load({"classes": {"hot dog": [], "dog": []}}, without=["hotdog"])
