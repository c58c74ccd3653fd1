"""Stage report: the study on one page, metrics/report.html, with nothing outside that file."""

from lexiclip.captions.filtering import dropped
from lexiclip.errors import run_stage
from lexiclip.evaluation.study_scores import read_scores_file
from lexiclip.evaluation.tables import labels_of
from lexiclip.files import read_npz
from lexiclip.heatmap import where_found
from lexiclip.images.datasets import load_dataset
from lexiclip.mixes import CAPTION_SOURCES
from lexiclip.params import load_params
from lexiclip.predict import encode_photos, load_study
from lexiclip.report import gallery
from lexiclip.report.charts import caption_map_curves, looks_of, loss_curves, recall_curves, reliability_curve
from lexiclip.report.matrix import cooccurrence_picture, strongest_pairs
from lexiclip.report.page import write_page
from lexiclip.report.pictures import photo_uri
from lexiclip.report.tables import (
    ablation_rows,
    captions_of_classes,
    class_rows,
    read_numbers,
    read_statistics,
    results_rows,
)
from lexiclip.vocabulary import load_vocabulary


def main() -> None:
    params = load_params()
    study = load_study()
    names = study.names
    vocabulary = load_vocabulary(params.vocabulary.file, params.vocabulary.without)
    dataset = load_dataset(params.images.labels, params.images.folder, vocabulary, params.images.limit)
    ids, stored = read_scores_file("data/scores/ensemble.npz", names)
    scores, rows = stored["scores"], gallery.evenly_spaced(len(ids))
    labels = measured = None
    statistics = read_statistics((*CAPTION_SOURCES, "world"))
    tuned_on = [name for name in statistics if name in CAPTION_SOURCES]
    captions = captions_of_classes(statistics, tuned_on)
    captions_by_class = {name: sum(of_set.values()) for name, of_set in captions}
    matrix = read_npz("data/cooccurrence.npz")["matrix"]
    looks = looks_of(params.scored)
    trainings = loss_curves(
        {name: variant.train.keep_epoch for name, variant in params.variants.items()}, looks
    )
    if dataset.labels is not None:
        labels = labels_of(ids, dataset, params.windows.skip_unreadable)
        measured = {
            "results": results_rows(
                read_numbers("metrics/results.csv", "variant"), params.variants, params.ensemble.rule
            ),
            "classes": class_rows(read_numbers("metrics/per_class_ap.csv", "class"), captions_by_class),
            "reliability": reliability_curve(read_numbers("metrics/reliability.csv"), looks),
            "recall": recall_curves(read_numbers("metrics/precision_recall.csv"), looks),
            "ablation": ablation_rows(read_numbers("metrics/ablation.csv", "change")),
            "precision": gallery.hits(scores, labels),
            "precision_shown": gallery.hits(scores[rows], labels[rows]),
        }
    path_of = dict(zip(dataset.ids, dataset.paths, strict=True))
    paths = [path_of[ids[row]] for row in rows]
    images = [
        gallery.gallery_image(
            path, params.windows.exif, names, scores[row], None if labels is None else labels[row]
        )
        for path, row in zip(paths, rows, strict=True)
    ]
    heated = []
    encoded = encode_photos(study, paths[:: gallery.WITH_HEAT])
    for image, photo in zip(images[:: gallery.WITH_HEAT], encoded, strict=True):
        found = where_found(study, photo, [label.name for label in image.predicted])
        heated.append((image, [photo_uri(drawn) for drawn in found]))
    write_page(
        "metrics/report.html",
        source=params.images.labels,
        image_count=len(ids),
        class_count=len(names),
        caption_count=sum(statistics[name]["kept"] for name in tuned_on),
        measured=measured,
        images=images,
        heated=heated,
        trainings=trainings,
        caption_map=caption_map_curves(list(params.variants), looks),
        statistics=statistics,
        dropped={name: dropped(counts) for name, counts in statistics.items()},
        tuned_on=tuned_on,
        captions=captions,
        matrix=cooccurrence_picture(matrix, names, captions_by_class),
        pairs=strongest_pairs(matrix, names, captions_by_class),
    )
    print(f"{len(ids)} images, {len(images)} of them shown -> metrics/report.html")


run_stage(main)
